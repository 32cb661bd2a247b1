"""What takers of tasks ask for: take, stay alive, answer. For workers in any language, behind HTTP, and for saga's own.

A task is one attempt: whoever answers late, when the attempt was given up, is told so and nothing happens. This room
must not know HTTP, nor what an answer leads to.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from saga.interpreter.actions.answers import Answer, Missing, Ok, Postponed, Refusal, Unkeepable, Unknown, is_code
from saga.interpreter.store import Store
from saga.interpreter.task_store import TASK_TOPIC, Task
from saga.schema.values import Value, ValueProblem, dump, normalise

LEASE = 30_000_000
"""Microseconds that a taker may be silent, if neither it nor the saga says otherwise."""
LONGEST_LEASE = 86_400_000_000


class TaskName(NamedTuple):
    """Which attempt is meant."""

    run: UUID
    key: str
    attempt: int

    def __str__(self) -> str:
        """A word that can stand in an address."""
        text = json.dumps([str(self.run), self.key, self.attempt], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, word: str) -> TaskName | None:
        """The attempt that a word names; None for any other word."""
        try:
            run, key, attempt = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            return cls(UUID(run), str(key), int(attempt))
        except (ValueError, TypeError, AttributeError, binascii.Error):
            return None


def name_of(task: Task) -> TaskName:
    """What a taken task is called."""
    return TaskName(task.run, task.key, task.attempt)


class Tasks:
    """Tasks in a store. All methods may raise StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(
        self, project: int, names: Sequence[str], *, limit: int = 1, lease: int = LEASE, holder: str = ""
    ) -> list[Task]:
        """Takes tasks that `task:` steps offer under these names, oldest first; none is there: an empty list.

        ``lease``: microseconds until the first heartbeat. ``holder``: who takes it, for people. Raises ValueProblem.
        """
        topics = [f"{TASK_TOPIC}{name}" for name in names]
        return await self._store.take_tasks(project, topics, limit, _lease(lease), holder)

    async def heartbeat(self, task: TaskName, details: Value = None, lease: int | None = None) -> str:
        """The taker is at work. ``details``: how far it is, kept for the next attempt.

        ``lease``: for how long nothing will be heard, this once (extend). Answers ``go_on``, ``stop`` (the run does not
        want it any more: stop and say so with `fail`) or ``late`` (the attempt is over). Raises ValueProblem.
        """
        text = None if details is None else dump(normalise(details, what="details"))
        return await self._store.beat_task(*task, text, None if lease is None else _lease(lease))

    async def complete(self, task: TaskName, output: Value) -> str:
        """It is done. Answers ``accepted``, ``late`` or ``unknown``. Raises ValueProblem for what cannot be kept."""
        return await self.answer(task, Ok(normalise(output, what="output")))

    async def reject(self, task: TaskName, code: str, message: str = "") -> str:
        """It is refused for a reason that the saga may name, and nothing happened. Raises ValueProblem."""
        if not is_code(code):
            raise ValueProblem(
                "validation", f"{code!r} is no code: a word of a-z, 0-9 and _, such as card_declined", ""
            )
        return await self.answer(task, Refusal(code, message))

    async def fail(self, task: TaskName, code: str = "failed", message: str = "") -> str:
        """It did not work out, and nobody knows whether it had its effect: it is tried again. Raises ValueProblem."""
        return await self.answer(task, Unknown(_code(code), message))

    async def later(self, task: TaskName, seconds: float) -> str:
        """Not now: it is offered again after so many seconds, which takes no try away."""
        return await self.answer(task, Postponed(round(seconds * 1_000_000)))

    async def answer(self, task: TaskName, answer: Answer) -> str:
        """What an attempt has come to, whichever way."""
        return await self._store.answer_task(*task, dump(spell_answer(answer)))


def spell_answer(answer: Answer) -> dict[str, Any]:
    """An answer as a `TaskAnswered` says it."""
    match answer:
        case Ok():
            said: dict[str, Any] = {"how": "ok", "output": answer.output}
            return said if answer.response is None else {**said, "response": answer.response}
        case Postponed():
            return {"how": "postponed", "delay": answer.delay_us}
        case Missing():
            raise ValueError("an attempt that was not made has no answer")
        case Refusal():
            how = "rejected"
        case Unkeepable():
            how = "unkeepable"
        case _:
            how = "unknown"
    return {"how": how, "code": answer.code, "message": answer.message}


def _code(code: str) -> str:
    if not is_code(code):
        raise ValueProblem("validation", f"{code!r} is no code: a word of a-z, 0-9 and _, such as out_of_stock", "code")
    return code


def _lease(microseconds: int) -> int:
    if not 1_000_000 <= microseconds <= LONGEST_LEASE:
        raise ValueProblem("validation", "a lease is between one second and one day", "lease")
    return microseconds
