"""Forward work: how steps open, what the answers to their attempts mean, and when they are tried again.

The machine dispatches events to here. This room must not know operators' requests or how commands are carried out.
"""

from __future__ import annotations

from bisect import insort

from saga.interpreter.machine import leaving
from saga.interpreter.machine.blocks import ask_again, iteration_through, open_block
from saga.interpreter.machine.ending import fail, succeed
from saga.interpreter.machine.events import (
    ROOT,
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    OutputRefused,
    Ref,
)
from saga.interpreter.machine.finishing import complete, run_finally
from saga.interpreter.machine.places import outwards
from saga.interpreter.machine.retry import NOTHING_HAPPENED, rejects
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.sending import compute, open_child
from saga.interpreter.machine.settling import (
    arm,
    arm_again,
    disarm,
    error_of,
    is_being_left,
    is_one_way,
    needs_are_settled,
    settle,
)
from saga.interpreter.machine.state import Phase, Progress, State, Trial
from saga.interpreter.machine.turn import Turn, cause
from saga.interpreter.machine.waits import open_wait, take_signal
from saga.schema.definition import Definition, Step, Verb
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import Value, ValueProblem

# -- opening


def advance(turn: Turn) -> None:
    """Does whatever can be done now, in file order, until nothing more can; completes the run when all is settled."""
    state = turn.state
    while True:
        if state.leaving:
            leaving.go_on(turn)
        if state.phase is not Phase.FORWARD:
            return
        if turn.through:
            iteration_through(turn, turn.through.pop(0))
        elif turn.ready and not turn.is_held:
            _open(turn, turn.ready.pop(0))
        else:
            break
    if state.unsettled == 0 and not turn.is_held:
        complete(turn, "completed")


def look_again(turn: Turn) -> None:
    """After a hold: finds the steps that may open and the signals that open waits can take."""
    for container, iteration in _at_work(turn.definition, turn.state):
        for member in turn.definition.members[container]:
            place = Ref(member, iteration)
            progress = turn.state.progress(place)
            if progress is Progress.PENDING and place not in turn.ready and needs_are_settled(turn, place):
                insort(turn.ready, place)
            elif progress is Progress.WAITING:
                take_signal(turn, place, turn.definition.steps[member])


def _at_work(definition: Definition, state: State) -> list[tuple[int, tuple[int, ...]]]:
    """Every iteration of every container that is at work, the run first."""
    found: list[tuple[int, tuple[int, ...]]] = [(ROOT.step, ())]
    for place, mine in state.places():
        if mine.progress is Progress.OPEN and mine.block is not None and place not in state.leaving:
            block = definition.steps[place.step].block
            assert block is not None
            numbers = enumerate(mine.block.left)
            found += (
                (place.step, place.iteration if block.loop is None else (*place.iteration, number))
                for number, left in numbers
                if left
            )
    return found


def _open(turn: Turn, place: Ref) -> None:
    state, step = turn.state, turn.definition.steps[place.step]
    for guard in step.guards:
        iteration = place.iteration[: len(turn.definition.loops[guard.step])]
        guarding = state.found(Ref(guard.step, iteration))
        if guarding is None or guarding.way != guard.way:
            settle(turn, place, Progress.SKIPPED)
            return
    try:
        if step.when is not None and not step.when.holds(scope(turn.definition, state, place)):
            settle(turn, place, Progress.SKIPPED)
        elif step.action is not None:
            mine = state.at(place)
            mine.trial = turn.open_trial(place, step.action)
            mine.progress = Progress.RUNNING
            arm(turn, place, step)
        elif step.wait is not None:
            open_wait(turn, place, step, step.wait)
        elif step.block is not None:
            open_block(turn, place, step, step.block)
        elif step.child is not None:
            open_child(turn, place, step, step.child)
        elif step.verb is Verb.END:
            state.at(place).progress = Progress.OK
            complete(turn, step.outcome or "completed")
        elif step.verb is Verb.FAIL:
            outcome = step.outcome or "failed"
            fail(turn, place, outcome, "", "rejected", named=outcome)
        else:
            state.at(place).output = compute(turn, place, step)
            arm(turn, place, step)
            succeed(turn, place)
    except (ExpressionFailed, ValueProblem) as problem:
        code, message = cause(problem)
        fail(turn, place, code, message, "rejected")


# -- answers and timers


def answered(turn: Turn, event: ActionEvent, trial: Trial) -> None:
    """Takes the answer to an attempt of a forward or `finally` step."""
    place, step = event.ref, turn.node(event.ref)
    mine = turn.state.at(place)
    match event:
        case ActionSucceeded():
            turn.close_attempt(trial)
            mine.output, mine.response = event.output, event.response
            _answered_ok(turn, place)
        case OutputRefused():
            turn.close_attempt(trial)
            _give_up(turn, place, event.code, event.message, "ok")
        case ActionPostponed():
            turn.close_attempt(trial, counts=False)
            mine.error = None
            if not is_being_left(turn, place) and turn.postpone(place, trial, step.retry, event.delay):
                mine.progress = Progress.BACKOFF
            else:
                _give_up(turn, place, "give_up_after", "it asked for more time than give_up_after allows", "unknown")
        case ActionRejected() | ActionUnknown():
            _unsuccessful(turn, step, event, trial)


