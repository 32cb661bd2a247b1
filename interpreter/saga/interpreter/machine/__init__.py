"""The rules of a saga: ``transition(definition, state, event) -> commands``.

Pure: no clock, no input or output, no randomness. A run is begun with `start`, fed with events in journal order, and
after a reload asked with `resume` what it still wants. `transition` owns the state it is given and changes it.

How a saga goes: a step opens when all it needs is settled; it is skipped when a guard or its `when` is false
(`forward`). When something fails for good the run turns (`turning`): nothing new opens, what is in flight is awaited,
then everything that was done or may have been done is undone, newest start first (`unwinding`). After the pivot nothing
is undone: work is retried, then held for a person (`operating`). Signals are kept until a step takes them or none can
any more (`mailbox`). Once outcome and output are fixed the `finally` steps run, and the run ends (`finishing`).
"""

from __future__ import annotations

from uuid import UUID

from saga.interpreter.machine import forward, turning, unwinding
from saga.interpreter.machine import operating as _operating
from saga.interpreter.machine.commands import Command, End, Park, RunAction, StartTimer
from saga.interpreter.machine.events import (
    DEADLINE,
    FORWARD,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    Event,
    OperatorRequest,
    OutputRefused,
    Ref,
    SignalReceived,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.mailbox import judge
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.state import Phase, Progress, State, Trial, Unread, Unwound
from saga.interpreter.machine.turn import Turn, Unanswerable
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Step
from saga.schema.values import Value

__all__ = ["Unanswerable", "next_timer", "open_attempts", "resume", "start", "status", "transition", "waiting_for"]


def start(
    definition: Definition, run: UUID, address: str, given: Value, started_at: int
) -> tuple[State, list[Command]]:
    """A new run and what it wants first. ``given``: the prepared input; ``started_at``: by the database's clock."""
    count = len(definition.steps)
    steps = [None] * (count + len(definition.final_steps))
    state = State(str(run), address, given, started_at, list(steps), started_at, unsettled=count)
    turn = Turn(definition, state, started_at)
    if definition.deadline is not None:
        turn.start_timer(DEADLINE, started_at + definition.deadline)
    forward.look_again(turn)
    return state, _close(turn)


def transition(definition: Definition, state: State, event: Event) -> list[Command]:
    """Folds one event into the state (which it changes) and returns what the run wants now.

    Raises Unanswerable for an answer to an attempt that was never made. Answers to attempts that are over, and timers
    that are not running, change nothing.
    """
    turn = Turn(definition, state, event.at)
    state.clock = max(state.clock, event.at)
    match event:
        case ActionSucceeded() | ActionRejected() | ActionUnknown() | ActionPostponed() | OutputRefused():
            trial = _awaited(state, event.ref, event.attempt)
            if trial is None:
                return []
            if event.ref.undo == FORWARD:
                forward.answered(turn, definition.node(event.ref.step), event, trial)
            elif unwinding.answered(turn, event, trial):
                turning.undone(turn, event.ref.step)
            elif state.phase is Phase.STOPPING:
                turning.unwind(turn)
        case SignalReceived():
            _signal(turn, event)
        case TimerFired():
            _timer(turn, event.timer)
        case AttemptsLost():
            _lost(turn, event)
        case OperatorRequest():
            _operating.operate(turn, event)
    return _close(turn)


def _awaited(state: State, ref: Ref, attempt: int) -> Trial | None:
    """The trial whose running attempt this is; None when the attempt is over."""
    trial = state.trial(ref)
    if trial is not None and attempt == trial.attempt and trial.running:
        return trial
    known = ref.step < len(state.steps) and state.steps[ref.step] is not None
    if not known or (trial is not None and attempt > trial.attempt):
        raise Unanswerable(f"an answer to attempt {attempt} of {ref}, which was never made")
    return None


def _signal(turn: Turn, event: SignalReceived) -> None:
    state = turn.state
    if event.name not in turn.definition.signals:
        state.fates[event.mseq] = "ignored:no such signal"
        return
    state.mailbox.append(Unread(event.mseq, event.name, event.payload))
    if state.phase is not Phase.FORWARD or turn.is_held:
        return
    for step in turn.definition.steps:
        waiting = step.wait is not None and step.wait.signal == event.name
        if waiting and state.progress(step.index) is Progress.WAITING and forward.take_signal(turn, step):
            return


def _timer(turn: Turn, timer: Timer) -> None:
    state = turn.state
    if timer not in state.timers or (timer.kind != DEADLINE.kind and turn.is_held):
        return
    del state.timers[timer]
    if timer.kind == DEADLINE.kind:
        if state.pivot_passed:
            state.overdue = True
        elif state.phase is Phase.FORWARD:
            turning.stop(turn, "deadline")
    elif timer.ref.undo != FORWARD:
        unwinding.attempt_again(turn, timer.ref)
    elif timer.kind == "retry":
        forward.try_next(turn, turn.definition.node(timer.ref.step))
    else:
        forward.time_out(turn, turn.definition.node(timer.ref.step))


def _lost(turn: Turn, event: AttemptsLost) -> None:
    for ref, attempt in event.attempts:
        trial = _awaited(turn.state, ref, attempt)
        if trial is None:
            continue
        if ref.undo == FORWARD:
            forward.lost(turn, turn.definition.node(ref.step), trial)
        else:
            unwinding.lost(turn, ref, trial)


def _close(turn: Turn) -> list[Command]:
    """What ends every turn: open what may open, judge signals, and say so when nothing is in flight."""
    state = turn.state
    forward.advance(turn)
    judge(turn)
    if state.phase is Phase.ENDED:
        assert state.ending is not None
        turn.commands.append(End(state.ending))
    elif state.in_flight == 0:
        turn.commands.append(Park(status(state), _due(state), waiting_for(turn.definition, state)))
    return turn.commands


def next_timer(state: State) -> tuple[int, Timer] | None:
    """The timer that is due first, and when. While a person has to act first only the deadline counts."""
    if not state.timers:
        return None
    if state.trouble is not None or state.paused:
        return (state.timers[DEADLINE], DEADLINE) if DEADLINE in state.timers else None
    return min(((due, timer) for timer, due in state.timers.items()), default=None)


def _due(state: State) -> int | None:
    found = next_timer(state)
    return None if found is None else found[0]


def status(state: State) -> Status:
    """Where the run stands, for people."""
    if state.phase is Phase.ENDED and state.ending is not None:
        return state.ending
    if state.trouble is not None:
        return Status.STUCK
    if state.paused:
        return Status.PAUSED
    if state.phase in (Phase.STOPPING, Phase.UNDOING) or state.ending is Status.COMPENSATED:
        return Status.COMPENSATING
    waits = any(step is not None and step.progress is Progress.WAITING for step in state.steps)
    return Status.WAITING if waits and state.in_flight == 0 else Status.RUNNING


def waiting_for(definition: Definition, state: State) -> tuple[str, ...]:
    """Names of the signals that an open wait can take, in file order."""
    return tuple(
        step.wait.signal
        for step in definition.steps
        if step.wait is not None and step.wait.signal and state.progress(step.index) is Progress.WAITING
    )


def open_attempts(definition: Definition, state: State) -> list[tuple[Ref, int]]:
    """Every attempt whose answer is awaited: what `AttemptsLost` names when the worker is gone."""
    return [(ref, trial.attempt) for ref, trial in _running(definition, state)]


def _running(definition: Definition, state: State) -> list[tuple[Ref, Trial]]:
    found: list[tuple[Ref, Trial]] = []
    for index, mine in enumerate(state.steps):
        if mine is None:
            continue
        if mine.trial is not None and mine.trial.running:
            found.append((Ref(index), mine.trial))
        if mine.undo is not None and mine.undo.trial is not None and mine.undo.stage is Unwound.RUNNING:
            found.append((Ref(index, (), mine.undo.part), mine.undo.trial))
    return found


def resume(definition: Definition, state: State) -> list[Command]:
    """What a reloaded run still wants: its attempts, its timers, and to be parked or ended."""
    turn = Turn(definition, state, state.clock)
    for ref, trial in _running(definition, state):
        node: Step = definition.node(ref.step)
        action = node.action if ref.undo == FORWARD else node.undo.actions[ref.undo].action
        assert action is not None
        turn.commands.append(RunAction(ref, trial.attempt, action, trial.arguments, key(definition, state, ref)))
    turn.commands.extend(StartTimer(timer, due) for timer, due in state.timers.items())
    if state.phase is Phase.ENDED and state.ending is not None:
        turn.commands.append(End(state.ending))
    elif state.in_flight == 0:
        turn.commands.append(Park(status(state), _due(state), waiting_for(definition, state)))
    return turn.commands
