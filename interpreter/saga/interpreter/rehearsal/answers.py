"""What actions answer in a rehearsal: by step, by iteration, by attempt; and a book of every call that was made.

A planned answer comes after a delay of virtual time. A step without a plan answers ok. This room must not know where
plans come from, nor what becomes of answers. Durations and moments are microseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from saga.interpreter.actions.answers import Answer, Missing, Ok, Postponed, Refusal, Unknown
from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import Attempt, OpenTransaction, Performer
from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.rehearsal.virtual import VirtualLoop
from saga.schema.definition import Verb
from saga.schema.testfile.names import ELSE, UNDO, of_saga, plain
from saga.schema.values import Value


class Way(StrEnum):
    """How an attempt goes."""

    OK = "ok"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    LATER = "later"
    """Postponed: ``raise Later(…)``."""
    HANGS = "hangs"
    """No answer; its ``attempt_timeout`` ends it."""
    LOST = "lost"
    """The worker dies while it runs."""
    REAL = "real"
    """The project's own action is called."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One planned answer."""

    way: Way = Way.OK
    output: Value = None
    code: str = ""
    message: str = ""
    after: int = 0
    """How long it takes."""
    delay: int = 0
    """LATER: for how long."""
    response: Value = None
    """``{status, headers}`` of an `http` step."""


OK = Planned()
Plans = Mapping[str, Sequence[Planned]]
"""Answers by the name of an action (`name_of`), one an attempt; the last goes for all later attempts."""


@dataclass(slots=True)
class Called:
    """One attempt that was made."""

    at: int
    run: UUID
    name: str
    """As `name_of` says."""
    key: str
    attempt: int
    arguments: Mapping[str, Value]
    undo: bool
    answer: Answer | None = None
    """None: none came, or nobody was there any more to hear it."""
    ended: int | None = None


def name_of(attempt: Attempt) -> str:
    """How an action is called in plans and stories: ``book_car[1]``, ``undo reserve``, ``undo ship/call_back``."""
    if not attempt.undo:
        return attempt.step
    label = attempt.key.partition("/undo")[2]
    return f"{UNDO}{attempt.step}{label}"


class Book:
    """Plans, and what was called."""

    def __init__(self, saga: str, plans: Plans) -> None:
        """``saga``: whose steps are planned by their bare names; those of others as ``saga.step``."""
        self.calls: list[Called] = []
        self._saga = saga
        self._plans = dict(plans)

    def plan(self, name: str, answers: Sequence[Planned]) -> None:
        """Plans the answers of an action."""
        self._plans[name] = answers

    def planned(self, attempt: Attempt) -> Planned:
        """What this attempt answers."""
        name = name_of(attempt)
        if attempt.saga != self._saga:
            name = of_saga(name, attempt.saga)
        answers = self._plans.get(name) or self._plans.get(plain(name)) or self._plans.get(ELSE) or (OK,)
        return answers[min(attempt.attempt, len(answers)) - 1]


@dataclass(slots=True)
class Reality:
    """What real actions need: those of the project, and what it allows. Empty where all are planned."""

    actions: Actions = field(default_factory=Actions)
    secrets: Secrets = field(default_factory=Secrets)
    allow: Sequence[str] = ()


class Understudy(Performer):
    """Performs attempts as planned, and for real where the plan says so."""

    def __init__(self, book: Book, reality: Reality, loop: VirtualLoop, die: Callable[[Attempt], None]) -> None:
        """``die`` ends whoever makes that attempt, as if its process were killed."""
        super().__init__(reality.actions, reality.secrets, Http(reality.secrets, reality.allow))
        self._book = book
        self._loop = loop
        self._die = die

    async def perform(self, attempt: Attempt, transaction: OpenTransaction | None = None) -> Answer:
        """See `Performer.perform`."""
        planned = self._book.planned(attempt)
        called = Called(
            self._loop.now(),
            attempt.run,
            name_of(attempt),
            attempt.key,
            attempt.attempt,
            attempt.arguments,
            attempt.undo,
        )
        self._book.calls.append(called)
        answer = await self._answer(planned, attempt, transaction)
        called.answer, called.ended = answer, self._loop.now()
        return answer

    def offers(self, hold: str) -> bool:
        """See `Performer.offers`: nothing changes while a rehearsal goes on."""
        return False

    async def _answer(self, planned: Planned, attempt: Attempt, transaction: OpenTransaction | None) -> Answer:
        if planned.way is Way.REAL and attempt.action.verb is Verb.TASK:
            return Missing("task", "it is done by a worker that is no part of the project: plan its answer")
        if planned.way is Way.REAL:
            with self._loop.flowing():
                answer = await super().perform(attempt, transaction)
            if isinstance(answer, Missing) and answer.hold == "transaction":
                answer.message += "; plan its answer, or play it with --engine postgres"
            return answer
        await asyncio.sleep(planned.after / 1_000_000)
        match planned.way:
            case Way.REJECTED:
                return Refusal(planned.code, planned.message)
            case Way.UNKNOWN:
                return Unknown(planned.code, planned.message)
            case Way.LATER:
                return Postponed(planned.delay)
            case Way.OK:
                return _ok(planned, attempt)
        if planned.way is Way.LOST:
            self._die(attempt)
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a future that nobody completes was completed")


def _ok(planned: Planned, attempt: Attempt) -> Ok:
    """Where nothing is planned: what such an action answers at least."""
    output, response, verb = planned.output, planned.response, attempt.action.verb
    if verb is Verb.SQL and output is None:
        output = {"rows": [], "count": 1}
    if verb is Verb.HTTP and response is None:
        response = {"status": 200, "headers": {}}
    return Ok(output, response)
