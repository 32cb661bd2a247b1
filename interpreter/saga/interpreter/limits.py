"""How much one run may come to (semantics.md 22). Beyond that it goes no further forward; it can still be undone."""

from __future__ import annotations

from saga.interpreter.live import LiveRun

MOST_EVENTS = 50_000
MOST_BYTES = 8 * 1024 * 1024
"""Of its journal."""

LIMIT = "limit"
"""What the hold of such a run begins with."""


def beyond(run: LiveRun) -> tuple[str, str] | None:
    """The hold and its message, if the run has come to too much."""
    if run.seq >= MOST_EVENTS:
        return f"{LIMIT}:events", f"the run has {MOST_EVENTS:,} events, and may have no more; cancel or terminate it"
    if run.size >= MOST_BYTES:
        size = MOST_BYTES // 1024 // 1024
        return f"{LIMIT}:bytes", f"the run has come to {size} MiB, and may keep no more; cancel or terminate it"
    return None
