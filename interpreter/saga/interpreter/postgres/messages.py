"""What comes from outside: starts and messages, and offers of what runs lack.

It must not know what a message means to its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.bell import Bell, worker_name
from saga.interpreter.postgres.columns import start_columns
from saga.interpreter.postgres.links import Links
from saga.interpreter.postgres.pools import Pools, pool_of, queue_name
from saga.interpreter.stored import Delivery, Message, NewRun, OutboxRow

_COLLISIONS = 10
"""Two senders of one key meet at most once for each message of theirs; more means that something else is wrong."""

_HELD = """
SELECT DISTINCT hold FROM saga.run
 WHERE project = $1 AND hold IS NOT NULL AND ($2::uuid IS NULL OR id = $2 OR root = $2)"""


class Messages:
    """Starts, messages and offers, through a few connections. Everything raises StoreUnavailable."""

    def __init__(self, links: Links, bell: Bell, pools: Pools) -> None:
        self._links = links
        self._bell = bell
        self._pools = pools

    async def start(self, run: NewRun) -> bool:
        """See `Store.start`."""
        await self._pools.know([pool_of(run)])
        stored = await self._links.ask(statements.START, *start_columns(run, self._pools.number(pool_of(run))))
        if stored:
            self._bell.ring([queue_name(run.project, run.queue)])
        return bool(stored)

    async def send(self, messages: Sequence[Message]) -> list[Delivery]:
        """See `Store.send`. Runs are locked in ascending order, so that two senders never wait for each other."""
        originals = _originals(messages)
        unique = sorted(set(originals), key=lambda at: messages[at].run.bytes)
        answers = dict(zip(unique, await self._send_unique([messages[at] for at in unique]), strict=True))
        return [_answer(answers[original], repeated=original != at) for at, original in enumerate(originals)]

    async def _send_unique(self, messages: list[Message]) -> list[Delivery]:
        runs = [message.run for message in messages]
        names = [message.name for message in messages]
        keys = [message.key for message in messages]
        kinds = [message.kind for message in messages]
        data = [message.data for message in messages]
        answers = [Delivery("unknown")] * len(messages)
        stored = await self._once_per_key(statements.SEND, runs, kinds, names, keys, data)
        for place, mseq, owner, _ in stored:
            answers[place - 1] = Delivery("accepted", mseq, owner)
        self._bell.ring({worker_name(owner) for _, _, owner, _ in stored if owner is not None})
        self._bell.ring(await self._pools.names(pool for _, _, owner, pool in stored if owner is None))
        if len(stored) < len(messages):
            for place, ended, known in await self._links.ask(statements.WHY_NOT_SENT, runs, names, keys):
                if answers[place - 1].answer != "accepted":
                    answers[place - 1] = _why_not(ended, known)
        return answers

    async def send_to_ended(self, message: Message, outbox: OutboxRow) -> Delivery:
        """See `Store.send_to_ended`."""
        run, name, key = message.run, message.name, message.key
        stored = await self._once_per_key(
            statements.SEND_TO_ENDED, run, message.kind, name, key, message.data, outbox.kind, outbox.data
        )
        if stored:
            return Delivery("accepted", stored[0][0])
        _, ended, known = (await self._links.ask(statements.WHY_NOT_SENT, [run], [name], [key]))[0]
        if ended is False:
            raise ValueError(f"run {run} is open: use send")
        return Delivery("duplicate" if known else "unknown")

    async def _once_per_key(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Two that send one key at the same moment: the later one looks again and finds it there."""
        for _ in range(_COLLISIONS):
            with suppress(asyncpg.UniqueViolationError):
                return await self._links.ask(sql, *arguments)
        return await self._links.ask(sql, *arguments)

    async def held(self, project: int, only: UUID | None) -> list[str]:
        """See `Store.held`."""
        return [row[0] for row in await self._links.ask(_HELD, project, only)]

    async def offer(self, project: int, only: UUID | None, holds: Sequence[str]) -> int:
        """See `Store.offer`."""
        pools = [row[0] for row in await self._links.ask(statements.OFFER, project, list(holds), only)]
        self._bell.ring(await self._pools.names(pools))
        return len(pools)


def _originals(messages: Sequence[Message]) -> list[int]:
    """For each message the place of the first one with its run, name and key."""
    first: dict[tuple[UUID, str, str], int] = {}
    return [
        at if message.key is None else first.setdefault((message.run, message.name, message.key), at)
        for at, message in enumerate(messages)
    ]


def _answer(delivery: Delivery, repeated: bool) -> Delivery:
    return Delivery("duplicate") if repeated and delivery.answer == "accepted" else delivery


def _why_not(ended: bool | None, known: bool | None) -> Delivery:
    if ended is None:
        return Delivery("unknown")
    if known:
        return Delivery("duplicate")
    return Delivery("ended" if ended else "full")
