"""A run as JSON: what the command line and the HTTP API say of it. The names here are an interface: add, never rename.

This room must not know terminals, HTTP or stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from saga.interpreter.access import AuditRecord
from saga.interpreter.codec import SPELLINGS
from saga.interpreter.machine.events import FORWARD, ActionEvent, Ref, TaskAnswered
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.state import StepState, UndoState
from saga.interpreter.standing import rfc3339, standing
from saga.interpreter.stored import InboxRow, OutboxRow, Row, RunRow
from saga.interpreter.timeline import Entry, Timeline, Track, Try, progress_of, subject
from saga.schema.definition import Definition, Step
from saga.schema.values import load


def run_record(run: RunRow) -> dict[str, Any]:
    """What a list says of a run."""
    return {
        "run": run.address,
        "id": str(run.id),
        "saga": run.saga,
        "version": run.version,
        "status": standing(run).word,
        "business_status": run.shown,
        "outcome": run.outcome,
        "rollback": "incomplete" if run.incomplete else None,
        "waiting_for": list(run.waiting) if run.owner is None else [],
        "held_for": run.hold,
        "problem": None if run.problem is None else load(run.problem),
        "input": load(run.input),
        "output": None if run.output is None else load(run.output),
        "error": None if run.error is None else load(run.error),
        "labels": load(run.labels),
        "due": rfc3339(run.due),
        "started_at": rfc3339(run.created_at),
        "ended_at": rfc3339(run.closed_at),
        "in_hand": run.owner is not None and run.owner_alive,
    }


def audit_record(record: AuditRecord) -> dict[str, Any]:
    """What the audit says of one change."""
    return {
        "number": record.id,
        "at": rfc3339(record.at),
        "who": record.who,
        "via": record.via,
        "action": record.action,
        "run": record.address,
        "run_id": None if record.run is None else str(record.run),
        "what": record.what,
        "before": record.before,
        "after": record.after,
    }


def story_record(run: RunRow, timeline: Timeline) -> dict[str, Any]:
    """What `show` says of a run: the list's words, and every step, by place."""
    return run_record(run) | {"steps": [_step(timeline, place, mine) for place, mine in timeline.places()]}


def children_record(definition: Definition, children: Mapping[Ref, RunRow]) -> list[dict[str, Any]]:
    """The child runs of a run, by the place they belong to; with ``undo`` the run that undoes the child there."""
    return [
        {"place": spelled(definition, ref), "undo": ref.undo != FORWARD, **_stand(run_record(child))}
        for ref, child in sorted(children.items())
    ]


def _stand(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("run", "status", "outcome", "problem")}


def emitted_record(position: int, row: OutboxRow) -> dict[str, Any]:
    """An event that a run has emitted."""
    event = cast(dict[str, Any], load(row.data))
    return {
        "position": position,
        "id": event["id"],
        "topic": event["topic"],
        "subject": event["subject"],
        "run": event["from"],
        "at": rfc3339(event["at"]),
        "data": event["data"],
    }


def _step(timeline: Timeline, place: Ref, mine: StepState) -> dict[str, Any]:
    definition, track = timeline.definition, timeline.track(place)
    step = definition.node(place.step)
    return {
        "step": step.name,
        "iteration": list(place.iteration),
        "place": spelled(definition, place),
        "verb": step.verb.value,
        "inside": list(step.path),
        "finally": step.index >= len(definition.steps),
        "pivot": step.pivot,
        "optional": step.optional,
        "status": progress_of(timeline.state, mine).name.lower(),
        "way": mine.way or None,
        "iterations": _iterations(step, mine),
        "began_at": rfc3339(track.began),
        "ended_at": rfc3339(track.ended),
        "attempts": [_try(each) for each in track.tries],
        "output": mine.output,
        "error": mine.error,
        "undo": _undo(mine.undo, track),
    }


def _iterations(step: Step, mine: StepState) -> dict[str, Any] | None:
    """How far a loop has come."""
    if step.block is None or step.block.loop is None or mine.block is None:
        return None
    return {"through": mine.block.through, "begun": len(mine.block.left), "most": mine.block.bound}


def _try(each: Try) -> dict[str, Any]:
    record: dict[str, Any] = {
        "attempt": each.number,
        "began_at": rfc3339(each.began),
        "ended_at": rfc3339(each.ended),
        "answer": each.word or None,
    }
    if each.code:
        record |= {"code": each.code, "message": each.message}
    return record if each.undo == FORWARD else {"action": each.undo, **record}


def _undo(undo: UndoState | None, track: Track) -> dict[str, Any] | None:
    if undo is None:
        return None
    return {
        "status": undo.stage.name.lower(),
        "began_at": rfc3339(track.undo_began),
        "ended_at": rfc3339(track.undo_ended),
        "attempts": [_try(each) for each in track.undo_tries],
        "note": undo.note,
    }


def archive_record(
    run: RunRow, journal: Sequence[Row], inbox: Sequence[InboxRow], outbox: Sequence[OutboxRow]
) -> dict[str, Any]:
    """Everything that is kept of a run; journal rows as they are stored."""
    return run_record(run) | {
        "journal": [_stored(row) for row in journal],
        "messages": [_stored(row) for row in inbox],
        "sent": [_stored(row) for row in outbox],
    }


def _stored(row: Row | InboxRow | OutboxRow) -> dict[str, Any]:
    record = row._asdict() | {"data": load(row.data)}
    del record["run"]
    return record


def event_record(entry: Entry) -> dict[str, Any]:
    """One journal row; its step is named as it was when the row was written."""
    row = entry.row
    record: dict[str, Any] = {"seq": row.seq, "at": rfc3339(row.at), "event": SPELLINGS[type(entry.event)].word}
    ref = subject(entry.event)
    if ref is not None:
        record |= {"step": entry.definition.node(ref.step).name}
        if ref.iteration:
            record |= {"iteration": list(ref.iteration)}
        if isinstance(entry.event, ActionEvent | TaskAnswered):
            record |= {"attempt": entry.event.attempt}
    return record | {"data": load(row.data)}
