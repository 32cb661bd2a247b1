"""Forward work: how steps open, what the answers to their attempts mean, and how they end well.

The machine dispatches events to here. This room must not know operators' requests or how commands are carried out.
"""

from __future__ import annotations

from bisect import insort

from saga.interpreter.machine.events import (
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    OutputRefused,
    Ref,
    Timer,
)
from saga.interpreter.machine.finishing import complete, run_finally
from saga.interpreter.machine.mailbox import take
from saga.interpreter.machine.retry import NOTHING_HAPPENED, rejects
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.settling import arm, disarm, error_of, is_one_way, needs_are_settled, settle
from saga.interpreter.machine.state import Phase, Progress, StepState, Trial, Unread
from saga.interpreter.machine.turn import Turn, cause
from saga.interpreter.machine.turning import fail, unwind
from saga.schema.definition import Step, Verb, Wait
from saga.schema.durations import Timestamp, parse_duration
from saga.schema.expressions import ExpressionFailed, Template
from saga.schema.values import Value, ValueProblem

# -- opening


def advance(turn: Turn) -> None:
    """Opens whatever may open, in file order, until nothing more can; completes the run when every step is settled."""
    state = turn.state
    while turn.ready and state.phase is Phase.FORWARD and not turn.is_held:
        _open(turn, turn.definition.steps[turn.ready.pop(0)])
    if state.phase is Phase.FORWARD and state.unsettled == 0 and not turn.is_held:
        complete(turn, "completed")


def look_again(turn: Turn) -> None:
    """After a hold: finds the steps that may open and the signals that open waits can take."""
    for step in turn.definition.steps:
        progress = turn.state.progress(step.index)
        if progress is Progress.PENDING and step.index not in turn.ready and needs_are_settled(turn, step):
            insort(turn.ready, step.index)
        elif progress is Progress.WAITING:
            take_signal(turn, step)


def _open(turn: Turn, step: Step) -> None:
    if any(turn.state.progress(guard.step) is not Progress.TIMED_OUT for guard in step.guards):
        settle(turn, step.index, Progress.SKIPPED)
        return
    try:
        if step.when is not None and not step.when.holds(scope(turn.definition, turn.state, Ref(step.index))):
            settle(turn, step.index, Progress.SKIPPED)
            return
        if step.action is not None:
            _open_action(turn, step)
        elif step.wait is not None:
            _open_wait(turn, step, step.wait)
    except (ExpressionFailed, ValueProblem) as problem:
        code, message = cause(problem)
        fail(turn, step, code, message, "rejected")
        return
    if step.verb is Verb.END:
        turn.state.step(step.index).progress = Progress.OK
        complete(turn, step.outcome or "completed")
    elif step.verb is Verb.FAIL:
        outcome = step.outcome or "failed"
        fail(turn, step, outcome, "", "rejected", named=outcome)


def _open_action(turn: Turn, step: Step) -> None:
    assert step.action is not None
    mine = turn.state.step(step.index)
    mine.trial = turn.open_trial(Ref(step.index), step.action)
    mine.progress = Progress.RUNNING
    arm(turn, step)


def _open_wait(turn: Turn, step: Step, wait: Wait) -> None:
    if wait.signal is not None:
        due = None if wait.timeout is None else turn.at + _microseconds(turn, step, wait.timeout)
        turn.state.step(step.index).progress = Progress.WAITING
        if take_signal(turn, step) or due is None:
            return
    elif wait.duration is not None:
        due = turn.at + _microseconds(turn, step, wait.duration)
    else:
        assert wait.until is not None
        due = _moment(turn, step, wait.until)
    turn.state.step(step.index).progress = Progress.WAITING
    turn.start_timer(Timer("wait", Ref(step.index)), due)


def _evaluate_text(turn: Turn, step: Step, template: Template) -> str:
    value = template.evaluate({} if template.constant else scope(turn.definition, turn.state, Ref(step.index)))
    if not isinstance(value, str):
        raise ExpressionFailed(f"a text is needed here, and this gave {value!r}")
    return value


