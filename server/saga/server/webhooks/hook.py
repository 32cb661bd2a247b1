"""One webhook of a saga file, compiled: what a delivered body means to a run.

It must not know signatures' bytes, HTTP servers or where runs are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from saga.interpreter.starting import check_id, check_key
from saga.schema.definition import Definition, Webhook
from saga.schema.expressions import Expression, ExpressionFailed, Template, compile_expression, compile_template
from saga.schema.lowering.actions import arguments
from saga.schema.values import Value, ValueProblem, normalise
from saga.server.webhooks.signatures import Scheme, scheme_of


@dataclass(frozen=True, slots=True)
class Signalling:
    """The delivery is a signal. ``key``: deliveries with the same one count once."""

    run: str
    """``name/id``."""
    signal: str
    payload: Value
    key: str | None


@dataclass(frozen=True, slots=True)
class Starting:
    """The delivery starts a run. ``id``: None where the saga computes its own."""

    saga: str
    id: str | None
    input: Value
    counts_once: bool
    """It has ``dedupe_by``: whatever the input, a second delivery is none."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that can be served. Make one with `compile_hook`."""

    name: str
    saga: str
    """The saga whose file it stands in; ``to`` means its runs."""
    path: str
    scheme: Scheme
    secret: str
    """The name of the secret, never its value."""
    answers_challenge: bool
    """Slack asks an address for an echo before it sends anything there."""
    signal: str | None
    start: str | None
    _accept_when: Expression | None
    _dedupe_by: Template | None
    _address: Template | None
    _arguments: Template

    def meaning(self, body: Value) -> Signalling | Starting | None:
        """What a body asks for; None: it is ignored.

        Raises ValueProblem: code ``expression`` for what cannot be computed from this body, ``id`` and ``key`` for
        what cannot be one, ``too_large`` for a payload beyond the limit.
        """
        names = {"body": body}
        if not self._accepts(names):
            return None
        key = self._text(self._dedupe_by, "dedupe_by", names)
        given = self._given(names)
        if self.signal is not None:
            to = self._checked(check_id, "to", self._text(self._address, "to", names))
            return Signalling(f"{self.saga}/{to}", self.signal, given, self._checked(check_key, "dedupe_by", key))
        assert self.start is not None
        identity = self._text(self._address, "id", names)
        identity = self._checked(check_id, "dedupe_by" if identity is None else "id", identity or key)
        return Starting(self.start, identity, given, key is not None)

    def _accepts(self, names: Mapping[str, object]) -> bool:
        """A missing key is false, never a 4xx (semantics.md 21), and so is whatever else cannot be said to be true."""
        try:
            return self._accept_when is None or self._accept_when.holds(names)
        except ExpressionFailed:
            return False

    def _given(self, names: Mapping[str, object]) -> Value:
        try:
            return normalise(self._arguments.evaluate(names), what=f"with of webhook {self.name}")
        except ExpressionFailed as problem:
            raise ValueProblem("expression", f"with of webhook {self.name}: {problem}") from None

    def _text(self, template: Template | None, key: str, names: Mapping[str, object]) -> str | None:
        if template is None:
            return None
        try:
            value = template.evaluate(names)
        except ExpressionFailed as problem:
            raise ValueProblem("expression", f"{key} of webhook {self.name}: {problem}") from None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueProblem("expression", f"{key} of webhook {self.name} is neither text nor a number in this body")
        return str(value)

    def _checked(self, check: Callable[[str], str], key: str, text: str | None) -> str | None:
        try:
            return None if text is None else check(text)
        except ValueProblem as problem:
            raise ValueProblem(problem.code, f"{key} of webhook {self.name}: {problem.message}") from None


def compile_hook(definition: Definition, webhook: Webhook) -> Hook:
    """A webhook ready to be served. Its map was validated with its file."""
    source = cast(dict[str, Any], webhook.source)
    address = source["to"] if "signal" in source else source.get("id")
    return Hook(
        name=webhook.name,
        saga=definition.name,
        path=source["path"],
        scheme=scheme_of(source["verify"]),
        secret=source["verify"]["secret"],
        answers_challenge=source["verify"].get("preset") == "slack",
        signal=source.get("signal"),
        start=source.get("start"),
        _accept_when=None if source.get("accept_when") is None else compile_expression(source["accept_when"]),
        _dedupe_by=None if source.get("dedupe_by") is None else compile_template(source["dedupe_by"]),
        _address=None if address is None else compile_template(address),
        _arguments=arguments(source.get("with")),
    )
