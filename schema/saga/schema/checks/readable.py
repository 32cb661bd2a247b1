"""What a path of an expression may read where it stands: names, fields, steps before it (semantics.md 23 and 24).

One subject: one path against one scope. It must not know where the path is written or how a problem is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga.schema.checks.findings import did_you_mean, listed
from saga.schema.checks.order import Relation, relation
from saga.schema.checks.sites import Scope
from saga.schema.checks.survey import BlockStep, Placed, Survey, TellingStep
from saga.schema.language.finals import EmitFinally, HttpFinally, SignalFinally, SqlFinally
from saga.schema.language.steps import (
    EachStep,
    EndStep,
    FailStep,
    HttpStep,
    ParallelStep,
    RepeatStep,
    SqlStep,
    WaitStep,
)
from saga.schema.language.waits import AllWait, AnyWait, SignalWait
from saga.schema.language.words import SECRET
from saga.schema.problems import closest

_IN_INVARIANTS = "only invariants ask it; elsewhere write steps.NAME.output"
ROOTS = {
    "input": "",
    "steps": "",
    "run": "",
    "step": "",
    "outcome": "it is fixed when the run ends: only `output` and `finally` can read it",
    "error": "only a catch, `output` and `finally` can read it; elsewhere write steps.NAME.error",
    "output": "only `fail_when` has it; elsewhere write steps.NAME.output",
    "payload": "only `too_late` and the `if` of a wait have it; elsewhere write steps.NAME.output",
    "body": "only webhooks have it",
    "env": "only the address and the headers of `http` can read it, so that no secret becomes part of a run",
    "index": "only the steps inside an each or a repeat have it",
    "item": "only the steps inside an each have it, where as: gives it no other name",
    "previous": "only the steps inside a repeat have it",
    "schedule": "only `schedule` itself can read it; pass it on by with",
    "done": _IN_INVARIANTS,
    "undone": _IN_INVARIANTS,
    "tried": _IN_INVARIANTS,
}
"""Every root there is, and where it can be read if that is one place only."""
_MEMBERS = {
    "run": ("id", "started_at"),
    "step": ("key",),
    "error": ("code", "message", "step", "iteration", "attempts", "outcome"),
    "schedule": ("time", "date"),
}
_OF_A_STEP = ("output", "key", "error", "response", "status")
_RESPONSE = ("status", "headers")
_SQL_OUTPUT = ("rows", "count")
_RACE_OUTPUT = ("branch", "payload")
_OF_INVARIANTS = ("done", "undone", "tried")


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
        return _not_here(root, scope, survey)
    if root == "steps":
        return _step(path, scope, survey)
    if root == "input":
        return _field(path, survey.file.input or {}, "the input", survey)
    if root == "payload":
        return _payload(path, scope.payload, survey, 1)
    if root == "env":
        return _env(path)
    if root in _OF_INVARIANTS:
        known = {placed.name for placed in survey.steps if not isinstance(placed.step, EndStep | FailStep)}
        hint = did_you_mean(path[1], known)
        return None if path[1] in known else Fault("SAGA303", f'there is no step "{path[1]}"', 1, hint)
    if root in _MEMBERS:
        return _member(path, 1, _MEMBERS[root], root, alone=root == "error")
    return None


def _not_here(root: str, scope: Scope, survey: Survey) -> Fault:
    loop = next((each for each in survey.steps if isinstance(each.step, EachStep) and each.step.as_ == root), None)
    if loop is not None:
        return Fault("SAGA305", f'"{root}" is an item of "{loop.name}", and only the steps in that loop have it', 0)
    here = f"here one can read {listed(sorted(scope.roots))}"
    if root in ROOTS:
        return Fault("SAGA305", f'"{root}" cannot be read here', 0, ROOTS[root] or here)
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
    if name != scope.own:
        too_early = _not_done(placed, scope, path)
        if too_early is not None:
            return too_early
    members = (*_OF_A_STEP, "last") if isinstance(placed.step, RepeatStep) else _OF_A_STEP
    wrong = _member(path, 2, members, f'step "{name}"')
    return wrong or _inside_step(path, placed, survey)


def _unknown_step(name: str, scope: Scope, survey: Survey) -> Fault | None:
    if name in survey.doubtful:
        return None
    if any(undo.label == name for undo in survey.undos):
        return Fault("SAGA303", f'"{name}" is part of a compensation; what it answers is not kept', 1)
    readable = [placed.name for placed in survey.steps if placed.name == scope.own or _readable(placed, scope)]
    match = closest(name, readable) or closest(name, survey.doubtful)
    steps = f"the steps before it: {', '.join(readable)}" if readable else "no step stands before this place"
    return Fault("SAGA303", f'there is no step "{name}"', 1, f'did you mean "{match}"?' if match else steps)


def _readable(placed: Placed, scope: Scope) -> bool:
    if placed.is_final:
        return placed.order < scope.finals
    return scope.place is not None and relation(placed, scope.place)[0] is Relation.DONE


def _not_done(placed: Placed, scope: Scope, path: tuple[str, ...]) -> Fault | None:
    """Why what a step answers is not there yet, or not to be had from here (semantics.md 25)."""
    name, place = placed.name, scope.place
    later = f'step "{name}" stands later in the file, so it has not run yet'
    if placed.is_final or place is None:
        if placed.order < scope.finals:
            return None
        hint = "finally steps run one after the other: move one of the two" if scope.finals else "only finally reads it"
        if placed.order == scope.finals:
            return Fault("SAGA306", f'step "{name}" reads itself before it has run', 1, hint)
        return Fault("SAGA306", later, 1, hint)
    found, loop = relation(placed, place)
    if found is Relation.DONE:
        return None
    if found is Relation.ITSELF:
        own = "write step.key" if path[2] == "key" else "a step cannot read itself; move it to a later step"
        return Fault("SAGA306", f'step "{name}" reads itself before it has run', 1, own)
    if found is Relation.AROUND:
        return Fault("SAGA306", f'step "{name}" is around this one, so it is not done yet', 1, "read a step inside it")
    if found is Relation.LATER:
        if any(reader is place.step for _, reader in placed.around()):
            message = f'step "{name}" is inside this one, so it has not run yet'
            return Fault("SAGA306", message, 1, "what it answers can be read behind the block")
        return Fault("SAGA306", later, 1, "steps run in the order written: move one of the two")
    if loop is not None:
        after = f"write steps.{loop.name}.output, the list of what its rounds answered"
        if isinstance(loop.step, RepeatStep):
            after = f"write steps.{loop.name}.last, or steps.{loop.name}.output for the list"
        return Fault("SAGA309", f'step "{name}" is inside the loop "{loop.name}", and runs as often as that', 1, after)
    message = f'step "{name}" is in another branch, so it may not have run when this is read'
    return Fault("SAGA308", message, 1, _other_branch(placed, scope))


def _other_branch(placed: Placed, scope: Scope) -> str:
    """The move that puts it before: a need, where both stand in one row."""
    mine = dict(scope.place.step.around()) if scope.place and scope.place.step else {}
    for row, each in placed.around():
        if row in mine and mine[row] is not each:
            return f'let "{mine[row].name}" need "{each.name}", or read it behind both'
    return "read it behind the block, where all branches are done"


def _inside_step(path: tuple[str, ...], placed: Placed, survey: Survey) -> Fault | None:
    """Members of a step whose values are known: a signal's payload, rows of sql, a response, an error."""
    step, member = placed.step, path[2]
    whose = f'{member} of step "{placed.name}"'
    if isinstance(step, EndStep | FailStep):
        return Fault("SAGA307", f'step "{placed.name}" ends the run and answers nothing', 1)
    if member == "output" and isinstance(step, TellingStep | SignalFinally | EmitFinally):
        return Fault("SAGA307", f'step "{placed.name}" goes on at once and answers nothing', 2)
    if member == "key" and isinstance(step, BlockStep):
        return Fault("SAGA307", f'step "{placed.name}" is a block and has no key', 2, "write that of a step inside it")
    if member == "output" and isinstance(step, ParallelStep):
        return _member(path, 3, tuple(step.parallel), whose, alone=True)
    if member == "output" and isinstance(step, EachStep | RepeatStep) and len(path) > 3:
        hint = f"write steps.{placed.name}.output[0], or [each.{path[3]} for each in steps.{placed.name}.output]"
        return Fault("SAGA307", f"{whose} is a list", 3, hint)
    if member == "error":
        return _member(path, 3, _MEMBERS["error"], whose, alone=True)
    if member == "response":
        if not isinstance(step, HttpStep | HttpFinally):
            return Fault("SAGA307", f'step "{placed.name}" is no http step and has no response', 2, "write output")
        return _member(path, 3, _RESPONSE, whose, alone=True)
    if member == "output" and isinstance(step, SqlStep | SqlFinally):
        return _member(path, 3, _SQL_OUTPUT, whose, alone=True)
    if member == "output" and isinstance(step, WaitStep):
        return _waited(path, step, whose, survey)
    return None


def _waited(path: tuple[str, ...], step: WaitStep, whose: str, survey: Survey) -> Fault | None:
    """A payload, by the shape of the wait (semantics.md 19)."""
    wait = step.wait
    if isinstance(wait, SignalWait):
        return _payload(path, wait.signal, survey, 3)
    if isinstance(wait, AnyWait):
        return _member(path, 3, _RACE_OUTPUT, whose, alone=True)
    if isinstance(wait, AllWait):
        wrong = _member(path, 3, tuple(wait.all), whose, alone=True)
        return wrong or (_payload(path, wait.all[path[3]].signal, survey, 4) if len(path) > 3 else None)
    return None


def _payload(path: tuple[str, ...], name: str, survey: Survey, at: int) -> Fault | None:
    signal = (survey.file.signals or {}).get(name)
    return _field(path, (signal.payload or {}) if signal else None, f'the payload of "{name}"', survey, at)


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
