"""Retry rules as they hold: the built-in ones, with what the file says over them, key by key (semantics.md 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from saga.schema.definition import Compensation, Retry
from saga.schema.durations import parse_duration
from saga.schema.language.actions import RetryRules

FORWARD_RETRY = Retry()
UNDO_RETRY = Compensation().retry


def merged(inherited: Retry, rules: RetryRules | None) -> Retry:
    """``inherited`` with every key that ``rules`` says. Raises ValueError for a duration that is none."""
    if rules is None:
        return inherited
    said: dict[str, Any] = {}
    attempts = getattr(rules, "attempts", None)
    if attempts is not None:
        said["attempts"] = None if attempts == "unlimited" else attempts
    for key in ("first_delay", "max_delay", "give_up_after"):
        text = getattr(rules, key)
        if text is not None:
            said[key] = parse_duration(text)
    for key, name, form in (("factor", "factor", float), ("jitter", "jitter", str)):
        value = getattr(rules, key)
        if value is not None:
            said[name] = form(value)
    for name, codes in (("excepted", rules.except_), ("also", rules.also)):
        if codes is not None:
            said[name] = frozenset(codes)
    return replace(inherited, **said)
