"""All rules about the meaning of a file: each is a function from the survey of a file to findings.

The order is the order in which findings at one place are told. It must not know how findings become problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from saga.schema.checks import (
    actions,
    blocks,
    expressions,
    fields,
    flow,
    header,
    names,
    signals,
    sql,
    undo,
)
from saga.schema.checks.findings import Finding
from saga.schema.checks.survey import Survey

Check = Callable[[Survey], Iterator[Finding]]

CHECKS_OF_PARTS: tuple[Check, ...] = (
    names.unique,
    names.not_reserved,
    names.outcomes,
    names.labels,
    blocks.catchable,
    blocks.loops,
    header.clock,
    fields.json_schemas,
    actions.argument_names,
    actions.requests,
    actions.durations,
    actions.retries,
    actions.once,
    sql.statements,
    sql.arguments,
    signals.declared,
    signals.paths,
    expressions.expressions,
    expressions.moments_of_time,
)
"""Rules that look at one part at a time; they hold for the sound parts of a file whose shape is broken elsewhere."""

CHECKS_OF_THE_WHOLE: tuple[Check, ...] = (
    blocks.needed,
    blocks.no_circles,
    blocks.open_branches,
    blocks.branches,
    blocks.cases,
    blocks.one_answer_to_an_error,
    blocks.waits_apart,
    blocks.winners,
    flow.timeouts,
    flow.bodies,
    flow.reachable,
    flow.ends_alone,
    flow.one_pivot,
    flow.no_failure_after_the_pivot,
    flow.no_undo_after_the_pivot,
    undo.said,
    undo.impossible_on_the_pivot_only,
    undo.child_of_a_saga_only,
    undo.one_answer_to_failure,
    signals.waited_for,
    signals.payloads,
    header.no_child_of_its_own,
    header.safe_to_start_twice,
)
"""Rules that need every part: they would blame the wrong one while a part is missing."""


def run(survey: Survey, *, whole: bool) -> Iterator[Finding]:
    """What the checks find. ``whole``: the shape of the file is sound, so all of them can speak."""
    for check in CHECKS_OF_PARTS + (CHECKS_OF_THE_WHOLE if whole else ()):
        yield from check(survey)
