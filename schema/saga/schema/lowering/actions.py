"""Actions as the machine runs them: a function, a request or a statement, its arguments, and how it is undone.

One subject: lowering single actions. It must not know steps' order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga.schema import definition as compiled
from saga.schema.checks.survey import ActingPart, UndoPart, last_name
from saga.schema.definition import Action, Retry, UndoKind, Verb
from saga.schema.durations import parse_duration
from saga.schema.expressions import Expression, Template, compile_address, compile_expression, compile_template
from saga.schema.language.actions import CallUndo, Compensate, CompensationSequence, HttpUndo, Request
from saga.schema.language.finals import CallFinally, HttpFinally
from saga.schema.language.retry_rules import FORWARD_RETRY, UNDO_RETRY, merged
from saga.schema.language.steps import Acting, CallStep, HttpStep, TaskStep


@dataclass(frozen=True, slots=True)
class Defaults:
    """What steps inherit in this file. Durations in microseconds."""

    attempt_timeout: int = 60_000_000
    retry: Retry = FORWARD_RETRY
    undo_retry: Retry = UNDO_RETRY


BUILT_IN = Defaults()


def maybe_expression(text: str | None) -> Expression | None:
    """The compiled condition, if there is one."""
    return None if text is None else compile_expression(text)


def maybe_template(value: Any) -> Template | None:
    """The compiled value, if there is one."""
    return None if value is None else compile_template(value)


def arguments(written: Mapping[str, Any] | list[str] | None) -> Template:
    """What `with` evaluates to: always a map. A list passes each path under its last name."""
    if isinstance(written, list):
        return compile_template({last_name(path): f"${{{{ {path} }}}}" for path in written})
    return compile_template(dict(written or {}))


def lower_action(part: ActingPart, attempt_timeout: int) -> Action:
    """One action; ``attempt_timeout`` (microseconds) is what it inherits."""
    own = parse_duration(part.attempt_timeout) if part.attempt_timeout else attempt_timeout
    given = arguments(part.with_)
    more = _performing(part) if isinstance(part, Acting) else {}
    if isinstance(part, CallStep | CallFinally | CallUndo):
        return Action(Verb.CALL, given, function=part.call, attempt_timeout=own, **more)
    if isinstance(part, HttpStep | HttpFinally | HttpUndo):
        return Action(Verb.HTTP, given, request=_request(part.http), attempt_timeout=own, **more)
    if isinstance(part, TaskStep):
        return Action(Verb.TASK, given, function=part.task, attempt_timeout=own, **more)
    return Action(Verb.SQL, given, statement=compiled.SqlStatement(part.sql), attempt_timeout=own, **more)


def _performing(step: Acting) -> dict[str, Any]:
    """Who performs a step's action, how many of it at once, and how often they must be heard of."""
    heartbeat = getattr(step, "heartbeat", None)
    return {
        "heartbeat": parse_duration(heartbeat) if heartbeat else None,
        "queue": getattr(step, "queue", None),
        "limit": None if step.limits is None else step.limits.running,
    }


def lower_undo(written: Compensate | None, attempt_timeout: int, saga_wide: Retry) -> compiled.Undo:
    """What stands in `compensate:`. It inherits the step's attempt_timeout, but not its retry (semantics.md 12)."""
    if written is None or written == "none":
        return compiled.Undo()
    if written == "impossible":
        return compiled.Undo(UndoKind.IMPOSSIBLE)
    if written == "child":
        return compiled.Undo(UndoKind.CHILD)
    if isinstance(written, CompensationSequence):
        parts: dict[str, UndoPart] = dict(written.steps)
    else:
        parts = {"": written}
    return compiled.Undo(
        kind=UndoKind.ACTIONS,
        actions=tuple(_undo_action(label, part, attempt_timeout, saga_wide) for label, part in parts.items()),
        when=maybe_expression(written.when),
        go_on_after_failure=written.on_failure == "continue",
    )


def _undo_action(label: str, part: UndoPart, attempt_timeout: int, saga_wide: Retry) -> compiled.UndoAction:
    return compiled.UndoAction(
        label=label,
        action=lower_action(part, attempt_timeout),
        retry=None if part.retry is None else merged(saga_wide, part.retry),
        done_on=frozenset(part.done_on or ()),
    )


def _request(request: Request) -> compiled.HttpRequest:
    return compiled.HttpRequest(
        method=request.method.upper(),
        address=compile_address(request.address),
        headers={name: compile_template(text) for name, text in (request.headers or {}).items()},
        bearer=None if request.auth is None else request.auth.bearer,
    )