def _microseconds(turn: Turn, step: Step, template: Template) -> int:
    try:
        return parse_duration(_evaluate_text(turn, step, template))
    except ValueError as problem:
        raise ExpressionFailed(str(problem)) from problem


def _moment(turn: Turn, step: Step, template: Template) -> int:
    try:
        return Timestamp.parse(_evaluate_text(turn, step, template)).microseconds
    except ValueError as problem:
        raise ExpressionFailed(str(problem)) from problem


# -- ending well


def take_signal(turn: Turn, step: Step) -> bool:
    """Lets an open wait take the oldest signal that fits."""
    assert step.wait is not None
    unread = take(turn, step.wait)
    if unread is None:
        return False
    turn.cancel_timer(Timer("wait", Ref(step.index)))
    turn.state.fates[unread.mseq] = f"taken:{step.name}"
    _passed(turn, step, unread)
    return True


def _passed(turn: Turn, step: Step, unread: Unread | None) -> None:
    """A wait is over: its undo is armed from here on (semantics.md 4)."""
    turn.state.step(step.index).output = None if unread is None else unread.payload
    arm(turn, step)
    succeed(turn, step)


def succeed(turn: Turn, step: Step) -> None:
    """A step answered ok and its output is kept: the author's own checks, then on."""
    state, mine = turn.state, turn.state.step(step.index)
    code, message = _objection(turn, step, mine.output)
    if code is not None:
        fail(turn, step, code, message, "ok", named=None if code in ("validation", "expression") else code)
        return
    mine.error = None
    if step.status is not None:
        state.shown = step.status
    if step.pivot:
        state.pivot_passed = True
        state.overdue |= state.stop_after_pivot == "deadline"
        state.stop_after_pivot = None
    settle(turn, step.index, Progress.OK)


def _objection(turn: Turn, step: Step, output: Value) -> tuple[str | None, str]:
    """Why an answer fails its step after all (semantics.md 3)."""
    if step.output_check is not None and (why := step.output_check(output)) is not None:
        return "validation", why
    for line in step.fail_when:
        try:
            if line.condition.holds(scope(turn.definition, turn.state, Ref(step.index), output=output)):
                return line.code, f"fail_when: {line.condition.source}"
        except ExpressionFailed as problem:
            return "expression", str(problem)
    return None, ""


# -- answers and timers


def answered(turn: Turn, step: Step, event: ActionEvent, trial: Trial) -> None:
    """Takes the answer to an attempt of a forward or `finally` step."""
    mine = turn.state.step(step.index)
    match event:
        case ActionSucceeded():
            turn.close_attempt(trial)
            mine.output, mine.response = event.output, event.response
            _answered_ok(turn, step, mine)
        case OutputRefused():
            turn.close_attempt(trial)
            _give_up(turn, step, event.code, event.message, "ok")
        case ActionPostponed():
            turn.close_attempt(trial, counts=False)
            mine.error = None
            if turn.state.phase is not Phase.STOPPING and turn.postpone(event.ref, trial, step.retry, event.delay):
                mine.progress = Progress.BACKOFF
            else:
                _give_up(turn, step, "give_up_after", "it asked for more time than give_up_after allows", "unknown")
        case ActionRejected() | ActionUnknown():
            _unsuccessful(turn, step, event, trial)


def _answered_ok(turn: Turn, step: Step, mine: StepState) -> None:
    match turn.state.phase:
        case Phase.FORWARD:
            succeed(turn, step)
        case Phase.FINALLY:
            settle(turn, step.index, Progress.OK)
            run_finally(turn)
        case _:
            mine.progress = Progress.OK
            unwind(turn)


def _unsuccessful(turn: Turn, step: Step, event: ActionRejected | ActionUnknown, trial: Trial) -> None:
    refused = isinstance(event, ActionRejected) or rejects(step.retry, event.code)
    turn.close_attempt(trial, unknown=not refused)
    rejected = refused and not trial.tainted
    if _may_be_tried_again(turn, step, event, trial, refused=refused):
        mine = turn.state.step(step.index)
        mine.progress = Progress.BACKOFF
        mine.error = error_of(step, trial, event.code, event.message, "rejected" if rejected else "unknown")
        return
    _give_up(turn, step, event.code, event.message, "rejected" if rejected else "unknown")