def _answered_ok(turn: Turn, place: Ref) -> None:
    if turn.state.phase is Phase.FINALLY:
        settle(turn, place, Progress.OK)
        run_finally(turn)
    elif is_being_left(turn, place):
        turn.state.at(place).progress = Progress.OK
    else:
        succeed(turn, place)


def _unsuccessful(turn: Turn, step: Step, event: ActionRejected | ActionUnknown, trial: Trial) -> None:
    refused = isinstance(event, ActionRejected) or rejects(step.retry, event.code)
    turn.close_attempt(trial, unknown=not refused)
    outcome = "rejected" if refused and not trial.tainted else "unknown"
    if _may_be_tried_again(turn, step, event, trial, refused=refused):
        mine = turn.state.at(event.ref)
        mine.progress = Progress.BACKOFF
        mine.error = error_of(step, event.ref, trial, event.code, event.message, outcome)
        return
    _give_up(turn, event.ref, event.code, event.message, outcome)


def _may_be_tried_again(
    turn: Turn, step: Step, event: ActionRejected | ActionUnknown, trial: Trial, *, refused: bool
) -> bool:
    """Whether another attempt is due; its timer is then running (semantics.md 2, 6, 8 and 10)."""
    if step.at_most_once or step.child is not None or is_being_left(turn, event.ref):
        return False
    idle = refused and event.code in NOTHING_HAPPENED
    if refused and not idle and (trial.tainted or event.code not in step.retry.also):
        return False
    rule = turn.definition.compensation
    beyond = turn.state.pivot_passed and turn.state.phase is Phase.FORWARD and not _is_optional(turn, event.ref)
    if beyond and (not refused or idle):
        return turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)
    if not refused and event.code in step.retry.excepted:
        return is_one_way(step) and turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)
    if turn.try_again(event.ref, trial, step.retry, None):
        return True
    return not refused and is_one_way(step) and turn.try_again(event.ref, trial, rule.retry, rule.stuck_after)


def _is_optional(turn: Turn, place: Ref) -> bool:
    """Whether a failure here does not matter: the step is optional, or a block around it."""
    return any(turn.node(around).optional for around in outwards(turn.definition, place))


def _give_up(turn: Turn, place: Ref, code: str, message: str, outcome: str) -> None:
    """The last attempt of a step is over and it did not end well."""
    mine, step = turn.state.at(place), turn.node(place)
    if turn.state.phase is Phase.FINALLY:
        mine.error = error_of(step, place, mine.trial, code, message, outcome)
        settle(turn, place, Progress.FAILED)
        run_finally(turn)
    elif is_being_left(turn, place):
        mine.error = error_of(step, place, mine.trial, code, message, outcome)
        mine.progress = Progress.STOPPED
        if outcome == "rejected":
            disarm(turn, place)
    else:
        fail(turn, place, code, message, outcome)


def try_next(turn: Turn, place: Ref) -> None:
    """The delay before an attempt is over."""
    mine, step = turn.state.at(place), turn.node(place)
    assert mine.trial is not None
    assert step.action is not None
    mine.progress = Progress.RUNNING
    turn.attempt(place, step.action, mine.trial)


def lost(turn: Turn, place: Ref, trial: Trial) -> None:
    """An attempt was lost with its worker: it is unknown, and one more is always allowed (semantics.md 5, 6, 8)."""
    turn.close_attempt(trial, unknown=True)
    if is_being_left(turn, place) or turn.node(place).at_most_once:
        _give_up(turn, place, "lost", "the worker was lost during the attempt", "unknown")
    else:
        try_next(turn, place)


# -- by hand (asked for by `operating`)


def reopen(turn: Turn, place: Ref) -> None:
    """Tries a failed step again, with a fresh budget under the same key."""
    mine, step = turn.state.at(place), turn.node(place)
    mine.error = None
    if mine.block is not None:
        ask_again(turn, place, step)
    elif mine.trial is None:
        mine.progress = Progress.PENDING
        insort(turn.ready, place)
    elif step.child is not None:
        open_child(turn, place, step, step.child)
    else:
        mine.trial.tries, mine.trial.first_at = 0, turn.at
        arm_again(turn, place, step)
        try_next(turn, place)


def pass_over(turn: Turn, place: Ref) -> None:
    """Goes on without a step; what may have happened stays armed."""
    settle(turn, place, Progress.SKIPPED)
    if turn.state.phase is Phase.FINALLY:
        run_finally(turn)


def answer_by_hand(turn: Turn, place: Ref, ok: bool, output: Value, code: str) -> None:
    """A person found out how a step ended. ``ok`` with its output, else rejected with a code: nothing had happened."""
    if ok:
        turn.state.at(place).output = output
        arm_again(turn, place, turn.node(place))
        succeed(turn, place)
        return
    fail(turn, place, code, "resolved by hand", "rejected")
