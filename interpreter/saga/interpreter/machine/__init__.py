"""The rules of a saga: ``transition(definition, state, event) -> commands``.

Pure: no clock, no input or output, no randomness. A run is begun with `start`, fed with events in journal order, and
after a reload asked with `resume` what it still wants. `transition` owns the state it is given and changes it.

How a saga goes: a step opens when all it needs is settled; it is skipped when a guard or its `when` is false
(`forward`). A block opens its members and is settled when they are, a loop iteration by iteration (`blocks`). When
something fails for good (`ending`), the first `catch` or `optional` outwards takes it, else the run does: whatever took
it is left (`leaving`): nothing new opens in it, what is in flight is awaited, what must be undone is (`unwinding`).
After the pivot nothing is rolled back: work is retried, then held for a person (`operating`). Signals are kept until a
step takes them or none can any more (`mailbox`, `waits`); what goes to others is a command (`sending`). Once outcome
and output are fixed the `finally` steps run, and the run ends (`finishing`).
"""

from __future__ import annotations

from itertools import chain
from uuid import UUID

from saga.interpreter.machine import blocks, forward, leaving, migrating, unwinding, waits
from saga.interpreter.machine import operating as _operating
from saga.interpreter.machine.commands import Command, End, Park, RunAction, StartTimer
from saga.interpreter.machine.events import (
    DEADLINE,
    FORWARD,
    ROOT,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    ChildEnded,
    Event,
    Migrated,
    OperatorRequest,
    OutputRefused,
    Ref,
    SignalReceived,
    TaskAnswered,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.fingerprint import fingerprint
from saga.interpreter.machine.mailbox import judge, open_waits
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.sending import answer_of_task, end_of_child
from saga.interpreter.machine.state import Leaving, Phase, Progress, State, StepState, Trial, Unread, Unwound
from saga.interpreter.machine.turn import Turn, Unanswerable
from saga.interpreter.status import Status
from saga.schema.definition import ON_TIMEOUT, Definition
from saga.schema.values import Value

__all__ = [
    "Unanswerable",
    "fingerprint",
    "migrate",
    "next_timer",
    "open_attempts",
    "resume",
    "running",
    "spelled",
    "start",
    "status",
    "transition",
    "waiting_for",
]


def start(
    definition: Definition, run: UUID, address: str, given: Value, started_at: int
) -> tuple[State, list[Command]]:
    """A new run and what it wants first. ``given``: the prepared input; ``started_at``: by the database's clock."""
    steps: list[StepState | None] = [None] * (len(definition.steps) + len(definition.final_steps))
    unsettled = len(definition.members[ROOT.step])
    state = State(str(run), address, given, started_at, steps, started_at, unsettled=unsettled)
    turn = Turn(definition, state, started_at)
    if definition.deadline is not None:
        turn.start_timer(DEADLINE, started_at + definition.deadline)
    turn.ready += [Ref(index) for index in definition.openers[ROOT.step]]
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
                forward.answered(turn, event, trial)
            else:
                unwinding.answered(turn, event, trial)
        case ChildEnded() | TaskAnswered():
            _answered_from_afar(turn, event)
        case SignalReceived():
            _signal(turn, event)
        case TimerFired():
            _timer(turn, event.timer)
        case AttemptsLost():
            _lost(turn, event)
        case Migrated():
            raise AssertionError("it needs the text before too: use migrate")
        case OperatorRequest():
            _operating.operate(turn, event)
    return _close(turn)


def migrate(before: Definition, after: Definition, state: State, event: Migrated) -> list[Command]:
    """Makes the state one of another text, in which the run goes on (semantics.md 33).

    Whoever journals the event has asked before that there are no `migrating.obstacles`.
    """
    turn = Turn(after, state, event.at)
    state.clock = max(state.clock, event.at)
    migrating.move(turn, before)
    return _close(turn)


def _awaited(state: State, ref: Ref, attempt: int) -> Trial | None:
    """The trial whose running attempt this is; None when the attempt is over."""
    trial = state.trial(ref)
    if trial is not None and attempt == trial.attempt and trial.running:
        return trial
    if state.found(Ref(ref.step, ref.iteration)) is None or (trial is not None and attempt > trial.attempt):
        raise Unanswerable(f"an answer to attempt {attempt} of {ref}, which was never made")
    return None


def _answered_from_afar(turn: Turn, event: ChildEnded | TaskAnswered) -> None:
    """Somebody else's answer came through the inbox; one that nobody waits for any more changes nothing."""
    trial = turn.state.trial(event.ref) if 0 <= event.ref.step < len(turn.state.steps) else None
    if trial is None or not trial.running or (isinstance(event, TaskAnswered) and event.attempt != trial.attempt):
        turn.state.fates[event.mseq] = "ignored:nobody waits for it any more"
        return
    turn.state.fates[event.mseq] = "done"
    if isinstance(event, ChildEnded) and event.ref.undo != FORWARD:
        unwinding.child_undone(turn, event, trial)
        return
    # only forward actions are offered to others: an undo is always the worker's own
    answer = answer_of_task(event) if isinstance(event, TaskAnswered) else end_of_child(event, trial.attempt)
    forward.answered(turn, answer, trial)


def _signal(turn: Turn, event: SignalReceived) -> None:
    state, definition = turn.state, turn.definition
    if event.name not in definition.signals:
        state.fates[event.mseq] = "ignored:no such signal"
        return
    state.mailbox.append(Unread(event.mseq, event.name, event.payload))
    if state.phase is not Phase.FORWARD or turn.is_held:
        return
    for place, wait in open_waits(definition, state):
        if event.name in wait.signals and waits.take_signal(turn, place, definition.steps[place.step]):
            return


def _timer(turn: Turn, timer: Timer) -> None:
    state = turn.state
    if timer not in state.timers or (timer.kind != DEADLINE.kind and turn.is_held):
        return
    del state.timers[timer]
    place = timer.ref
    if timer.kind == DEADLINE.kind:
        if state.pivot_passed:
            state.overdue = True
        elif state.phase is Phase.FORWARD:
            leaving.stop(turn, "deadline")
    elif place.undo != FORWARD:
        unwinding.attempt_again(turn, place)
    elif timer.kind == "retry":
        forward.try_next(turn, place)
    elif timer.kind == "delay":
        blocks.delay_over(turn, place)
    elif turn.node(place).block is not None:
        leaving.leave(turn, place, Leaving(Progress.TIMED_OUT, ON_TIMEOUT))
    else:
        waits.strike(turn, place, turn.node(place))


def _lost(turn: Turn, event: AttemptsLost) -> None:
    for ref, attempt in event.attempts:
        trial = _awaited(turn.state, ref, attempt)
        if trial is None:
            continue
        if ref.undo == FORWARD:
            forward.lost(turn, ref, trial)
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
        turn.commands.append(Park())
    return turn.commands


def next_timer(state: State) -> tuple[int, Timer] | None:
    """The timer that is due first, and when. While a person has to act first only the deadline counts."""
    if not state.timers:
        return None
    if state.troubles or state.paused:
        return (state.timers[DEADLINE], DEADLINE) if DEADLINE in state.timers else None
    return min(((due, timer) for timer, due in state.timers.items()), default=None)


def status(state: State) -> Status:
    """Where the run stands, for people."""
    if state.phase is Phase.ENDED and state.ending is not None:
        return state.ending
    if state.troubles:
        return Status.STUCK
    if state.paused:
        return Status.PAUSED
    if state.phase in (Phase.STOPPING, Phase.UNDOING) or state.ending is Status.COMPENSATED:
        return Status.COMPENSATING
    if state.in_flight:
        return Status.RUNNING
    return Status.WAITING if any(map(_waits, chain(state.steps, state.iterated.values()))) else Status.RUNNING


def _waits(mine: StepState | None) -> bool:
    """Whether a step waits for others: for a signal or a clock, a child, somebody else's answer."""
    if mine is None:
        return False
    return mine.progress is Progress.WAITING or (mine.trial is not None and mine.trial.remote and mine.trial.running)


def waiting_for(definition: Definition, state: State) -> tuple[str, ...]:
    """Names of the signals that an open wait can take, in file order, each once."""
    return tuple(dict.fromkeys(name for _, wait in open_waits(definition, state) for name in wait.signals))


def open_attempts(definition: Definition, state: State) -> list[tuple[Ref, int]]:
    """Every attempt whose answer the worker awaits: what `AttemptsLost` names when the worker is gone."""
    return [(ref, trial.attempt) for ref, trial in running(state) if not trial.remote]


def running(state: State) -> list[tuple[Ref, Trial]]:
    """Every attempt, child and undo of a child whose answer is awaited, also of others."""
    found: list[tuple[Ref, Trial]] = []
    for place, mine in state.places():
        if mine.trial is not None and mine.trial.running:
            found.append((place, mine.trial))
        if mine.undo is not None and mine.undo.trial is not None and mine.undo.stage is Unwound.RUNNING:
            found.append((Ref(place.step, place.iteration, mine.undo.part), mine.undo.trial))
    return found


def resume(definition: Definition, state: State) -> list[Command]:
    """What a reloaded run still wants: its attempts, its timers, and to be parked or ended."""
    turn = Turn(definition, state, state.clock)
    for ref, trial in running(state):
        if trial.remote:
            continue  # it was offered when it was opened, and that is durable
        node = definition.node(ref.step)
        action = node.action if ref.undo == FORWARD else node.undo.actions[ref.undo].action
        assert action is not None
        turn.commands.append(RunAction(ref, trial.attempt, action, trial.arguments, key(definition, state, ref)))
    turn.commands.extend(StartTimer(timer, due) for timer, due in state.timers.items())
    if state.phase is Phase.ENDED and state.ending is not None:
        turn.commands.append(End(state.ending))
    elif state.in_flight == 0:
        turn.commands.append(Park())
    return turn.commands
