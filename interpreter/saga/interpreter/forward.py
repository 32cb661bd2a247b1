"""Forward work: how steps open, end, fail and settle; how a run turns to undoing; how it is brought to its end.

The machine dispatches events to here. This room must not know operators' requests or how commands are carried out.
"""

from __future__ import annotations

from bisect import insort

from saga.interpreter import unwinding
from saga.interpreter.commands import StopAction
from saga.interpreter.events import (
    DEADLINE,
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    OutputRefused,
    Ref,
    Timer,
)
from saga.interpreter.mailbox import take
from saga.interpreter.retry import NOTHING_HAPPENED, rejects
from saga.interpreter.scope import scope
from saga.interpreter.state import Phase, Progress, StepState, Trial, Trouble, UndoState, Unread
from saga.interpreter.status import Status
from saga.interpreter.turn import Turn, cause
from saga.schema.definition import Step, UndoKind, Verb, Wait
from saga.schema.durations import Timestamp, parse_duration
from saga.schema.expressions import ExpressionFailed, Template
from saga.schema.values import Value, ValueProblem


# -- opening


def advance(turn: Turn) -> None:
    """Opens whatever may open, in file order, until nothing more can; completes the run when every step is settled."""
    state = turn.state
    while turn.ready and state.phase is Phase.FORWARD and not is_held(turn):
        _open(turn, turn.definition.steps[turn.ready.pop(0)])
    if state.phase is Phase.FORWARD and state.unsettled == 0 and not is_held(turn):
        complete(turn, "completed")


def is_held(turn: Turn) -> bool:
    """Whether a person has to act before anything new is opened."""
    return turn.state.trouble is not None or turn.state.paused


def look_again(turn: Turn) -> None:
    """After a hold: finds the steps that may open and the signals that open waits can take."""
    for step in turn.definition.steps:
        progress = turn.state.progress(step.index)
        if progress is Progress.PENDING and step.index not in turn.ready and _needs_are_settled(turn, step):
            insort(turn.ready, step.index)
        elif progress is Progress.WAITING:
            take_signal(turn, step)


def _needs_are_settled(turn: Turn, step: Step) -> bool:
    return all(turn.state.progress(index).settled for index in step.needs)


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
    _arm(turn, step)


def _arm(turn: Turn, step: Step) -> None:
    mine = turn.state.step(step.index)
    if step.undo.kind is UndoKind.ACTIONS and mine.undo is None:
        mine.undo = UndoState()
        turn.state.started.append(step.index)


def _disarm(turn: Turn, index: int) -> None:
    mine = turn.state.step(index)
    if mine.undo is not None:
        mine.undo = None
        turn.state.started.remove(index)


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
    _arm(turn, step)
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


def settle(turn: Turn, index: int, progress: Progress) -> None:
    """A step is through; what needs it may open."""
    state = turn.state
    state.step(index).progress = progress
    if index >= len(turn.definition.steps):
        return
    state.unsettled -= 1
    for follower in turn.definition.followers[index]:
        if state.progress(follower) is Progress.PENDING and _needs_are_settled(turn, turn.definition.steps[follower]):
            insort(turn.ready, follower)


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
        mine.error = _error(step, trial, event.code, event.message, "rejected" if rejected else "unknown")
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
        return _is_one_way(step) and turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)
    if turn.try_again(event.ref, trial, step.retry, None):
        return True
    return not refused and _is_one_way(step) and turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)


def _is_one_way(step: Step) -> bool:
    """A pivot that cannot be taken back: an unknown outcome is tried again until it is known."""
    return step.pivot and step.undo.kind is UndoKind.IMPOSSIBLE


def _give_up(turn: Turn, step: Step, code: str, message: str, outcome: str) -> None:
    """The last attempt of a step is over and it did not end well."""
    match turn.state.phase:
        case Phase.FORWARD:
            fail(turn, step, code, message, outcome)
        case Phase.FINALLY:
            mine = turn.state.step(step.index)
            mine.error = _error(step, mine.trial, code, message, outcome)
            settle(turn, step.index, Progress.FAILED)
            run_finally(turn)
        case _:
            mine = turn.state.step(step.index)
            mine.error = _error(step, mine.trial, code, message, outcome)
            mine.progress = Progress.STOPPED
            if outcome == "rejected":
                _disarm(turn, step.index)
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


# -- failing and undoing


def _error(step: Step, trial: Trial | None, code: str, message: str, outcome: str) -> dict[str, Value]:
    """What ``error`` and ``steps.x.error`` show."""
    return {
        "code": code,
        "message": message,
        "step": step.name,
        "iteration": [],
        "attempts": 0 if trial is None else trial.attempt,
        "outcome": outcome,
    }


