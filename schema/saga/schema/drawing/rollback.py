"""What is undone when a given step fails, and in which order (semantics.md 9 to 12).

One subject: the rollback of a definition, seen from outside: no run, no machine. It answers step indices and sentences;
it must not know boxes or formats.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from saga.schema.definition import ON_TIMEOUT, ROOT, Definition, Guard, Step, UndoKind, Verb
from saga.schema.drawing.boxes import has_undo
from saga.schema.drawing.flow import ends_run, ways_in


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
    catcher = None if step.index >= len(definition.steps) else _catcher(definition, step)
    goes_on = _goes_on(step, final=step.index >= len(definition.steps)) or _goes_on_around(step, catcher)
    if goes_on:
        reached = everything if step.index >= len(definition.steps) else _reached_before(definition, step)
        own = _own_undo(step).replace("first", "at once") if catcher is not None else ""
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
    notes += _other_items(definition, step)
    notes += _caught_codes(definition, step)
    if step.pivot and step.undo.kind is UndoKind.IMPOSSIBLE:
        notes.append(f"if the outcome of {step.name} is unknown there is no way back: it is retried, then stuck")
    if definition.compensation.order == "graph":
        notes.append("order: graph: equal numbers are undone side by side")
    return Rollback(step, undone, before, own=_own_undo(step), notes=tuple(notes))


def timeouts_behind(step: Step) -> frozenset[int]:
    """The steps in whose `on_timeout` body the step stands."""
    return frozenset(guard.step for guard in step.guards if guard.way == ON_TIMEOUT)


def _failing(definition: Definition, step: Step) -> Step:
    """A wait fails by its timeout: then it is the `fail` of its body that rolls back."""
    if step.verb is Verb.WAIT and not step.fail_when:
        for other in definition.steps:
            if other.verb is Verb.FAIL and step.index in timeouts_behind(other):
                return other
    return step


def _catcher(definition: Definition, step: Step) -> Step | None:
    """The step that takes any error of this one: itself, or a block around it."""
    takers = (each for each in _around(definition, step) if each.optional or _takes_any(each))
    return next(takers, None)


def _takes_any(step: Step) -> bool:
    return any(catch.code == "any" for catch in step.catches)


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


def _goes_on_around(step: Step, catcher: Step | None) -> str:
    """Why an error of this step comes no further than the step or block that takes it."""
    if catcher is None:
        return ""
    if catcher.optional:
        return f"{step.name} is inside {catcher.name}, which is optional: the run goes on, whatever comes of it"
    undoes = next((catch.undo for catch in catcher.catches if catch.code == "any"), False)
    then = "what ran in it is undone, newest start first, and" if undoes else "what went well stays, and"
    where = f"{catcher.name} catches" if catcher is not step else "it catches"
    return f"{step.name} fails, and {where} any error: {then} the run goes on there"


def _around(definition: Definition, step: Step) -> Iterator[Step]:
    """The step and the blocks around it, innermost first."""
    each: Step | None = step
    while each is not None:
        yield each
        each = definition.steps[each.parent] if each.parent is not None else None


def _other_items(definition: Definition, step: Step) -> Iterator[str]:
    for block in _around(definition, step):
        if block.verb is Verb.EACH and has_undo(step):
            yield f"so is {step.name} of the other items of {block.name} that ran"


def _caught_codes(definition: Definition, step: Step) -> Iterator[str]:
    """The errors that come no further than the step or a block around it."""
    for block in _around(definition, step):
        codes = [catch.code for catch in block.catches if catch.code != "any"]
        if codes and step.verb is not Verb.FAIL:
            yield f"an error {' or '.join(codes)} goes no further: {block.name} catches it"


def _own_undo(step: Step) -> str:
    if not has_undo(step):
        return ""
    answered = bool(step.fail_when) or step.output_check is not None
    if step.verb is Verb.WAIT:
        return "first" if answered else ""
    if step.verb is Verb.SQL:
        return "first, unless rejected" if answered else ""
    return "first, unless rejected" if answered else "first, if unknown"


def _ancestors(definition: Definition, index: int) -> frozenset[int]:
    """Everything that is settled when a step opens, with all that stands inside it; and the blocks around it."""
    if index >= len(definition.steps):
        return frozenset(range(len(definition.steps)))
    found: set[int] = set()
    stack = [*definition.steps[index].needs]
    parent = definition.steps[index].parent
    while stack or parent is not None:
        if not stack:
            assert parent is not None
            found.add(parent)
            stack, parent = [*definition.steps[parent].needs], definition.steps[parent].parent
            continue
        need = stack.pop()
        if need not in found:
            found.update(range(need, definition.ends[need]))
            stack.extend(definition.steps[need].needs)
    return frozenset(found)


def _descendants(definition: Definition, index: int) -> frozenset[int]:
    return frozenset(step.index for step in definition.steps if index in _ancestors(definition, step.index))


def _ending_bodies(definition: Definition) -> frozenset[Guard]:
    """The bodies that end the run."""
    return frozenset(
        guard for step in definition.steps if ends_run(step) and step.when is None for guard in step.guards
    )


def _reached_before(definition: Definition, step: Step) -> frozenset[int]:
    """The steps that can have been opened when this one fails: all but itself, what follows, and other endings."""
    inside = ways_in(definition, step)
    behind = {guard.step for guard in inside}
    unreached = _descendants(definition, step.index) | {step.index}
    elsewhere = _ending_bodies(definition) - inside
    for guard in inside:
        unreached |= {
            i for i in _descendants(definition, guard.step) if guard not in ways_in(definition, definition.steps[i])
        }
    return frozenset(
        other.index
        for other in definition.steps
        if other.index not in unreached
        and not ways_in(definition, other) & elsewhere
        and not any(guard.step in behind and guard not in inside for guard in ways_in(definition, other))
        and not ends_run(other)
        and not step.index < other.index < definition.ends[step.index]
    )


def _numbers(
    definition: Definition, step: Step, before: frozenset[int], ancestors: frozenset[int]
) -> dict[int, Undone]:
    """Numbers in unwind order. A wait that timed out took no signal, so there is nothing of its own to undo."""
    timed_out = {guard.step for guard in ways_in(definition, step) if guard.way == ON_TIMEOUT}
    armed = [
        i for i in _start_order(definition) if i in before and i not in timed_out and has_undo(definition.steps[i])
    ]
    if definition.compensation.order == "graph":
        level: dict[int, int] = {}
        for i in reversed(armed):
            later = [level[j] for j in armed if j in level and i in _ancestors(definition, j)]
            level[i] = 1 + max(later, default=0)
    else:
        level = {i: place for place, i in enumerate(reversed(armed), start=1)}
    ways = ways_in(definition, step)
    return {i: Undone(level[i], _certain(definition, definition.steps[i], ways, ancestors)) for i in armed}


def _certain(definition: Definition, other: Step, ways: frozenset[Guard], ancestors: frozenset[int]) -> bool:
    """Whether the step has run, and has something to undo, in every run that comes so far."""
    if other.when is not None or other.undo.when is not None or other.optional or other.catches:
        return False
    ending = {guard.step for guard in _ending_bodies(definition) if guard.way == ON_TIMEOUT}
    if other.can_time_out and other.index not in ending:
        return False
    parent = other.parent
    while parent is not None:
        block = definition.steps[parent]
        if block.when is not None or block.optional or block.verb is Verb.EACH or block.catches:
            return False
        parent = block.parent
    return other.index in ancestors and ways_in(definition, other) <= ways


def _start_order(definition: Definition) -> list[int]:
    """Order of start where the graph decides it, else file order; a block's steps right behind it."""
    order: list[int] = []
    _add_in_order(definition, ROOT, order)
    return order


def _add_in_order(definition: Definition, container: int, order: list[int]) -> None:
    members = definition.members.get(container, ())
    open_needs = {index: len(set(definition.steps[index].needs)) for index in members}
    ready = [index for index in members if not open_needs[index]]
    heapq.heapify(ready)
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        _add_in_order(definition, index, order)
        for follower in definition.followers[index]:
            if follower in open_needs:
                open_needs[follower] -= 1
                if not open_needs[follower]:
                    heapq.heappush(ready, follower)
