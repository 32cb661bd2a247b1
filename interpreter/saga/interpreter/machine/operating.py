"""What people may ask of a run, and what it does then (semantics.md 10, 14 and 15).

`refusal` says beforehand why a request would change nothing; a request that is refused is journaled and ignored.
"""

from __future__ import annotations

from saga.interpreter.machine import forward, leaving, unwinding
from saga.interpreter.machine.commands import StartTimer, StopAction
from saga.interpreter.machine.events import (
    ROOT,
    CancelRequested,
    OperatorRequest,
    PauseRequested,
    Ref,
    ResumeRequested,
    RetryRequested,
    StepResolved,
    StepSkipped,
    TerminateRequested,
    Timer,
    UndoRequested,
)
from saga.interpreter.machine.places import read, spelled
from saga.interpreter.machine.state import Phase, Progress, State, Trouble, Unwound
from saga.interpreter.machine.turn import Turn
from saga.interpreter.status import Status
from saga.schema.definition import Definition


def refusal(definition: Definition, state: State, request: OperatorRequest) -> str | None:
    """Why a request would change nothing, as one sentence for people; None if it would be taken."""
    if isinstance(request, UndoRequested):
        return _no_undo(state)
    if state.phase is Phase.ENDED:
        return "the run has ended"
    match request:
        case CancelRequested():
            return _no_cancel(state)
        case RetryRequested():
            return _no_retry(definition, state, request.step)
        case StepSkipped():
            return _no_settling(definition, state, request.step, skip=True)
        case StepResolved():
            return _no_settling(definition, state, request.step, skip=False) or _no_answer(state, definition, request)
        case PauseRequested():
            return "the run is paused already" if state.paused else None
        case ResumeRequested():
            return None if state.paused else "the run is not paused"
        case _:
            return None


def _no_undo(state: State) -> str | None:
    if state.phase is not Phase.ENDED:
        return "it has not ended: cancel it"
    if state.pivot_passed:
        return "the point of no return has passed: it can only go forward"
    if state.ending is Status.COMPENSATED and not state.incomplete:
        return "it is undone already"
    return None


def _no_cancel(state: State) -> str | None:
    if state.pivot_passed:
        return "the point of no return has passed: it can only go forward"
    if state.phase is not Phase.FORWARD:
        return "the run has failed already and is being undone" if state.ending is None else "the run is ending"
    return None


def _no_retry(definition: Definition, state: State, name: str) -> str | None:
    if not state.troubles:
        return "the run is not stuck; it goes on by itself"
    if not name:
        return None
    place = read(definition, name)
    if place is None:
        return _no_such_step(definition, name)
    if _trouble(state, place) is None:
        stuck = ", ".join(spelled(definition, trouble.place) for trouble in state.troubles)
        return f'"{name}" is not stuck; stuck is: {stuck}'
    return None


def _no_settling(definition: Definition, state: State, name: str, *, skip: bool) -> str | None:
    place = read(definition, name)
    if place is None:
        return _no_such_step(definition, name)
    trouble = _trouble(state, place)
    if trouble is not None:
        return _no_skip(definition, place) if skip and not trouble.undo else None
    mine = state.found(place)
    if mine is None or mine.progress is not Progress.BACKOFF:
        if mine is not None and mine.undo is not None and mine.undo.stage is Unwound.BACKOFF:
            return None
        return f'"{name}" is neither stuck nor waiting for its next attempt'
    return _no_skip(definition, place) if skip else None


def _no_such_step(definition: Definition, name: str) -> str:
    bare = name.partition("[")[0]
    if bare not in definition.indices:
        return f'there is no step "{name}"'
    loops = len(definition.loops[definition.indices[bare]])
    if loops == 0:
        return f'"{bare}" stands in no loop: say it without a number'
    return f'"{bare}" stands in {"a loop" if loops == 1 else f"{loops} loops"}: say which, as {bare}{"[0]" * loops}'


def _no_skip(definition: Definition, place: Ref) -> str | None:
    if not definition.node(place.step).pivot:
        return None
    return f'"{spelled(definition, place)}" is the pivot and cannot be skipped: resolve it'


