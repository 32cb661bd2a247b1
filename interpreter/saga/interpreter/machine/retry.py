"""When a failed attempt is followed by another one (semantics.md 6 and 12). Pure arithmetic on microseconds."""

from __future__ import annotations

import re
from hashlib import blake2b

from saga.interpreter.machine.state import Trial
from saga.schema.definition import Retry

UNKNOWN_CODES = re.compile(r"attempt_timeout|heartbeat|http_5\d\d|http_408|http_425|http_429|connection|lost|stopped")
"""Built-in codes of an unknown outcome: listed in ``retry.except`` they end the retries and stay unknown."""

NOTHING_HAPPENED = frozenset({"unreachable", "attempt_timeout"})
"""Built-in codes of a rejection that is tried again: a request never sent, a transaction rolled back for its time."""

_UNTIL_STUCK = 3
"""With unlimited attempts an undo is never stuck before so many (semantics.md 12)."""


def rejects(retry: Retry, code: str) -> bool:
    """Whether an error with this code counts as a rejection because the author listed it in ``retry.except``."""
    return code in retry.excepted and UNKNOWN_CODES.fullmatch(code) is None


def delay_before(retry: Retry, key: str, attempt: int, tries: int) -> int:
    """Microseconds to wait after try number ``tries`` (from 1). Jitter is drawn from key and attempt: replay agrees."""
    exponent = min(tries - 1, 64)
    delay = min(retry.first_delay * retry.factor**exponent, float(retry.max_delay))
    if retry.jitter == "full":
        draw = int.from_bytes(blake2b(f"{key}#{attempt}".encode(), digest_size=8).digest(), "big") / 2**64
        delay *= draw
    return int(delay)


def next_attempt_at(retry: Retry, trial: Trial, key: str, at: int, stuck_after: int | None) -> int | None:
    """When the next attempt may start, or None when no more is allowed.

    ``stuck_after``: set for work that only gives up by being stuck (undo, and everything after the pivot); it counts
    from the first attempt, and the last attempt is made when it runs out.
    """
    if retry.attempts is not None and trial.tries >= retry.attempts:
        return None
    due = at + delay_before(retry, key, trial.attempt, trial.tries)
    if retry.give_up_after is not None and due - trial.first_at > retry.give_up_after:
        return None
    if stuck_after is not None and (retry.attempts is not None or trial.tries >= _UNTIL_STUCK):
        last = trial.first_at + stuck_after
        if at >= last:
            return None
        due = min(due, last)
    return due
