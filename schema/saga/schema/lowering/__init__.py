"""From the typed file to the `Definition`: defaults filled in, blocks lowered to a flat list, expressions compiled.

One subject: what a sound file means. It runs only after all checks passed and raises nothing of its own. It must not
know how mistakes are found; where steps stand in the text it is told (``places``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from saga.schema import definition as compiled
from saga.schema.checks.reach import times_out
from saga.schema.checks.survey import FinalStep, ForwardStep
from saga.schema.definition import Definition, Guard, GuardKind, Place, Verb
from saga.schema.durations import parse_duration
from saga.schema.expressions import compile_expression, compile_template
from saga.schema.language.fields import compose, gate, output_check
from saga.schema.language.file import SagaFile
from saga.schema.language.retry_rules import FORWARD_RETRY, UNDO_RETRY, merged
from saga.schema.language.steps import Acting, BodyMap, EndStep, FailStep, Forward, SignalWait, WaitStep
from saga.schema.lowering.actions import (
    BUILT_IN,
    Defaults,
    arguments,
    lower_action,
    lower_undo,
    maybe_expression,
    maybe_template,
)
from saga.schema.values import Value
from saga.schema.yaml_text.nodes import Pointer

Places = Callable[[Pointer], Place]
"""Where the key at a pointer stands in the text."""


def lower(file: SagaFile, source: Mapping[str, Value], text: str, places: Places) -> Definition:
    """The compiled saga. ``source`` is the file's plain value, ``text`` its text; both belong to ``file``."""
    defaults = _defaults(file)
    steps = _Steps(defaults, places)
    steps.add_row(file.steps, ("steps",), (), (), ())
    final = tuple(
        _final_step(name, step, len(steps.found) + index, defaults, places(("finally", name)))
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
        steps=tuple(steps.found),
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
    )


def _defaults(file: SagaFile) -> Defaults:
    said = file.defaults
    timeout = said.attempt_timeout if said else None
    return Defaults(
        attempt_timeout=parse_duration(timeout) if timeout else BUILT_IN.attempt_timeout,
        retry=merged(FORWARD_RETRY, said.retry if said else None),
        undo_retry=merged(UNDO_RETRY, file.compensation.retry if file.compensation else None),
    )


class _Steps:
    """Gathers the flat list: each step needs the one before it, and the last of that one's `on_timeout` body."""

    def __init__(self, defaults: Defaults, places: Places) -> None:
        self.found: list[compiled.Step] = []
        self._defaults = defaults
        self._places = places

    def add_row(
        self,
        row: Mapping[str, ForwardStep],
        at: Pointer,
        needs: tuple[int, ...],
        guards: tuple[Guard, ...],
        path: tuple[str, ...],
    ) -> tuple[int, ...]:
        """Adds steps that run one after the other; the answer is what a step behind them needs."""
        for name, step in row.items():
            index = len(self.found)
            self.found.append(_step(name, step, index, self._defaults, self._places((*at, name)), needs, guards, path))
            needs = (index,)
            if isinstance(step, WaitStep) and isinstance(step.on_timeout, BodyMap):
                inside = (*path, f"{name}.on_timeout")
                needs += self._add_body(step.on_timeout, (*at, name, "on_timeout"), index, inside)
        return needs

    def _add_body(self, body: BodyMap, at: Pointer, wait: int, path: tuple[str, ...]) -> tuple[int, ...]:
        guards = (Guard(GuardKind.TIMED_OUT, wait),)
        needs: tuple[int, ...] = ()
        if body.steps:
            needs = self.add_row(body.steps, (*at, "steps"), (wait,), guards, path)
        for verb, outcome in ((Verb.END, body.end), (Verb.FAIL, body.fail)):
            if outcome is not None:
                last = compiled.Step(
                    index=len(self.found),
                    name=path[-1],
                    verb=verb,
                    place=self._places((*at, verb.value)),
                    needs=needs or (wait,),
                    guards=guards,
                    path=path,
                    outcome=outcome,
                )
                self.found.append(last)
                needs = (last.index,)
        return needs


def _step(
    name: str,
    step: ForwardStep,
    index: int,
    defaults: Defaults,
    place: Place,
    needs: tuple[int, ...],
    guards: tuple[Guard, ...],
    path: tuple[str, ...],
) -> compiled.Step:
    common: dict[str, Any] = {
        "index": index,
        "name": name,
        "place": place,
        "needs": needs,
        "guards": guards,
        "path": path,
        "when": maybe_expression(step.when),
    }
    if isinstance(step, EndStep):
        return compiled.Step(verb=Verb.END, outcome=step.end, **common)
    if isinstance(step, FailStep):
        return compiled.Step(verb=Verb.FAIL, outcome=step.fail, **common)
    common |= _forward(step, defaults)
    if isinstance(step, WaitStep):
        return compiled.Step(verb=Verb.WAIT, wait=_wait(step), can_time_out=times_out(step), **common)
    limit = None if step.limits is None else step.limits.running
    action = replace(lower_action(step, defaults.attempt_timeout), limit=limit)
    return compiled.Step(verb=action.verb, action=action, retry=merged(defaults.retry, step.retry), **common)


def _forward(step: Forward, defaults: Defaults) -> dict[str, Any]:
    """What actions and waits have in common."""
    timeout = step.attempt_timeout if isinstance(step, Acting) else None
    inherited = parse_duration(timeout) if timeout else defaults.attempt_timeout
    return {
        "undo": lower_undo(step.compensate, inherited, defaults.undo_retry),
        "pivot": bool(step.pivot),
        "optional": bool(step.optional),
        "hold_on_failure": step.on_failure == "hold",
        "fail_when": tuple(
            compiled.FailWhen(code, compile_expression(text)) for code, text in (step.fail_when or {}).items()
        ),
        "output_check": None if step.output_schema is None else output_check(step.output_schema),
        "status": step.status,
    }


def _wait(step: WaitStep) -> compiled.Wait:
    wait = step.wait
    if isinstance(wait, SignalWait):
        timeout = compile_template(wait.timeout) if times_out(step) else None
        return compiled.Wait(signal=wait.signal, fits=maybe_expression(wait.if_), timeout=timeout)
    return compiled.Wait(
        duration=maybe_template(getattr(wait, "for_", None)), until=maybe_template(getattr(wait, "until", None))
    )


def _final_step(name: str, step: FinalStep, index: int, defaults: Defaults, place: Place) -> compiled.Step:
    action = lower_action(step, defaults.attempt_timeout)
    return compiled.Step(
        index=index,
        name=name,
        verb=action.verb,
        place=place,
        path=("finally",),
        when=maybe_expression(step.when),
        action=action,
        retry=merged(defaults.retry, step.retry),
    )


def _signal(name: str, file: SagaFile) -> compiled.Signal:
    signal = (file.signals or {})[name]
    fields = signal.payload or {}
    late = signal.too_late
    too_late = None
    if late is not None:
        too_late = compiled.TooLate(late.start, maybe_template(late.id), arguments(late.with_))
    return compiled.Signal(name, compose(fields), gate(fields, "payload"), too_late)


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
