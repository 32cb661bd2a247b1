"""From the typed file to the `Definition`: defaults filled in, blocks lowered to a flat list, expressions compiled.

One subject: what a sound file means as a whole. It runs only after all checks passed and raises nothing of its own. It
must not know how mistakes are found; where steps stand in the text it is told (``places``).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from saga.schema import definition as compiled
from saga.schema.checks.survey import survey
from saga.schema.definition import Definition
from saga.schema.durations import parse_duration
from saga.schema.expressions import compile_expression, compile_template
from saga.schema.language.fields import compose, gate
from saga.schema.language.file import SagaFile
from saga.schema.language.retry_rules import FORWARD_RETRY, UNDO_RETRY, merged
from saga.schema.lowering.actions import BUILT_IN, Defaults, arguments, maybe_template
from saga.schema.lowering.rows import Places, Rows
from saga.schema.lowering.steps import lower_final
from saga.schema.values import Value


def lower(file: SagaFile, source: Mapping[str, Value], text: str, places: Places) -> Definition:
    """The compiled saga. ``source`` is the file's plain value, ``text`` its text; both belong to ``file``."""
    defaults = _defaults(file)
    steps = Rows(survey(file), defaults, places).lower()
    final = tuple(
        lower_final(name, step, len(steps) + index, places(("finally", name)), defaults)
        for index, (name, step) in enumerate((file.finally_ or {}).items())
    )
    return Definition(
        name=file.name,
        version=file.version,
        digest=sha256(text.encode()).digest(),
        text=text,
        description=file.description or "",
        id=maybe_template(file.id),
        input=compiled.Input(compose(file.input or {}), gate(file.input or {}, "input")),
        steps=steps,
        final_steps=final,
        signals={name: _signal(name, file) for name in file.signals or {}},
        webhooks=_webhooks(source),
        compensation=_compensation(file, defaults),
        output=maybe_template(file.output),
        labels={name: compile_template(text) for name, text in (file.labels or {}).items()},
        deadline=None if file.deadline is None else parse_duration(file.deadline),
        id_reuse=file.id_reuse or "never",
        queue=file.queue,
        limit=None if file.limits is None else file.limits.running,
        schedule=_schedule(file),
        invariants=_invariants(file, places),
    )


def _defaults(file: SagaFile) -> Defaults:
    said = file.defaults
    timeout = said.attempt_timeout if said else None
    return Defaults(
        attempt_timeout=parse_duration(timeout) if timeout else BUILT_IN.attempt_timeout,
        retry=merged(FORWARD_RETRY, said.retry if said else None),
        undo_retry=merged(UNDO_RETRY, file.compensation.retry if file.compensation else None),
    )


def _signal(name: str, file: SagaFile) -> compiled.Signal:
    signal = (file.signals or {})[name]
    fields = signal.payload or {}
    late = signal.too_late
    too_late = None
    if late is not None:
        too_late = compiled.TooLate(late.start, maybe_template(late.id), arguments(late.with_))
    return compiled.Signal(name, compose(fields), gate(fields, "payload"), too_late)


def _schedule(file: SagaFile) -> compiled.Schedule | None:
    said = file.schedule
    if said is None:
        return None
    id_ = maybe_template(said.id)
    return compiled.Schedule(said.cron, said.timezone, said.overlap, said.catch_up, id_, arguments(said.with_))


def _invariants(file: SagaFile, places: Places) -> tuple[compiled.Invariant, ...]:
    said = file.invariants or {}
    entries = said.items() if isinstance(said, dict) else enumerate(said)
    return tuple(
        compiled.Invariant(
            key if isinstance(key, str) else f"invariant_{key + 1}",
            compile_expression(text),
            text,
            places(("invariants", key)),
        )
        for key, text in entries
    )


def _webhooks(source: Mapping[str, Value]) -> tuple[compiled.Webhook, ...]:
    written = source.get("webhooks")
    webhooks = written.items() if isinstance(written, dict) else ()
    return tuple(compiled.Webhook(name, webhook) for name, webhook in webhooks if isinstance(webhook, dict))


def _compensation(file: SagaFile, defaults: Defaults) -> compiled.Compensation:
    said = file.compensation
    built_in = compiled.Compensation()
    return compiled.Compensation(
        order=(said.order if said else None) or built_in.order,
        retry=defaults.undo_retry,
        stuck_after=parse_duration(said.stuck_after) if said and said.stuck_after else built_in.stuck_after,
    )
