"""A saga as the proof sees it: the same steps, with conditions answered by choice and one attempt for each action.

Everything is rebuilt by what it is, not by where it stands, so that every part of the language is covered: each
`Expression` asks the oracle, each `Template` is looked at (`templates`), each `Retry` allows one attempt. One attempt
is enough: a try that is followed by another leaves nothing behind but doubt about the effect, and that is what an
unknown outcome is. Loops are bounded. This room must not know the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from saga.interpreter.proving import templates
from saga.interpreter.proving.choices import Question, Unknown
from saga.interpreter.proving.conditions import Oracle, freed
from saga.schema.definition import Action, Definition, Loop, Retry, Signal, Step, TooLate, Wait
from saga.schema.expressions import Expression, Template, compile_template
from saga.schema.values import Value

ROUNDS = 2
"""A `repeat` is looked at for so many rounds, or fewer where the file says so."""
_DURATIONS = frozenset({"duration", "timeout", "after", "delay"})
_MOMENTS = frozenset({"until"})
_TEXTS = frozenset({"id", "target", "key", "subject"})


def abstract(definition: Definition, oracle: Oracle) -> Definition:
    """The saga to explore. The tests of all its conditions are told to the oracle."""
    return _Abstraction(oracle).definition(definition)


def schemas(definition: Definition) -> Mapping[str, Mapping[str, Any]]:
    """What is known of values from outside, by kind."""
    found: dict[str, Mapping[str, Any]] = {"input": definition.input.schema}
    found.update((f"signal {name}", signal.schema) for name, signal in definition.signals.items())
    return found


class _Abstraction:
    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def definition(self, definition: Definition) -> Definition:
        return replace(
            definition,
            steps=tuple(map(self._step, definition.steps)),
            final_steps=tuple(map(self._step, definition.final_steps)),
            signals={name: _signal(signal) for name, signal in definition.signals.items()},
            compensation=self._rebuilt(definition.compensation),
            output=None if definition.output is None else templates.output(definition.output, self._oracle),
        )

    def _step(self, step: Step) -> Step:
        made: Step = self._rebuilt(step)
        value = None if step.value is None else templates.computed(step.value, self._oracle)
        return replace(made, value=value, output_check=None if step.output_check is None else self._check(step))

    def _check(self, step: Step) -> Callable[[Value], str | None]:
        """``output_schema``: a free choice, asked once for each output."""

        def check(output: object) -> str | None:
            origin = output.origin if isinstance(output, Unknown) else ()
            question = Question("holds", origin, ("output_schema", step.index))
            fits = self._oracle.choices.choose(
                question,
                (True, False),
                lambda held: f"the output of {step.name} {'fits' if held else 'breaks'} its output_schema",
            )
            return None if fits else "output breaks its output_schema"

        return check

    def _rebuilt(self, value: Any, name: str = "", *, racing: bool = False) -> Any:
        """The same value with what it is made of made abstract. ``name``: of the field that holds it."""
        match value:
            case Expression():
                return freed(value, self._oracle)
            case Template():
                return self._template(value, name, racing=racing)
            case Retry():
                return replace(value, attempts=1, jitter="none", give_up_after=None)
            case Action():
                return replace(value, arguments=self._arguments(value))
            case Loop():
                return self._loop(value)
            case tuple():
                return tuple(self._rebuilt(part, racing=racing) for part in value)
        if not is_dataclass(value) or isinstance(value, type):
            return value
        racing |= isinstance(value, Wait) and _clocks(value) > 1
        parts = {part.name: getattr(value, part.name) for part in fields(value) if part.init}
        return replace(value, **{key: self._rebuilt(part, key, racing=racing) for key, part in parts.items()})

    def _template(self, template: Template, name: str, *, racing: bool) -> Template:
        if name in _DURATIONS or name in _MOMENTS:
            return templates.clock(template, moment=name in _MOMENTS, racing=racing, oracle=self._oracle)
        if name in _TEXTS:
            return templates.text(template, self._oracle)
        return templates.looked_at([template], self._oracle)

    def _arguments(self, action: Action) -> Template:
        request = action.request
        parts = [action.arguments]
        if request is not None:
            parts += [request.address, *request.headers.values()]
        return templates.looked_at(parts, self._oracle)

    def _loop(self, loop: Loop) -> Loop:
        most = loop.max.value if loop.max.constant and isinstance(loop.max.value, int) else None
        delay = None if loop.delay is None else self._template(loop.delay, "delay", racing=False)
        if loop.items is not None:
            items = templates.list_of(loop.items, most, self._oracle)
            return replace(loop, items=items, max=loop.max if most is not None else compile_template(templates.ITEMS))
        rounds = compile_template(ROUNDS if most is None else min(most, ROUNDS))
        return replace(loop, until=self._rebuilt(loop.until), max=rounds, delay=delay)


def _signal(signal: Signal) -> Signal:
    """Whom a late signal starts is no part of this run."""
    late = signal.too_late
    return signal if late is None else replace(signal, too_late=TooLate(late.start, None, templates.NOTHING))


def _clocks(wait: Wait) -> int:
    branches = sum((branch.after or branch.until) is not None for branch in wait.branches)
    return branches + sum(part is not None for part in (wait.timeout, wait.duration, wait.until))
