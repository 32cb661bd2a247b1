"""All rules about the meaning of a file: each is a function from the survey of a file to findings.

The order is the order in which findings at one place are told. It must not know how findings become problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from saga.schema import (
    checks_actions,
    checks_expressions,
    checks_fields,
    checks_flow,
    checks_header,
    checks_names,
    checks_signals,
    checks_sql,
    checks_undo,
)
from saga.schema.findings import Finding
from saga.schema.survey import Survey

Check = Callable[[Survey], Iterator[Finding]]

CHECKS_OF_PARTS: tuple[Check, ...] = (
    checks_names.unique,
    checks_names.not_reserved,
    checks_names.outcomes,
    checks_fields.json_schemas,
    checks_actions.argument_names,
    checks_actions.requests,
    checks_actions.durations,
    checks_actions.retries,
    checks_sql.statements,
    checks_sql.arguments,
    checks_signals.declared,
    checks_signals.paths,
    checks_expressions.expressions,
    checks_expressions.moments_of_time,
)
"""Rules that look at one part at a time; they hold for the sound parts of a file whose shape is broken elsewhere."""

CHECKS_OF_THE_WHOLE: tuple[Check, ...] = (
    checks_flow.timeouts,
    checks_flow.bodies,
    checks_flow.reachable,
    checks_flow.one_pivot,
    checks_flow.no_failure_after_the_pivot,
    checks_undo.said,
    checks_undo.impossible_on_the_pivot_only,
    checks_undo.one_answer_to_failure,
    checks_signals.waited_for,
    checks_signals.payloads,
    checks_header.safe_to_start_twice,
)
"""Rules that need every part: they would blame the wrong one while a part is missing."""


def run(survey: Survey, *, whole: bool) -> Iterator[Finding]:
    """What the checks find. ``whole``: the shape of the file is sound, so all of them can speak."""
    for check in CHECKS_OF_PARTS + (CHECKS_OF_THE_WHOLE if whole else ()):
        yield from check(survey)
