"""Everything that can happen to a run in a given state.

Every action under way answers ok, is rejected (once for each code that the file tells apart, and once by another) or
ends unknown, which also stands for an attempt lost with its worker; every timer that can be due first fires; every
signal that is declared comes, while fewer than two of its name are unread; cancel comes while it changes anything; a
stuck run is retried by a person. Once a run has turned, the answers to what is still under way do not touch each other,
so they are taken one after the other. This room must not know promises or marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from saga.interpreter import machine
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    CancelRequested,
    Event,
    Ref,
    RetryRequested,
    SignalReceived,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.retry import UNKNOWN_CODES
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.interpreter.proving.choices import Unknown
from saga.interpreter.proving.conditions import Oracle
from saga.interpreter.proving.fingerprints import Precedes
from saga.schema.definition import Definition, Step, Verb

UNREAD = 2
"""So many unread signals of one name are looked at."""
REFUSED = "rejected"
"""A code that no file tells apart."""
LOST = "connection"


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The events of one saga. ``rejections`` and ``unknowns``: the codes that matter, by step index."""

    definition: Definition
    rejections: Mapping[int, tuple[str, ...]]
    unknowns: Mapping[int, tuple[str, ...]]

    def events(self, state: State, messages: int, precedes: Precedes) -> Iterator[Event]:
        """What can come next. ``messages``: how many messages have come so far."""
        if reading.is_ended(state):
            return
        at = state.clock
        attempts = machine.open_attempts(self.definition, state)
        for ref, attempt in attempts if reading.is_forward(state) else attempts[:1]:
            yield from self._answers(at, ref, attempt)
        later = {second for _, second in precedes}
        for timer, due in state.timers.items():
            if timer not in later:
                yield TimerFired(max(at, due), timer)
        stuck = bool(reading.troubles(state))
        if reading.is_forward(state) and not stuck:
            yield from self._signals(at, state, messages)
        if reading.cancellable(state):
            yield CancelRequested(at, messages + 1)
        if stuck:
            yield RetryRequested(at, messages + 1)

    def _answers(self, at: int, ref: Ref, attempt: int) -> Iterator[Event]:
        step = self.definition.node(ref.step)
        if ref.undo != FORWARD:
            yield ActionSucceeded(at, ref, attempt, None)
            for code in (*sorted(step.undo.actions[ref.undo].done_on), REFUSED):
                yield ActionRejected(at, ref, attempt, code)
            return
        output = Unknown(("step", ref.step, ref.iteration), f"step {step.name}", f"steps.{step.name}.output")
        yield ActionSucceeded(at, ref, attempt, output)  # type: ignore[arg-type]
        for code in self.rejections.get(ref.step, (REFUSED,)):
            yield ActionRejected(at, ref, attempt, code)
        if step.verb is not Verb.SQL:
            for code in self.unknowns.get(ref.step, (LOST,)):
                yield ActionUnknown(at, ref, attempt, code)

    def _signals(self, at: int, state: State, messages: int) -> Iterator[Event]:
        for name in self.definition.signals:
            if sum(unread.name == name for unread in state.mailbox) < UNREAD:
                number = messages + 1
                payload = Unknown(("signal", number), f"signal {name}", f"{name}")
                yield SignalReceived(at, number, name, payload, at)  # type: ignore[arg-type]


def alphabet(definition: Definition, oracle: Oracle) -> Alphabet:
    """The events of a saga: its codes are those that conditions, retries and catches name."""
    named = tuple(text for text in oracle.tests("code").literals if isinstance(text, str))
    rejections: dict[int, tuple[str, ...]] = {}
    unknowns: dict[int, tuple[str, ...]] = {}
    for step in (*definition.steps, *definition.final_steps):
        codes = dict.fromkeys((*_caught(definition, step), *named))
        built_in = [code for code in codes if UNKNOWN_CODES.fullmatch(code)]
        rejections[step.index] = (REFUSED, *(code for code in codes if code not in built_in))
        unknowns[step.index] = (LOST, *(code for code in built_in if code != LOST))
    return Alphabet(definition, rejections, unknowns)


def _caught(definition: Definition, step: Step) -> Iterator[str]:
    """Codes named by the catches of a step and of what stands around it."""
    around: Step | None = step
    while around is not None:
        for catch in getattr(around, "catches", ()):
            if catch.code != "any":
                yield catch.code
        parent = getattr(around, "parent", None)
        around = None if parent is None else definition.steps[parent]


def is_authors(timer: Timer) -> bool:
    """Whether the author set the time: not the pause before another attempt."""
    return timer.kind != "retry"
