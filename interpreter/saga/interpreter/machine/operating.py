"""What people may ask of a run, and what it does then (semantics.md 10, 14 and 15).

`refusal` says beforehand why a request would change nothing; a request that is refused is journaled and ignored.
"""

from __future__ import annotations

from saga.interpreter.machine import forward, turning, unwinding
from saga.interpreter.machine.commands import StartTimer
from saga.interpreter.machine.events import (
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
)
from saga.interpreter.machine.state import Phase, Progress, State, Unwound
from saga.interpreter.machine.turn import Turn
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Step


def refusal(definition: Definition, state: State, request: OperatorRequest) -> str | None:
    """Why a request would change nothing, as one sentence for people; None if it would be taken."""
    if state.phase is Phase.ENDED:
        return "the run has ended"
    match request:
        case CancelRequested():
            return _no_cancel(state)
        case RetryRequested():
            return None if state.trouble is not None else "the run is not stuck; it goes on by itself"
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


def _no_cancel(state: State) -> str | None:
    if state.pivot_passed:
        return "the point of no return has passed: it can only go forward"
    if state.phase is not Phase.FORWARD:
        return "the run has failed already and is being undone" if state.ending is None else "the run is ending"
    return None


def _no_settling(definition: Definition, state: State, name: str, *, skip: bool) -> str | None:
    step = definition.step(name)
    if step is None:
        return f'there is no step "{name}"'
    if state.trouble is not None and state.trouble.step == step.index:
        return _no_skip(step) if skip and not state.trouble.undo else None
    mine = state.steps[step.index]
    if mine is None or mine.progress is not Progress.BACKOFF:
        if mine is not None and mine.undo is not None and mine.undo.stage is Unwound.BACKOFF:
            return None
        return f'"{name}" is neither stuck nor waiting for its next attempt'
    return _no_skip(step) if skip else None


def _no_skip(step: Step) -> str | None:
    return f'"{step.name}" is the pivot and cannot be skipped: resolve it' if step.pivot else None


def _no_answer(state: State, definition: Definition, request: StepResolved) -> str | None:
    index = definition.indices[request.step]
    if index >= len(definition.steps):
        return f'"{request.step}" stands in finally: it can only be skipped'
    undo = _about_undo(state, index)
    if undo and request.how != "undone":
        return f'it is the undo of "{request.step}" that is stuck: resolve it with --undone'
    if not undo and request.how == "undone":
        return f'"{request.step}" is not being undone: resolve it with --ok or --rejected'
    return None


def _about_undo(state: State, index: int) -> bool:
    if state.trouble is not None and state.trouble.step == index:
        return state.trouble.undo
    mine = state.steps[index]
    return mine is not None and mine.undo is not None and mine.undo.stage is Unwound.BACKOFF


def operate(turn: Turn, request: OperatorRequest) -> None:
    """Does what was asked, or notes why not."""
    why = refusal(turn.definition, turn.state, request)
    turn.state.fates[request.mseq] = "done" if why is None else f"ignored:{why}"
    if why is not None:
        return
    match request:
        case CancelRequested():
            turning.stop(turn, "cancelled")
        case RetryRequested():
            _retry(turn)
        case StepSkipped():
            _settle_by_hand(turn, request)
        case StepResolved():
            _settle_by_hand(turn, request)
        case PauseRequested():
            turn.state.paused = True
        case ResumeRequested():
            turn.state.paused = False
            _go_on(turn)
        case TerminateRequested():
            _terminate(turn)


def _go_on(turn: Turn) -> None:
    """A hold is over: timers that were left alone run again, and what could not open is looked for."""
    turn.commands.extend(StartTimer(timer, due) for timer, due in turn.state.timers.items())
    if turn.state.phase is Phase.FORWARD and not turn.is_held:
        forward.look_again(turn)


def _retry(turn: Turn) -> None:
    trouble = turn.state.trouble
    assert trouble is not None
    turn.state.trouble = None
    step = turn.definition.node(trouble.step)
    if trouble.undo:
        if unwinding.begin_again(turn, step.index):
            turning.undone(turn, step.index)
    else:
        forward.reopen(turn, step)
    _go_on(turn)


def _settle_by_hand(turn: Turn, request: StepSkipped | StepResolved) -> None:
    state, index = turn.state, turn.definition.indices[request.step]
    step, about_undo = turn.definition.node(index), _about_undo(state, index)
    if state.trouble is not None and state.trouble.step == index:
        state.trouble = None
    mine = state.step(index)
    if about_undo:
        part = 0 if mine.undo is None else mine.undo.part
        turn.cancel_timer(Timer("retry", Ref(index, (), part)))
        unwinding.settle(turn, index, Unwound.SKIPPED, f"{request.by}: {request.reason}")
        turning.undone(turn, index)
    elif isinstance(request, StepSkipped):
        turn.cancel_timer(Timer("retry", Ref(index)))
        forward.pass_over(turn, step)
    else:
        turn.cancel_timer(Timer("retry", Ref(index)))
        forward.answer_by_hand(turn, step, request.how == "ok", request.output, request.code)
    _go_on(turn)


def _terminate(turn: Turn) -> None:
    state = turn.state
    turn.cancel_timers(("wait", "retry", "deadline"))
    turn.ready.clear()
    state.in_flight = 0
    state.outcome, state.ending, state.phase, state.trouble = "terminated", Status.TERMINATED, Phase.ENDED, None
