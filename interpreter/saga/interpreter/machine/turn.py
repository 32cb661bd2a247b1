"""One turn of the machine: the run's state, the moment, and the commands gathered so far; and how attempts are opened.

The rules that forward work and undoing share: opening an attempt, its budget, its timer. This room must not know what
follows when a budget is used up; that is the machine's and `unwinding`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from saga.interpreter.machine.commands import CancelTimer, Command, RunAction, StartTimer
from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.retry import next_attempt_at
from saga.interpreter.machine.scope import key, scope
from saga.interpreter.machine.state import State, Trial
from saga.schema.definition import Action, Definition, Retry
from saga.schema.expressions import ExpressionFailed, Template
from saga.schema.values import Value, ValueProblem, normalise


class Unanswerable(Exception):
    """An answer came to an attempt that was never made: a defect of the driver, never of the saga."""


class Turn:
    """What a transition works on. ``at`` is the event's time."""

    __slots__ = ("at", "commands", "definition", "ready", "state")

    def __init__(self, definition: Definition, state: State, at: int) -> None:
        self.definition = definition
        self.state = state
        self.at = at
        self.commands: list[Command] = []
        self.ready: list[int] = []
        """Forward steps that may open now, ascending."""

    @property
    def is_held(self) -> bool:
        """Whether a person has to act before anything new is opened."""
        return self.state.trouble is not None or self.state.paused

    # -- timers
    def start_timer(self, timer: Timer, due: int) -> None:
        """Starts a timer, or moves it."""
        self.state.timers[timer] = due
        self.commands.append(StartTimer(timer, due))

    def cancel_timer(self, timer: Timer) -> None:
        """Cancels a timer if it is running."""
        if self.state.timers.pop(timer, None) is not None:
            self.commands.append(CancelTimer(timer))

    def cancel_timers(self, kinds: Iterable[str]) -> None:
        """Cancels every timer of these kinds."""
        for timer in [timer for timer in self.state.timers if timer.kind in kinds]:
            self.cancel_timer(timer)

    # -- attempts
    def arguments(self, ref: Ref, template: Template) -> dict[str, Value]:
        """Evaluates the arguments of an action. Raises ExpressionFailed or ValueProblem."""
        names = {} if template.constant else scope(self.definition, self.state, ref)
        return cast(dict[str, Value], normalise(template.evaluate(names), what="arguments"))

    def open_trial(self, ref: Ref, action: Action) -> Trial:
        """Evaluates the arguments and makes the first attempt. Raises ExpressionFailed or ValueProblem before that."""
        trial = Trial(self.arguments(ref, action.arguments), self.at)
        self.attempt(ref, action, trial)
        return trial

    def attempt(self, ref: Ref, action: Action, trial: Trial) -> None:
        """Makes the next attempt."""
        trial.attempt += 1
        trial.running = True
        self.state.in_flight += 1
        name = key(self.definition, self.state, ref)
        self.commands.append(RunAction(ref, trial.attempt, action, trial.arguments, name))

    def close_attempt(self, trial: Trial, *, counts: bool = True, unknown: bool = False) -> None:
        """An attempt is over. ``counts``: it takes a try away. ``unknown``: later rejections prove nothing any more."""
        trial.running = False
        trial.tries += counts
        trial.tainted |= unknown
        self.state.in_flight -= 1

    def try_again(self, ref: Ref, trial: Trial, retry: Retry, stuck_after: int | None) -> bool:
        """Starts the timer of the next attempt; False when the budget is used up."""
        due = next_attempt_at(retry, trial, key(self.definition, self.state, ref), self.at, stuck_after)
        if due is None:
            return False
        self.start_timer(Timer("retry", ref), due)
        return True

    def postpone(self, ref: Ref, trial: Trial, retry: Retry, delay: int) -> bool:
        """The action asked to be called later; False when ``give_up_after`` does not allow it."""
        due = self.at + delay
        if retry.give_up_after is not None and due - trial.first_at > retry.give_up_after:
            return False
        self.start_timer(Timer("retry", ref), due)
        return True


def cause(problem: ExpressionFailed | ValueProblem) -> tuple[str, str]:
    """The error code and message of something that could not be evaluated."""
    if isinstance(problem, ValueProblem):
        return problem.code, problem.message
    return "expression", str(problem)
