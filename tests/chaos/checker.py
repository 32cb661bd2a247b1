"""The promises, run by run: what actions answered is compared with what the ledger served, times with the database's
own commit times, ends with the reference model.

It trusts nobody, and must not know how faults were made.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from evidence import Evidence, Told
from model import allowed

from saga.interpreter import machine
from saga.interpreter.beginning import Past
from saga.interpreter.codec import decode
from saga.interpreter.machine.commands import Command, RunAction
from saga.interpreter.machine.events import (
    FORWARD,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    Ref,
    SignalReceived,
    TimerFired,
)
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.state import Progress, State
from saga.interpreter.stored import InboxRow, Row
from saga.schema.definition import Definition
from saga.schema.values import dump, load

_CLOCK = 2_000
"""Microseconds that two readings of one clock may be apart."""


def problems(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Every promise that is broken for one run."""
    yield from _journal(evidence, counts)
    yield from _replay(evidence)
    yield from _end(evidence)
    yield from _calls(evidence)
    yield from _answers(evidence)
    yield from _signals(evidence, counts)
    yield from _fates(evidence)
    yield from _undoing(evidence, counts)


def _journal(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Gapless; and folded again, timer by timer."""
    run, past = evidence.run, evidence.beginning.past()
    numbers = [row.seq for row in evidence.rows]
    if numbers != list(range(1, len(numbers) + 1)) or run.seq != len(numbers):
        yield f"the journal has the numbers {numbers}, the run row says {run.seq}"
    _note(evidence, past.commands)
    for row in evidence.rows:
        told = Told(decode(row), past.definition)
        evidence.told.append(told)
        if isinstance(told.event, TimerFired):
            yield from _timer(evidence, row, told.event, past, counts)
        past.fold(told.event)
        _note(evidence, past.commands)
        if row.at > evidence.written[row.seq] + _CLOCK:
            yield f"row {row.seq} is stamped {row.at - evidence.written[row.seq]} us after its commit"
    evidence.state = past.state


def _note(evidence: Evidence, commands: list[Command]) -> None:
    for command in commands:
        if isinstance(command, RunAction):
            evidence.issued[command.key].append(command)


def _timer(evidence: Evidence, row: Row, event: TimerFired, past: Past, counts: Counter[str]) -> Iterator[str]:
    due = past.state.timers.get(event.timer)
    counts[f"timers {event.timer.kind}"] += 1
    if due is None:
        yield f"row {row.seq}: {event.timer} fired and was not running"
        return
    if row.at < due or evidence.written[row.seq] < due - _CLOCK:
        yield f"row {row.seq}: {event.timer} fired {due - min(row.at, evidence.written[row.seq])} us early"
    if event.timer.kind != "wait":
        return
    wait = past.definition.steps[event.timer.ref.step].wait
    assert wait is not None
    read = {message.mseq for message in evidence.events if isinstance(message, SignalReceived)}
    for message in evidence.inbox:
        if message.name == wait.signal and message.mseq not in read and evidence.received[message.mseq] <= due - _CLOCK:
            yield f"row {row.seq}: {event.timer} beat signal {message.mseq}, which was stored before it was due"


def _replay(evidence: Evidence) -> Iterator[str]:
    run, state = evidence.run, evidence.state
    assert state is not None
    stored = (run.status, run.outcome, run.incomplete, run.shown)
    folded = (machine.status(state), state.outcome, state.incomplete, state.shown)
    if stored != folded:
        yield f"the run row says {stored}, its journal says {folded}"
    if run.output is not None and dump(load(run.output)) != dump(state.output):
        yield f"the run row's output is {run.output}, its journal's {dump(state.output)}"


def _end(evidence: Evidence) -> Iterator[str]:
    run, life = evidence.run, evidence.life
    if not run.status.ended:
        yield f"it is still {run.status.word}: {run.problem}"
        return
    end, right = (run.status.word, run.outcome or ""), allowed(life.case)
    by_hand = any("crashing" not in reason for reason in life.reasons)
    # With a limit of one second a machine that is busy with other things may be too slow for what always succeeds.
    too_slow = life.case.shape.hangs and (evidence.state is None or _code(evidence.state) == "attempt_timeout")
    if end not in right and not ((by_hand or too_slow) and end == ("compensated", "failed")):
        yield f"it ended {end}, allowed are {sorted(right)}"


def _code(state: State) -> object:
    return (state.error or {}).get("code")


def _calls(evidence: Evidence) -> Iterator[str]:
    """The ledger was called as the journal says, with one key and the same bytes, each attempt at most once."""
    for name, calls in evidence.calls.items():
        issued = evidence.issued.get(name)
        if issued is None:
            yield f"{name} was called, and the journal knows nothing of it"
            continue
        if len({call["body"] for call in calls} | {dump(command.arguments) for command in issued}) > 1:
            yield f"{name} was called with different arguments"
        attempts = Counter(call["attempt"] for call in calls if call["attempt"] is not None)
        twice = [attempt for attempt, times in attempts.items() if times > 1]
        if twice or len(calls) > len(issued):
            yield f"{name} was called {len(calls)} times for {len(issued)} attempts (twice: {twice})"
        if sum(call["effect"] == "done" for call in calls) > 1:
            yield f"{name} had its effect twice"
    for name, times in evidence.effects.items():
        if times > 1:
            yield f"{name} wrote its row {times} times"


def _answers(evidence: Evidence) -> Iterator[str]:
    """Every answer in the journal was given."""
    state = evidence.state
    assert state is not None
    succeeded: Counter[str] = Counter()
    for event, definition in evidence.told:
        if not isinstance(event, ActionSucceeded | ActionRejected | ActionPostponed):
            continue
        name = key(definition, state, event.ref)
        kind = _kind(evidence, definition, event.ref)
        calls = evidence.calls.get(name, [])
        if isinstance(event, ActionSucceeded):
            succeeded[name] += 1
            if kind == "sql":
                continue
            number = event.output["call"] if isinstance(event.output, dict) else 0
            if not any(call["call"] == number and call["word"] in ("ok", "slow") for call in calls):
                yield f"{name} is said to have answered {event.output}"
        elif isinstance(event, ActionRejected) and kind != "sql" and not _was_rejected(event, calls):
            yield f"{name} is said to have been rejected with {event.code}"
    for name, times in succeeded.items():
        if times > 1:
            yield f"{name} succeeded {times} times"
    for step in evidence.definition.steps:
        for number in range(FORWARD, len(step.undo.actions)):
            ref = Ref(step.index, (), number)
            name = key(evidence.definition, state, ref)
            if step.action is None and number == FORWARD:
                continue
            if _kind(evidence, evidence.definition, ref) in ("sql", "tx") and evidence.effects[name] != succeeded[name]:
                yield f"{name} wrote {evidence.effects[name]} rows and succeeded {succeeded[name]} times"


def _was_rejected(event: ActionRejected, calls: list[dict[str, Any]]) -> bool:
    if event.code == "not_tried":  # stopped before it began
        return all(call["attempt"] != event.attempt for call in calls)
    codes = {"unreachable", "attempt_timeout"}
    for call in calls:
        code = "already_undone" if call["effect"] == "refused" else call["word"].removeprefix("reject:")
        if code != call["word"]:
            codes |= {code, f"http_{ {'gone': 410, 'missing': 404}.get(code, 409) }"}
    return event.code in codes


def _kind(evidence: Evidence, definition: Definition, ref: Ref) -> str:
    name = definition.node(ref.step).name
    if name == "last":
        return evidence.life.case.shape.final or ""
    part = evidence.life.case.shape.part(name)
    return part.kind if ref.undo == FORWARD else part.undo or ""


def _signals(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Each accepted signal is there once, and was taken, or came too late."""
    run, state = evidence.run, evidence.state
    assert state is not None
    if [message.mseq for message in evidence.inbox] != list(range(1, run.mbox + 1)):
        yield f"the inbox has gaps: {[message.mseq for message in evidence.inbox]}, mbox {run.mbox}"
    stored = Counter(message.key for message in evidence.inbox if message.kind == 0)
    for sent in evidence.life.sent:
        answers = Counter(sent.answers)
        counts.update(f"signals {answer}" for answer in sent.answers)
        new = answers["accepted"] + answers["too_late"]
        if stored[sent.letter.key] > 1:
            yield f"signal {sent.letter.key} is stored {stored[sent.letter.key]} times"
        if answers["ended"] == len(sent.answers):
            # A send whose answer was lost may have stored it, or may never have reached the database.
            if stored[sent.letter.key] and not sent.unsure:
                yield f"signal {sent.letter.key} was refused and is stored"
        elif not stored[sent.letter.key]:
            yield f"signal {sent.letter.key} was answered {sent.answers} and is lost"
        if new > 1 or (new == 0 and answers["duplicate"] and not sent.unsure):
            yield f"signal {sent.letter.key} was answered {sent.answers}"


def _fates(evidence: Evidence) -> Iterator[str]:
    """What became of every message: read once, in order, and nothing is forgotten."""
    state = evidence.state
    assert state is not None
    takers = Counter(fate for fate in state.fates.values() if fate.startswith("taken:"))
    if any(times > 1 for times in takers.values()):
        yield f"a wait took two signals: {takers}"
    read = [event.mseq for event in evidence.events if isinstance(event, SignalReceived)]
    if any(later <= earlier for earlier, later in pairwise(read)):
        yield f"signals were read twice, or out of order: {read}"
    late = {(row.seq, row.n) for row in evidence.outbox}
    for message in evidence.inbox:
        handled = message.kind == 0 and evidence.definition.signals[message.name].too_late is not None
        fate = state.fates.get(message.mseq)
        if message.mseq > evidence.mread:
            if fate is not None or (0, message.mseq) not in late:
                yield f"message {message.mseq} came after the end; fate {fate}, outbox {late}"
        elif fate is None:
            yield f"message {message.mseq} has no fate"
        elif handled and (fate == "too_late") != (_handler_of(evidence, message) == 1):
            yield f"message {message.mseq} is {fate}, and {_handler_of(evidence, message)} handlers were started"


def _handler_of(evidence: Evidence, message: InboxRow) -> int:
    return sum(json.loads(row.data)["mseq"] == message.mseq for row in evidence.outbox if row.seq)


def _undoing(evidence: Evidence, counts: Counter[str]) -> Iterator[str]:
    """Undone means undone, newest start first, and nothing is undone after the pivot."""
    run, state, shape = evidence.run, evidence.state, evidence.life.case.shape
    assert state is not None
    passed = any(
        isinstance(event, ActionSucceeded) and event.ref.undo == FORWARD and definition.node(event.ref.step).pivot
        for event, definition in evidence.told
    )
    compensated = run.status.word == "compensated"
    if passed and compensated:
        yield "it was compensated after its pivot"
    for part in shape.parts:
        name = f"{run.id}/{part.name}"
        did = _happened(evidence, name)
        undone = _happened(evidence, f"{name}/undo")
        mine = state.steps[evidence.definition.indices[part.name]]
        ok = mine is not None and mine.progress is Progress.OK
        if compensated and part.undo and did and not undone and not run.incomplete:
            yield f"what {part.name} did is not undone"
        if compensated and part.pivot and part.undo is None and did:
            yield f"{part.name} is a pivot that cannot be undone, it happened, and the run was compensated"
        if not compensated and undone and ok:
            yield f"{part.name} was undone in a run that is {run.status.word}"
        if not compensated and part.undo and did and not undone and not ok:
            yield f"{part.name} failed, happened, and was not undone"
        if ok and part.acts and not did:
            yield f"{part.name} is ok and nothing happened"
        counts["undone"] += undone
    yield from _order(evidence)


def _happened(evidence: Evidence, name: str) -> bool:
    return evidence.effects[name] > 0 or any(call["effect"] == "done" for call in evidence.calls.get(name, ()))


def _order(evidence: Evidence) -> Iterator[str]:
    shape, run = evidence.life.case.shape, evidence.run
    through: list[str] = []
    for event, definition in evidence.told:
        if isinstance(event, ActionSucceeded) and event.ref.undo != FORWARD:
            through.append(definition.node(event.ref.step).name)
    through = [name for name in through if not shape.part(name).optional]
    order = [part.name for part in shape.parts]
    places = [order.index(name) for name in through]
    if places != sorted(places, reverse=True) or len(set(places)) < len(places):
        yield f"undone in the order {through}"
    for newer, older in pairwise(through):
        first = [call for call in evidence.calls.get(f"{run.id}/{newer}/undo", ()) if call["effect"]]
        then = evidence.calls.get(f"{run.id}/{older}/undo", ())
        if first and then and first[0]["t"] > then[0]["t"]:
            yield f"the undo of {older} was called before that of {newer} had worked"
    undos = [calls[0]["t"] for name, calls in evidence.calls.items() if _is_turn(evidence, name)]
    forward = [calls[0] for name, calls in evidence.calls.items() if "/undo" not in name and not name.endswith("/last")]
    for call in forward:
        if undos and call["t"] > min(undos):
            yield f"{call['key']} was called for the first time after the run had turned"


def _is_turn(evidence: Evidence, name: str) -> bool:
    """Whether it is an undo that only a run that has turned makes."""
    return "/undo" in name and not evidence.life.case.shape.part(name.split("/")[1]).optional
