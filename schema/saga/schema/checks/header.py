"""Checks of the header."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.checks.findings import Finding
from saga.schema.checks.survey import Survey


def safe_to_start_twice(survey: Survey) -> Iterator[Finding]:
    """A file without an id gets a random one for each start (semantics.md 29)."""
    if survey.file.id is None:
        message = "without an id, starting this saga twice makes two runs"
        hint = "add id: ${{ input.… }}, so that the same business start is the same run"
        yield Finding("SAGA260", message, ("name",), hint, on_key=True, warning=True)