def fail(turn: Turn, step: Step, code: str, message: str, outcome: str, *, named: str | None = None) -> None:
    """A step has failed for good. ``outcome``: of its action. ``named``: the author made the code the run's outcome."""
    state, mine = turn.state, turn.state.step(step.index)
    mine.error = _error(step, mine.trial, code, message, outcome)
    mine.progress = Progress.FAILED
    if outcome == "rejected":
        _disarm(turn, step.index)
    if step.optional:
        if outcome != "unknown" or mine.undo is None or unwinding.begin(turn, step.index, inline=True):
            settle(turn, step.index, Progress.PASSED_OVER)
    elif state.pivot_passed or step.hold_on_failure or (_is_one_way(step) and outcome != "rejected"):
        state.trouble = Trouble(step.index, False, code, message)
    else:
        roll_back(turn, named or "failed", mine.error)


def roll_back(turn: Turn, outcome: str, error: dict[str, Value] | None) -> None:
    """Turns the run round: stops what is open, then undoes. A stop asked for during the pivot decides the outcome."""
    state = turn.state
    state.outcome, state.error = state.stop_after_pivot or outcome, error
    state.phase, state.trouble, state.stop_after_pivot = Phase.STOPPING, None, None
    turn.cancel_timers(("wait", "retry", "deadline"))
    turn.ready.clear()
    for step in turn.definition.steps:
        mine = state.steps[step.index]
        if mine is None:
            continue
        if mine.progress is Progress.RUNNING and mine.trial is not None:
            turn.commands.append(StopAction(Ref(step.index), mine.trial.attempt))
        elif mine.progress is Progress.BACKOFF and mine.trial is not None:
            mine.progress = Progress.STOPPED
            if mine.error is not None and not mine.trial.tainted:
                _disarm(turn, step.index)
        elif mine.progress is Progress.WAITING:
            mine.progress = Progress.STOPPED
    unwind(turn)


def unwind(turn: Turn) -> None:
    """Undoes one step after the other, as far as it goes without waiting; then the run is compensated."""
    state = turn.state
    if state.in_flight or state.trouble is not None:
        return
    state.phase = Phase.UNDOING
    while (index := unwinding.newest(turn)) is not None:
        if not unwinding.begin(turn, index):
            return
    finish(turn, Status.COMPENSATED)


def undone(turn: Turn, index: int) -> None:
    """The undo of a step is through: the run goes on, backward or forward."""
    undo = turn.state.step(index).undo
    if turn.state.phase is Phase.FORWARD and undo is not None and undo.inline:
        settle(turn, index, Progress.PASSED_OVER)
    else:
        unwind(turn)


def stop(turn: Turn, outcome: str) -> None:
    """Cancel or deadline: waits for a pivot in flight, else rolls back (semantics.md 10)."""
    if pivot_in_flight(turn):
        turn.state.stop_after_pivot = turn.state.stop_after_pivot or outcome
    else:
        roll_back(turn, outcome, None)


def pivot_in_flight(turn: Turn) -> bool:
    """Whether the pivot has been tried and its outcome is not known."""
    open_ = (Progress.RUNNING, Progress.BACKOFF)
    return any(step.pivot and turn.state.progress(step.index) in open_ for step in turn.definition.steps)


# -- the end


def complete(turn: Turn, outcome: str) -> None:
    """Everything is done."""
    turn.state.outcome = outcome
    finish(turn, Status.COMPLETED)


def finish(turn: Turn, status: Status) -> None:
    """Fixes outcome and output, then runs the `finally` steps."""
    state = turn.state
    turn.cancel_timers(("wait", "retry", DEADLINE.kind))
    state.ending, state.phase = status, Phase.FINALLY
    if turn.definition.output is not None:
        try:
            state.output = turn.definition.output.evaluate(scope(turn.definition, state))
        except (ExpressionFailed, ValueProblem) as problem:
            state.output_error = ": ".join(cause(problem))
    run_finally(turn)


def run_finally(turn: Turn) -> None:
    """Opens the next `finally` step, or ends the run. What fails here is recorded and changes nothing."""
    state = turn.state
    for step in turn.definition.final_steps:
        progress = state.progress(step.index)
        if progress in (Progress.RUNNING, Progress.BACKOFF):
            return
        if progress is Progress.PENDING and _open_final(turn, step):
            return
    state.phase = Phase.ENDED


def _open_final(turn: Turn, step: Step) -> bool:
    mine = turn.state.step(step.index)
    try:
        if step.when is not None and not step.when.holds(scope(turn.definition, turn.state, Ref(step.index))):
            mine.progress = Progress.SKIPPED
            return False
        assert step.action is not None
        mine.trial = turn.open_trial(Ref(step.index), step.action)
    except (ExpressionFailed, ValueProblem) as problem:
        code, message = cause(problem)
        mine.error = _error(step, None, code, message, "rejected")
        mine.progress = Progress.FAILED
        return False
    mine.progress = Progress.RUNNING
    return True


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
    _arm(turn, step)
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
        _arm(turn, step)
        succeed(turn, step)
        return
    fail(turn, step, code, "resolved by hand", "rejected")
