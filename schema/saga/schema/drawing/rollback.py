"""What is undone when a given step fails, and in which order (semantics.md 9 to 12).

One subject: the rollback of a definition, seen from outside: no run, no machine. It answers step indices and sentences;
it must not know boxes or formats.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from saga.schema.definition import Definition, Step, UndoKind, Verb
from saga.schema.drawing.flow import guard_steps


@dataclass(frozen=True, slots=True)
class Undone:
    """A step that is undone: its place in the order, and whether it is undone in every such run."""

    number: int
    certain: bool


@dataclass(frozen=True, slots=True)
class Rollback:
    """The answer. Steps in neither ``undone`` nor ``before`` are not reached."""

    step: Step
    undone: Mapping[int, Undone] = field(default_factory=dict)
    before: frozenset[int] = frozenset()
    """Steps that have happened, or may have, when the step fails."""
    after: frozenset[int] = frozenset()
    """Steps that are still reached although the step failed."""
    own: str = ""
    """When the failing step's own undo runs, before all others: such as ``first, if unknown``. Empty: it does not."""
    rolls_back: bool = True
    notes: tuple[str, ...] = ()


def find_step(definition: Definition, name: str) -> Step:
    """The step of that name. Raises ValueError with the nearest names."""
    step = definition.step(name)
    if step is not None:
        return step
    names = [step.name for step in (*definition.steps, *definition.final_steps)]
    near = get_close_matches(name, names, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"its steps are {', '.join(names)}"
    raise ValueError(f'{definition.name} has no step "{name}": {hint}')


def plan_rollback(definition: Definition, name: str) -> Rollback:
    """What happens when that step fails. Raises ValueError for an unknown step."""
    step = _failing(definition, find_step(definition, name))
    everything = frozenset(range(len(definition.steps)))
    goes_on = _goes_on(step, final=step.index >= len(definition.steps))
    if goes_on:
        reached = everything if step.index >= len(definition.steps) else _reached_before(definition, step)
        own = _own_undo(step).replace("first", "at once") if step.optional else ""
        return Rollback(step, {}, reached, everything - reached, own, False, (goes_on,))
    before = _reached_before(definition, step)
    ancestors = _ancestors(definition, step.index)
    pivots = [definition.steps[i] for i in sorted(ancestors) if definition.steps[i].pivot]
    if pivots:
        note = (
            f"no way back: {pivots[-1].name} is the point of no return; {step.name} is retried, then the run is stuck"
        )
        return Rollback(step, {}, before, rolls_back=False, notes=(note,))
    if step.hold_on_failure:
        note = f"on_failure: hold: nothing is undone, the run is stuck at {step.name}"
        return Rollback(step, {}, before, rolls_back=False, notes=(note,))
    undone = _numbers(definition, step, before, ancestors)
    notes = [] if undone or _own_undo(step) else ["nothing to undo"]
    if step.pivot and step.undo.kind is UndoKind.IMPOSSIBLE:
        notes.append(f"if the outcome of {step.name} is unknown there is no way back: it is retried, then stuck")
    if definition.compensation.order == "graph":
        notes.append("order: graph: equal numbers are undone side by side")
    return Rollback(step, undone, before, own=_own_undo(step), notes=tuple(notes))


def _failing(definition: Definition, step: Step) -> Step:
    """A wait fails by its timeout: then it is the `fail` of its body that rolls back."""
    if step.verb is Verb.WAIT and not step.fail_when:
        for other in definition.steps:
            if other.verb is Verb.FAIL and step.index in guard_steps(other):
                return other
    return step


def _goes_on(step: Step, *, final: bool) -> str:
    """Why a failure of this step undoes nothing; empty when it does."""
    if final:
        return f"a failure of {step.name} is recorded; it changes neither status nor outcome"
    if step.optional:
        return f"{step.name} is optional: the run goes on, whatever comes of it"
    if step.verb is Verb.END:
        return "an end cannot fail"
    if step.verb is Verb.WAIT and not step.fail_when:
        return f"{step.name} cannot fail: when its time is up the run goes on as drawn"
    return ""


def _own_undo(step: Step) -> str:
    if step.undo.kind is not UndoKind.ACTIONS:
        return ""
    answered = bool(step.fail_when) or step.output_check is not None
    if step.verb is Verb.WAIT:
        return "first" if answered else ""
    if step.verb is Verb.SQL:
        return "first, unless rejected" if answered else ""
    return "first, unless rejected" if answered else "first, if unknown"


def _ancestors(definition: Definition, index: int) -> frozenset[int]:
    found: set[int] = set()
    stack = list(definition.node(index).needs)
    while stack:
        need = stack.pop()
        if need not in found:
            found.add(need)
            stack.extend(definition.steps[need].needs)
    return frozenset(found)


def _descendants(definition: Definition, index: int) -> frozenset[int]:
    return frozenset(step.index for step in definition.steps if index in _ancestors(definition, step.index))


def _ending_bodies(definition: Definition) -> frozenset[int]:
    """The waits whose `on_timeout` ends the run."""
    return frozenset(
        wait for step in definition.steps if step.verb in (Verb.END, Verb.FAIL) for wait in guard_steps(step)
    )


def _reached_before(definition: Definition, step: Step) -> frozenset[int]:
    """The steps that can have been opened when this one fails: all but itself, what follows, and other endings."""
    inside = guard_steps(step)
    unreached = _descendants(definition, step.index) | {step.index}
    elsewhere = _ending_bodies(definition) - inside
    for wait in inside:
        unreached |= {i for i in _descendants(definition, wait) if wait not in guard_steps(definition.steps[i])}
    return frozenset(
        other.index
        for other in definition.steps
        if other.index not in unreached
        and not guard_steps(other) & elsewhere
        and other.verb not in (Verb.END, Verb.FAIL)
    )


def _numbers(
    definition: Definition, step: Step, before: frozenset[int], ancestors: frozenset[int]
) -> dict[int, Undone]:
    """Numbers in unwind order. A wait that timed out took no signal, so there is nothing of its own to undo."""
    timed_out = guard_steps(step)
    armed = [
        i
        for i in _start_order(definition)
        if i in before and i not in timed_out and definition.steps[i].undo.kind is UndoKind.ACTIONS
    ]
    if definition.compensation.order == "graph":
        level: dict[int, int] = {}
        for i in reversed(armed):
            later = [level[j] for j in armed if j in level and i in _ancestors(definition, j)]
            level[i] = 1 + max(later, default=0)
    else:
        level = {i: place for place, i in enumerate(reversed(armed), start=1)}
    return {i: Undone(level[i], _certain(definition, definition.steps[i], timed_out, ancestors)) for i in armed}


def _certain(definition: Definition, other: Step, timed_out: frozenset[int], ancestors: frozenset[int]) -> bool:
    """Whether the step has run, and has something to undo, in every run that comes so far."""
    if other.when is not None or other.undo.when is not None or other.optional:
        return False
    if other.can_time_out and other.index not in _ending_bodies(definition):
        return False
    return other.index in ancestors and guard_steps(other) <= timed_out


def _start_order(definition: Definition) -> list[int]:
    """Order of start where the graph decides it, else file order."""
    open_needs = [len(set(step.needs)) for step in definition.steps]
    ready = [step.index for step in definition.steps if not step.needs]
    heapq.heapify(ready)
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for step in definition.steps:
            if index in step.needs:
                open_needs[step.index] -= 1
                if not open_needs[step.index]:
                    heapq.heappush(ready, step.index)
    return order
