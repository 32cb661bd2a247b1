"""A saga as the proof sees it: the same steps, with conditions answered by choice and one attempt for each action.

Everything is rebuilt by what it is, not by where it stands, so that every part of the language is covered: each
`Expression` asks the oracle, each `Template` is only looked at for what is lacking, each `Retry` allows one attempt.
One attempt is enough: a try that is followed by another leaves nothing behind but doubt about the effect, and that is
what an unknown outcome is. This room must not know the machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from saga.interpreter.proving.choices import Question, Unknown
from saga.interpreter.proving.conditions import Oracle, Path, find, freed, path_of
from saga.schema.definition import Action, Definition, Retry, Signal, Step, TooLate, Wait
from saga.schema.expressions import Expression, ExpressionFailed, Template, compile_expression, compile_template
from saga.schema.expressions.syntax import read
from saga.schema.values import Value

LACKING = "lacking"
"""The one abstract argument: paths that are read and have no value."""
_INSIDE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_DURATIONS = frozenset({"duration", "timeout", "after", "delay"})
_MOMENTS = frozenset({"until"})
_NOTHING = compile_template({})
_SOME_TIME = "1s"
_SOME_DAY = "2100-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text of a template with an expression in it."""

    text: str
    path: Path | None
    """Where the text is a path and nothing else inside its braces."""
    alone: bool
    """Nothing stands around the braces."""


def abstract(definition: Definition, oracle: Oracle) -> Definition:
    """The saga to explore. The tests of all its conditions are told to the oracle."""
    return _Abstraction(oracle).definition(definition)


def schemas(definition: Definition) -> Mapping[str, Mapping[str, Any]]:
    """What is known of values from outside, by kind."""
    found: dict[str, Mapping[str, Any]] = {"input": definition.input.schema}
    found.update((f"signal {name}", signal.schema) for name, signal in definition.signals.items())
    return found


def leaves(value: Value) -> Iterator[Leaf]:
    """Every text with an expression in a value that was written as a template."""
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, str):
        inside = _INSIDE.findall(value.replace("$${{", ""))
        alone = len(inside) == 1 and _INSIDE.fullmatch(value.strip()) is not None
        for source in inside:
            yield Leaf(source.strip(), path_of(read(source)[1]), alone)


def lacking(template: Template, scope: Mapping[str, object], oracle: Oracle) -> list[str]:
    """The bare paths of a template that have no value. Raises ExpressionFailed where one should become text."""
    found: list[str] = []
    for leaf in leaves(template.value):
        if leaf.path is None or leaf.path[0] == "env" or not _is_null(leaf.path, scope, oracle):
            continue
        if not leaf.alone:
            raise ExpressionFailed(f"{leaf.text}: it is null, which has no text")
        found.append(leaf.text)
    return found


def _is_null(path: Path, scope: Mapping[str, object], oracle: Oracle) -> bool:
    value, keys = find(scope, path)
    if not isinstance(value, Unknown):
        return value is None
    questions = (Question("value", value.origin, keys[:length]) for length in range(len(keys) + 1))
    return any(oracle.choices.known(asked) and oracle.choices.fact(asked) is None for asked in questions)


class _Abstraction:
    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def definition(self, definition: Definition) -> Definition:
        steps = tuple(self._step(step) for step in definition.steps)
        final = tuple(self._step(step) for step in definition.final_steps)
        return replace(
            definition,
            steps=steps,
            final_steps=final,
            signals={name: self._signal(signal) for name, signal in definition.signals.items()},
            compensation=self._rebuilt(definition.compensation),
            output=None if definition.output is None else _seen(definition.output, self._oracle),
        )

    def _step(self, step: Step) -> Step:
        made: Step = self._rebuilt(step)
        return replace(made, output_check=None if step.output_check is None else self._check(step))

    def _check(self, step: Step) -> Callable[[Value], str | None]:
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

    def _signal(self, signal: Signal) -> Signal:
        late = signal.too_late
        return signal if late is None else replace(signal, too_late=TooLate(late.start, None, _NOTHING))

    def _rebuilt(self, value: Any, name: str = "") -> Any:
        """The same value with what it is made of made abstract. ``name``: of the field that holds it."""
        if isinstance(value, Expression):
            return freed(value, self._oracle)
        if isinstance(value, Template):
            return self._template(value, name)
        if isinstance(value, Retry):
            return replace(value, attempts=1, jitter="none", give_up_after=None)
        if isinstance(value, Action):
            return replace(value, arguments=self._arguments(value))
        if isinstance(value, tuple):
            return tuple(self._rebuilt(part) for part in value)
        if is_dataclass(value) and not isinstance(value, type):
            changed = {part.name: getattr(value, part.name) for part in fields(value) if part.init}
            return replace(value, **{key: self._rebuilt(part, key) for key, part in changed.items()})
        return value

    def _template(self, template: Template, name: str) -> Template:
        if name in _DURATIONS or name in _MOMENTS:
            return template if template.constant else compile_template(_SOME_DAY if name in _MOMENTS else _SOME_TIME)
        return self._looked_at([template])

    def _arguments(self, action: Action) -> Template:
        request = action.request
        parts = [action.arguments]
        if request is not None:
            parts += [request.address, *request.headers.values()]
        return self._looked_at(parts)

    def _looked_at(self, templates: list[Template]) -> Template:
        """A template that evaluates to what is lacking of what it reads."""
        reading = [template for template in templates if not template.constant]
        if not reading:
            return _NOTHING
        oracle = self._oracle

        def fill(scope: Mapping[str, object]) -> Value:
            found: list[Value] = [text for template in reading for text in lacking(template, scope, oracle)]
            return {LACKING: found} if found else {}

        paths = dict.fromkeys(path for template in reading for path in template.paths)
        return Template(reading[0].value, tuple(paths), False, fill)


def constant_wait(wait: Wait) -> bool:
    """Whether how long it waits is written in the file."""
    return all(part is None or part.constant for part in (wait.duration, wait.timeout))


def _seen(output: Template, oracle: Oracle) -> Template:
    """The output of the run, with the paths of what nobody knows."""

    def fill(scope: Mapping[str, object]) -> Value:
        return _shown(output.value, scope, oracle)

    return Template(output.value, output.paths, False, fill)


def _shown(value: Value, scope: Mapping[str, object], oracle: Oracle) -> Value:
    if isinstance(value, dict):
        return {key: _shown(part, scope, oracle) for key, part in value.items()}
    if isinstance(value, list):
        return [_shown(part, scope, oracle) for part in value]
    found = list(leaves(value))
    if not found or not isinstance(value, str):
        return value
    if len(found) == 1 and found[0].alone:
        return _part(found[0], scope, oracle)
    return value


def _part(leaf: Leaf, scope: Mapping[str, object], oracle: Oracle) -> Value:
    if leaf.path is not None:
        if _is_null(leaf.path, scope, oracle):
            return None
        value, _ = find(scope, leaf.path)
        return f"<{leaf.text}>" if isinstance(value, Unknown | dict | list) else value  # type: ignore[return-value]
    try:
        return compile_expression(leaf.text).evaluate(scope)
    except ExpressionFailed:
        return f"<{leaf.text}>"