def _may_be_tried_again(
    turn: Turn, step: Step, event: ActionRejected | ActionUnknown, trial: Trial, *, refused: bool
) -> bool:
    """Whether another attempt is due; its timer is then running (semantics.md 2, 6 and 10)."""
    if turn.state.phase is Phase.STOPPING:
        return False
    idle = refused and event.code in NOTHING_HAPPENED
    if refused and not idle and (trial.tainted or event.code not in step.retry.also):
        return False
    rule = turn.definition.compensation
    beyond = turn.state.pivot_passed and turn.state.phase is Phase.FORWARD and not step.optional
    if beyond and (not refused or idle):
        return turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)
    if not refused and event.code in step.retry.excepted:
        return is_one_way(step) and turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)
    if turn.try_again(event.ref, trial, step.retry, None):
        return True
    return not refused and is_one_way(step) and turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)


def _give_up(turn: Turn, step: Step, code: str, message: str, outcome: str) -> None:
    """The last attempt of a step is over and it did not end well."""
    match turn.state.phase:
        case Phase.FORWARD:
            fail(turn, step, code, message, outcome)
        case Phase.FINALLY:
            mine = turn.state.step(step.index)
            mine.error = error_of(step, mine.trial, code, message, outcome)
            settle(turn, step.index, Progress.FAILED)
            run_finally(turn)
        case _:
            mine = turn.state.step(step.index)
            mine.error = error_of(step, mine.trial, code, message, outcome)
            mine.progress = Progress.STOPPED
            if outcome == "rejected":
                disarm(turn, step.index)
            unwind(turn)


def try_next(turn: Turn, step: Step) -> None:
    """The delay before an attempt is over."""
    mine = turn.state.step(step.index)
    assert mine.trial is not None
    assert step.action is not None
    mine.progress = Progress.RUNNING
    turn.attempt(Ref(step.index), step.action, mine.trial)


def lost(turn: Turn, step: Step, trial: Trial) -> None:
    """An attempt was lost with its worker: it counts as unknown, and one more is always allowed (semantics.md 5, 6)."""
    turn.close_attempt(trial, unknown=True)
    if turn.state.phase is Phase.STOPPING:
        _give_up(turn, step, "lost", "the worker was lost during the attempt", "unknown")
    else:
        try_next(turn, step)


def time_out(turn: Turn, step: Step) -> None:
    """A wait's timer has fired."""
    assert step.wait is not None
    if step.wait.signal is None:
        _passed(turn, step, None)
    else:
        settle(turn, step.index, Progress.TIMED_OUT)


# -- by hand (asked for by `operating`)


def reopen(turn: Turn, step: Step) -> None:
    """Tries a failed step again, with a fresh budget under the same key."""
    mine = turn.state.step(step.index)
    mine.error = None
    if mine.trial is None:
        mine.progress = Progress.PENDING
        insort(turn.ready, step.index)
        return
    mine.trial.tries, mine.trial.first_at = 0, turn.at
    arm(turn, step)
    try_next(turn, step)


def pass_over(turn: Turn, step: Step) -> None:
    """Goes on without a step; what may have happened stays armed."""
    settle(turn, step.index, Progress.SKIPPED)
    if turn.state.phase is Phase.FINALLY:
        run_finally(turn)


def answer_by_hand(turn: Turn, step: Step, ok: bool, output: Value, code: str) -> None:
    """A person found out how a step ended. ``ok`` with its output, else rejected with a code: nothing had happened."""
    mine = turn.state.step(step.index)
    if ok:
        mine.output = output
        arm(turn, step)
        succeed(turn, step)
        return
    fail(turn, step, code, "resolved by hand", "rejected")
