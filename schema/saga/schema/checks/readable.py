"""What a path of an expression may read where it stands: names, fields, steps before it (semantics.md 23 and 24).

One subject: one path against one scope. It must not know where the path is written or how a problem is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga.schema.checks.findings import did_you_mean, listed
from saga.schema.checks.sites import Scope
from saga.schema.checks.survey import Placed, Survey
from saga.schema.language.finals import HttpFinally, SqlFinally
from saga.schema.language.steps import EndStep, FailStep, HttpStep, SqlStep, WaitStep
from saga.schema.language.waits import SignalWait
from saga.schema.language.words import SECRET
from saga.schema.problems import closest

_ROOTS = {
    "input": "",
    "steps": "",
    "run": "",
    "step": "",
    "outcome": "it is fixed when the run ends: only `output` and `finally` can read it",
    "error": "it is fixed when the run ends: only `output` and `finally` can read it",
    "output": "only `fail_when` has it; elsewhere write steps.NAME.output",
    "payload": "only `too_late` and the `if` of a wait have it; elsewhere write steps.NAME.output",
    "body": "only webhooks have it",
    "env": "only the address and the headers of `http` can read it, so that no secret becomes part of a run",
}
"""Every root there is, and where it can be read if that is one place only."""
_MEMBERS = {
    "run": ("id", "started_at"),
    "step": ("key",),
    "error": ("code", "message", "step", "iteration", "attempts", "outcome"),
}
_OF_A_STEP = ("output", "key", "error", "response", "status")
_RESPONSE = ("status", "headers")
_SQL_OUTPUT = ("rows", "count")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a path cannot be read. ``part`` is the index of the name in the path that is wrong."""

    code: str
    message: str
    part: int
    hint: str = ""


def fault(path: tuple[str, ...], scope: Scope, survey: Survey) -> Fault | None:
    """What is wrong with reading ``path`` there; None: nothing."""
    root = path[0]
    if root not in scope.roots:
        return _not_here(root, scope)
    if root == "steps":
        return _step(path, scope, survey)
    if root == "input":
        return _field(path, survey.file.input or {}, "the input", survey)
    if root == "payload":
        signal = (survey.file.signals or {}).get(scope.payload)
        return _field(path, (signal.payload or {}) if signal else None, f'the payload of "{scope.payload}"', survey)
    if root == "env":
        return _env(path)
    if root in _MEMBERS:
        return _member(path, 1, _MEMBERS[root], root, alone=root == "error")
    return None


def _not_here(root: str, scope: Scope) -> Fault:
    here = f"here one can read {listed(sorted(scope.roots))}"
    if root in _ROOTS:
        return Fault("SAGA305", f'"{root}" cannot be read here', 0, _ROOTS[root] or here)
    if root in ("secrets", "secret"):
        return Fault("SAGA305", f'"{root}" cannot be read', 0, "name the secret in auth, or write env.NAME in a header")
    return Fault("SAGA305", f'there is no "{root}"', 0, did_you_mean(root, scope.roots, here))


def _step(path: tuple[str, ...], scope: Scope, survey: Survey) -> Fault | None:
    if len(path) == 1:
        return Fault("SAGA307", '"steps" alone is no value', 0, "name the step: steps.NAME.output")
    name = path[1]
    placed = survey.by_name.get(name)
    if placed is None:
        return _unknown_step(name, scope, survey)
    if len(path) == 2:
        return Fault(
            "SAGA307", f'"steps.{name}" alone is no value', 1, f"write steps.{name}.output or steps.{name}.key"
        )
    if placed.order >= scope.before and name != scope.own:
        return _not_before(placed, scope, path)
    wrong = _member(path, 2, _OF_A_STEP, f'step "{name}"')
    return wrong or _inside_step(path, placed, survey)


def _unknown_step(name: str, scope: Scope, survey: Survey) -> Fault | None:
    if name in survey.doubtful:
        return None
    if any(undo.label == name for undo in survey.undos):
        return Fault("SAGA303", f'"{name}" is part of a compensation; what it answers is not kept', 1)
    readable = [placed.name for placed in survey.steps if placed.order < scope.before or placed.name == scope.own]
    match = closest(name, readable) or closest(name, survey.doubtful)
    steps = f"the steps before it: {', '.join(readable)}" if readable else "no step stands before this place"
    return Fault("SAGA303", f'there is no step "{name}"', 1, f'did you mean "{match}"?' if match else steps)


def _not_before(placed: Placed, scope: Scope, path: tuple[str, ...]) -> Fault:
    if placed.order == scope.before:
        own = "write step.key" if path[2] == "key" else "a step cannot read itself; move it to a later step"
        return Fault("SAGA306", f'step "{placed.name}" reads itself before it has run', 1, own)
    hint = "steps run in the order written: move one of the two"
    return Fault("SAGA306", f'step "{placed.name}" stands later in the file, so it has not run yet', 1, hint)


def _inside_step(path: tuple[str, ...], placed: Placed, survey: Survey) -> Fault | None:
    """Members of a step whose values are known: a signal's payload, rows of sql, a response, an error."""
    step, member = placed.step, path[2]
    whose = f'{member} of step "{placed.name}"'
    if isinstance(step, EndStep | FailStep):
        return Fault("SAGA307", f'step "{placed.name}" ends the run and answers nothing', 1)
    if member == "error":
        return _member(path, 3, _MEMBERS["error"], whose, alone=True)
    if member == "response":
        if not isinstance(step, HttpStep | HttpFinally):
            return Fault("SAGA307", f'step "{placed.name}" is no http step and has no response', 2, "write output")
        return _member(path, 3, _RESPONSE, whose, alone=True)
    if member == "output" and isinstance(step, SqlStep | SqlFinally):
        return _member(path, 3, _SQL_OUTPUT, whose, alone=True)
    if member == "output" and isinstance(step, WaitStep) and isinstance(step.wait, SignalWait):
        signal = (survey.file.signals or {}).get(step.wait.signal)
        fields = (signal.payload or {}) if signal else None
        return _field(path, fields, f'the payload of "{step.wait.signal}"', survey, 3)
    return None


def _field(
    path: tuple[str, ...], fields: Mapping[str, Any] | None, whose: str, survey: Survey, at: int = 1
) -> Fault | None:
    if fields is None or len(path) <= at or path[at] in fields or path[at] in survey.doubtful:
        return None
    hint = did_you_mean(path[at], fields, "" if fields else "it has no fields")
    return Fault("SAGA304", f'{whose} has no field "{path[at]}"', at, hint)


def _env(path: tuple[str, ...]) -> Fault | None:
    if len(path) != 2 or not re.match(SECRET, path[1]):
        return Fault("SAGA307", "env is read by one name in capital letters", len(path) - 1, "write env.SHIPPING_URL")
    return None


def _member(path: tuple[str, ...], at: int, known: tuple[str, ...], whose: str, *, alone: bool = False) -> Fault | None:
    if len(path) <= at:
        hint = f"write {path[0]}.{known[0]}"
        return None if alone else Fault("SAGA307", f'"{".".join(path)}" alone is no value', 0, hint)
    if path[at] in known:
        return None
    return Fault("SAGA307", f'{whose} has no "{path[at]}"', at, did_you_mean(path[at], known))