def _no_answer(state: State, definition: Definition, request: StepResolved) -> str | None:
    place = read(definition, request.step)
    assert place is not None
    if place.step >= len(definition.steps):
        return f'"{request.step}" stands in finally: it can only be skipped'
    undo = _about_undo(state, place)
    if undo and request.how != "undone":
        return f'it is the undo of "{request.step}" that is stuck: resolve it with --undone'
    if not undo and request.how == "undone":
        return f'"{request.step}" is not being undone: resolve it with --ok or --rejected'
    return None


def _trouble(state: State, place: Ref) -> Trouble | None:
    return next((trouble for trouble in state.troubles if trouble.place == place), None)


def _about_undo(state: State, place: Ref) -> bool:
    trouble = _trouble(state, place)
    if trouble is not None:
        return trouble.undo
    mine = state.found(place)
    return mine is not None and mine.undo is not None and mine.undo.stage is Unwound.BACKOFF


def operate(turn: Turn, request: OperatorRequest) -> None:
    """Does what was asked, or notes why not."""
    why = refusal(turn.definition, turn.state, request)
    turn.state.fates[request.mseq] = "done" if why is None else f"ignored:{why}"
    if why is not None:
        return
    match request:
        case CancelRequested():
            leaving.stop(turn, "cancelled")
        case RetryRequested():
            _retry(turn, request.step)
        case StepSkipped() | StepResolved():
            _settle_by_hand(turn, request)
        case PauseRequested():
            turn.state.paused = True
        case ResumeRequested():
            turn.state.paused = False
            _go_on(turn)
        case TerminateRequested():
            _terminate(turn)
        case UndoRequested():
            _undo(turn)


def _go_on(turn: Turn) -> None:
    """A hold is over: timers that were left alone run again, and what could not open is looked for."""
    turn.commands.extend(StartTimer(timer, due) for timer, due in turn.state.timers.items())
    if turn.state.phase is Phase.FORWARD and not turn.is_held:
        forward.look_again(turn)


def _retry(turn: Turn, name: str) -> None:
    """Takes all troubles at once, or that of one step. Undos that were stuck are taken up by whatever is being left.

    While other troubles are left the run is held, and nothing else is begun: the one undo is taken up here.
    """
    state, place = turn.state, read(turn.definition, name) if name else None
    chosen = [trouble for trouble in state.troubles if place is None or trouble.place == place]
    state.troubles = [trouble for trouble in state.troubles if trouble not in chosen]
    for trouble in chosen:
        if not trouble.undo:
            forward.reopen(turn, trouble.place)
        elif state.troubles and not state.paused:
            unwinding.begin_again(turn, trouble.place)
    _go_on(turn)


def _settle_by_hand(turn: Turn, request: StepSkipped | StepResolved) -> None:
    state, place = turn.state, read(turn.definition, request.step)
    assert place is not None
    about_undo = _about_undo(state, place)
    state.troubles = [trouble for trouble in state.troubles if trouble.place != place]
    if about_undo:
        unwinding.settle_by_hand(turn, place, f"{request.by}: {request.reason}")
    else:
        turn.cancel_timer(Timer("retry", place))
        if isinstance(request, StepSkipped):
            forward.pass_over(turn, place)
        else:
            forward.answer_by_hand(turn, place, request.how == "ok", request.output, request.code)
    _go_on(turn)


def _terminate(turn: Turn) -> None:
    state = turn.state
    for place, mine in state.places():
        if mine.trial is not None and mine.trial.running and mine.trial.remote and turn.node(place).child is None:
            turn.commands.append(StopAction(place, mine.trial.attempt))
    turn.cancel_timers(ROOT)
    turn.ready.clear()
    state.in_flight = 0
    state.leaving.clear()
    state.troubles.clear()
    state.outcome, state.ending, state.phase = "terminated", Status.TERMINATED, Phase.ENDED


def _undo(turn: Turn) -> None:
    """The run that undoes this one begins where it ended; what was at work when it was terminated is unknown."""
    state = turn.state
    for _, mine in state.places():
        if mine.trial is not None and mine.trial.running:
            mine.trial.running, mine.progress = False, Progress.STOPPED
        if mine.undo is not None and mine.undo.stage in (Unwound.RUNNING, Unwound.BACKOFF):
            mine.undo.stage, mine.undo.trial = Unwound.BACKOFF, None
    state.ending, state.output, state.output_error = None, None, None
    leaving.roll_back(turn, "undone", None)
