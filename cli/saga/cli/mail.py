"""The signals that came for a run, and what became of each (promises.md 4)."""

from __future__ import annotations

from typing import NamedTuple

from saga.cli.following import Following
from saga.interpreter.codec import MESSAGE_KINDS
from saga.interpreter.machine.events import SignalReceived
from saga.interpreter.standing import rfc3339
from saga.interpreter.store import Store
from saga.schema.values import Value, load


class Mail(NamedTuple):
    """One signal."""

    name: str
    payload: Value
    key: str | None
    sent_at: str | None
    fate: str
    """``taken by await_payment``, ``kept``, ``too late``, ``not read yet``."""


async def read_mail(store: Store, story: Following) -> list[Mail]:
    """Every signal that was accepted for the run, in the order in which they came. Raises StoreUnavailable."""
    fates = story.timeline.state.fates
    read = {entry.event.mseq for entry in story.timeline.entries if isinstance(entry.event, SignalReceived)}
    found: list[Mail] = []
    for row in await store.inbox(story.run.id):
        if row.kind != MESSAGE_KINDS[SignalReceived]:
            continue
        if row.mseq in read:
            fate = _said(fates.get(row.mseq))
        else:
            fate = "too late" if story.run.status.ended else "not read yet"
        found.append(Mail(row.name, load(row.data), row.key, rfc3339(row.at), fate))
    return found


def _said(fate: str | None) -> str:
    if fate is None:
        return "kept"
    what, _, by = fate.partition(":")
    return {"taken": f"taken by {by}", "too_late": "too late"}.get(what, f"ignored: {by}")
