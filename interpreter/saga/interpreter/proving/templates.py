"""Values that the file computes from what nobody knows: arguments, outputs, lists and times, as the proof sees them.

Arguments are looked at for what is lacking, never made. A list gets a length by choice, a time that is computed is as
short or as long as it needs to be. This room must not know definitions or the machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from saga.interpreter.proving.choices import Origin, Question, Unknown
from saga.interpreter.proving.conditions import Oracle, Path, find, holds_unknown, path_of
from saga.schema.expressions import ExpressionFailed, Template, compile_expression, compile_template
from saga.schema.expressions.syntax import read
from saga.schema.values import Value

LACKING = "lacking"
"""The one abstract argument: paths that are read and have no value."""
ITEMS = 2
"""Lists longer than this are not looked at, except one that is too long."""
NOTHING = compile_template({})
_TEXT = "text"
_INSIDE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TIMES = ("1s", "3650d")
_MOMENTS = ("1970-01-02T00:00:00Z", "2200-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text of a template with an expression in it."""

    text: str
    path: Path | None
    """Where the text is a path and nothing else inside its braces."""
    alone: bool
    """Nothing stands around the braces."""


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
    value, below = find(scope, path)
    if not isinstance(value, Unknown):
        return value is None
    keys = (*value.keys_below, *below)
    questions = (Question("value", value.origin, keys[:length]) for length in range(len(keys) + 1))
    return any(oracle.choices.known(asked) and oracle.choices.fact(asked) is None for asked in questions)


def looked_at(templates: Sequence[Template], oracle: Oracle) -> Template:
    """A template that evaluates to what is lacking of what these read."""
    reading = [template for template in templates if not template.constant]
    if not reading:
        return NOTHING

    def fill(scope: Mapping[str, object]) -> Value:
        found: list[Value] = [text for template in reading for text in lacking(template, scope, oracle)]
        return {LACKING: found} if found else {}

    return _made(reading, fill)


def _made(templates: Sequence[Template], fill: Callable[[Mapping[str, object]], Value]) -> Template:
    paths = dict.fromkeys(path for template in templates for path in template.paths)
    return Template(templates[0].value, tuple(paths), False, fill)


def text(template: Template, oracle: Oracle) -> Template:
    """A template that must become a text: an id, an address of a run."""
    if template.constant:
        return template

    def fill(scope: Mapping[str, object]) -> Value:
        if lacking(template, scope, oracle):
            raise ExpressionFailed(f"{template.value}: it is null, and a text is needed")
        return _TEXT

    return _made([template], fill)


def computed(template: Template, oracle: Oracle) -> Template:
    """The value of a `set`: what is passed on stays the same value, what is computed is a new unknown."""
    if template.constant:
        return template

    def fill(scope: Mapping[str, object]) -> Value:
        return _filled(template.value, scope, lambda leaf: _passed_on(leaf, scope, oracle))

    return _made([template], fill)


def _filled(value: Value, scope: Mapping[str, object], fill: Callable[[Leaf], Value]) -> Value:
    if isinstance(value, dict):
        return {key: _filled(part, scope, fill) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, scope, fill) for part in value]
    found = list(leaves(value))
    return fill(found[0]) if len(found) == 1 and found[0].alone else value


def _passed_on(leaf: Leaf, scope: Mapping[str, object], oracle: Oracle) -> Value:
    if leaf.path is not None:
        value, keys = find(scope, leaf.path)
        if isinstance(value, Unknown):
            return None if _is_null(leaf.path, scope, oracle) else value.below(keys)
        return value  # type: ignore[return-value]
    expression = compile_expression(leaf.text)
    if not any(holds_unknown(find(scope, path)[0]) for path in expression.paths):
        return expression.evaluate(scope)
    return Unknown(_own(scope, leaf.text), "computed", leaf.text)


def _own(scope: Mapping[str, object], what: str) -> Origin:
    """The origin of what a step computes: its key tells it from every other."""
    step = scope["step"]
    assert isinstance(step, Mapping)
    return ("set", step["key"], what)


def list_of(template: Template, most: int | None, oracle: Oracle) -> Template:
    """The list of an `each`. ``most``: so many items are allowed, where the file says it."""
    if template.constant:
        return template
    leaf = next(iter(leaves(template.value)), None)

    def fill(scope: Mapping[str, object]) -> Value:
        if leaf is None:
            return template.evaluate(scope)
        value = _passed_on(leaf, scope, oracle)
        if not isinstance(value, Unknown):
            return value
        low, high = oracle.length_of(value)
        lengths = [number for number in range(ITEMS + 1) if low <= number and (high is None or number <= high)]
        lengths = [number for number in lengths if most is None or number <= most] or [low]
        if most is not None and (high is None or high > most):
            lengths.append(most + 1)
        length = oracle.length(value, lengths, leaf.text)
        return [
            Unknown(("item", value.origin, value.keys_below, number), "item", f"{leaf.text}[{number}]")
            for number in range(length)
        ]

    return _made([template], fill)


def clock(template: Template, *, moment: bool, racing: bool, oracle: Oracle) -> Template:
    """A duration or a point in time. ``racing``: it runs against others, so it may come before or after them."""
    if template.constant and not (moment and racing):
        return template
    short, long = _MOMENTS if moment else _TIMES
    if not racing:
        return compile_template(short)

    def fill(scope: Mapping[str, object]) -> Value:
        question = Question("length", (), (str(template.value), _own(scope, "")[1]))
        words = {short: f"{template.value} comes first", long: f"{template.value} does not come first"}
        answer = oracle.choices.choose(question, (short, long), lambda chosen: words[str(chosen)])
        return str(answer)

    return _made([template], fill)


def output(template: Template, oracle: Oracle) -> Template:
    """The output of the run: ``<path>`` stands for what nobody knows."""

    def fill(scope: Mapping[str, object]) -> Value:
        return _filled(template.value, scope, lambda leaf: _shown(leaf, scope, oracle))

    return _made([template], fill)


def _shown(leaf: Leaf, scope: Mapping[str, object], oracle: Oracle) -> Value:
    try:
        if leaf.path is None:
            expression = compile_expression(leaf.text)
            known = not any(holds_unknown(find(scope, path)[0]) for path in expression.paths)
            return expression.evaluate(scope) if known else f"<{leaf.text}>"
        if _is_null(leaf.path, scope, oracle):
            return None
        value, _ = find(scope, leaf.path)
    except ExpressionFailed:
        return None
    return f"<{leaf.text}>" if holds_unknown(value) else value  # type: ignore[return-value]
