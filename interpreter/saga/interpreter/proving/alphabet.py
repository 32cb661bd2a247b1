"""Everything that can happen to a run in a given state.

Every action under way answers ok, is rejected (once for each code that the file tells apart, and once by another) or
ends unknown, which also stands for an attempt lost with its worker; tasks and children answer through the inbox. Every
timer that can be due first fires. Every signal that an open wait takes comes, while fewer than two of its name are
unread; one that comes early makes a difference only when a wait opens, and that is the explorer's. Cancel comes while
it changes anything; a stuck run is retried by a person. Where the run or a block is being left, the answers to what is
still under way do not touch anything else, so they are taken first, one after the other. This room must not know
promises or marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from saga.interpreter import machine
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    CancelRequested,
    ChildEnded,
    Event,
    InboxEvent,
    Ref,
    RetryRequested,
    SignalReceived,
    TaskAnswered,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.places import is_inside
from saga.interpreter.machine.retry import UNKNOWN_CODES
from saga.interpreter.machine.state import State, Trial
from saga.interpreter.proving import reading
from saga.interpreter.proving.choices import Unknown
from saga.interpreter.proving.conditions import Oracle
from saga.interpreter.proving.fingerprints import Precedes
from saga.schema.definition import Definition, Step, Verb

Attempt = tuple[Ref, Trial]
Answer = ActionSucceeded | ActionRejected | ActionUnknown
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
        attempts = machine.running(state)
        alone = self._alone(state, attempts)
        for ref, trial in attempts if alone is None else [alone]:
            for answer in self._answers(at, ref, trial.attempt):
                yield self._from_afar(answer, messages + 1) if trial.remote else answer
        if alone is not None:
            return
        if any(trouble.undo for trouble in state.troubles):
            yield RetryRequested(at, messages + 1)
            return
        later = {second for _, second in precedes}
        for timer, due in state.timers.items():
            if timer not in later:
                yield TimerFired(max(at, due), timer)
        stuck = bool(state.troubles)
        if reading.is_forward(state) and not stuck:
            yield from self._signals(at, state, messages)
        if reading.cancellable(state):
            yield CancelRequested(at, messages + 1)
        if stuck:
            yield RetryRequested(at, messages + 1)

    def _alone(self, state: State, attempts: Sequence[Attempt]) -> Attempt | None:
        """An attempt whose answer touches nothing else: the run has turned, its block is being left, or it undoes.

        It is taken first. What else could come now could have come before, or can come after, to the same effect.
        """
        if state.troubles:
            return None
        left = [place for place, leaving in state.leaving.items() if leaving.stopping]
        for ref, trial in attempts:
            inside = any(is_inside(self.definition, container, ref) for container in left)
            if inside or ref.undo != FORWARD or not reading.is_forward(state):
                return ref, trial
        return None

    def _answers(self, at: int, ref: Ref, attempt: int) -> Iterator[Answer]:
        step = self.definition.node(ref.step)
        if ref.undo != FORWARD:
            yield ActionSucceeded(at, ref, attempt, None)
            known = sorted(step.undo.actions[ref.undo].done_on) if step.undo.actions else []
            for code in (*known, REFUSED):
                yield ActionRejected(at, ref, attempt, code)
            return
        output = Unknown(("step", ref.step, ref.iteration), f"step {step.name}", f"steps.{step.name}.output")
        yield ActionSucceeded(at, ref, attempt, output)
        for code in self.rejections.get(ref.step, (REFUSED,)):
            yield ActionRejected(at, ref, attempt, code)
        if step.verb is not Verb.SQL:
            for code in self.unknowns.get(ref.step, (LOST,)):
                yield ActionUnknown(at, ref, attempt, code)

    def _from_afar(self, answer: Answer, number: int) -> Event:
        """The same answer, given through the inbox."""
        at, ref = answer.at, answer.ref
        ok = isinstance(answer, ActionSucceeded)
        code = "" if isinstance(answer, ActionSucceeded) else answer.code
        output = answer.output if isinstance(answer, ActionSucceeded) else None
        unknown = isinstance(answer, ActionUnknown)
        if self.definition.node(ref.step).child is None:
            how = "ok" if ok else "unknown" if unknown else "rejected"
            return TaskAnswered(at, number, ref, answer.attempt, how, output, code=code)
        ends = unknown or (ref.undo != FORWARD and not ok)
        status = "completed" if ok else "terminated" if ends else "compensated"
        return ChildEnded(at, number, ref, status, "failed" if code else "", code, output=output)

    def _signals(self, at: int, state: State, messages: int) -> Iterator[Event]:
        for name in machine.waiting_for(self.definition, state):
            if sum(unread.name == name for unread in state.mailbox) < UNREAD:
                yield signal(at, messages + 1, name)


def signal(at: int, number: int, name: str) -> SignalReceived:
    """A signal with a payload of which nothing is known."""
    return SignalReceived(at, number, name, Unknown(("signal", number), f"signal {name}", name), at)


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
        yield from (catch.code for catch in around.catches if catch.code != "any")
        around = None if around.parent is None else definition.steps[around.parent]


def is_authors(timer: Timer) -> bool:
    """Whether the author set the time: not the pause before another attempt."""
    return timer.kind != "retry"


def renumbered(event: Event) -> Event:
    """The same event behind one more message."""
    return replace(event, mseq=event.mseq + 1) if isinstance(event, InboxEvent) else event
