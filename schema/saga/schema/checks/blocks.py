"""Checks of blocks: the graph of `needs`, branches, cases, loops and what can be caught (semantics.md 19, 25, 26)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from saga.schema.checks.findings import Finding, did_you_mean, listed
from saga.schema.checks.names import RESERVED
from saga.schema.checks.order import together
from saga.schema.checks.readable import ROOTS
from saga.schema.checks.signals import waited
from saga.schema.checks.survey import Kind, Row, Survey, variable
from saga.schema.language.steps import Catching, EachStep, SwitchStep, WaitStep
from saga.schema.language.waits import AnyWait, SignalBranch
from saga.schema.yaml_text.nodes import Pointer

_UNCATCHABLE = {
    "cancelled": "a cancelled run is rolled back; nothing holds that up",
    "deadline": "a run past its deadline is rolled back; give the block a timeout of its own",
    "stuck": "a stuck run waits for an operator",
}


def needed(survey: Survey) -> Iterator[Finding]:
    """`needs` names other steps of the same block (semantics.md 26)."""
    for row in survey.rows:
        for name, step in row.steps.items():
            at = (*row.place(name), "needs")
            for index, other in enumerate(step.needs or ()):
                if other == name:
                    yield Finding("SAGA217", f'step "{name}" needs itself', (*at, index), "remove it")
                elif other not in row.steps and other not in survey.doubtful:
                    yield _not_here(survey, row, name, other, (*at, index))
                elif (step.needs or ()).index(other) != index:
                    yield Finding("SAGA216", f'step "{name}" names "{other}" twice', (*at, index), "once is enough")


def _not_here(survey: Survey, row: Row, name: str, other: str, at: Pointer) -> Finding:
    placed = survey.by_name.get(other)
    if placed is None:
        others = [each for each in row.steps if each != name]
        return Finding("SAGA216", f'there is no step "{other}"', at, did_you_mean(other, others))
    message = f'step "{other}" is in another block: needs names steps that stand beside "{name}"'
    around = next((each.name for line, each in placed.around() if line is row), None)
    hint = f'write "{around}", the block that it is in' if around and around != name else ""
    if placed.is_final:
        message = f'"{other}" is a finally step, which runs after all others'
    elif any(each.name == name for _, each in placed.around()):
        message = f'step "{other}" is inside "{name}"'
    elif not hint:
        hint = "leave it out: a step inside a block opens after all that the block needs"
    return Finding("SAGA216", message, at, hint)


def no_circles(survey: Survey) -> Iterator[Finding]:
    """Steps that wait for each other never open."""
    for row in survey.rows:
        circle = row.order.circle()
        if len(circle) > 1:
            at = row.place(circle[0])
            story = ", ".join(
                f"{one} needs {other}" for one, other in zip(circle, [*circle[1:], circle[0]], strict=True)
            )
            message = f"these steps wait for each other without end: {story}"
            said = isinstance(row.steps[circle[0]].needs, list)
            hint = "a step without needs comes after the one before it; let one of them not need the other"
            yield Finding("SAGA217", message, (*at, "needs") if said else at, hint, on_key=True)


def open_branches(survey: Survey) -> Iterator[Finding]:
    """Where more than one branch is open, a step says what it needs: never a guess (language.md 2)."""
    for row in survey.rows:
        if all(step.needs is None for step in row.steps.values()):
            continue
        for name, step in row.steps.items():
            branches = row.order.open_before(name) if step.needs is None else []
            if len(branches) > 1:
                message = f'step "{name}" does not say what it needs, and {listed(branches)} are open before it'
                yield Finding("SAGA218", message, row.place(name), f"add needs: [{', '.join(branches)}]", on_key=True)


def branches(survey: Survey) -> Iterator[Finding]:
    """A `switch` has a condition for every branch and says, last, what happens else."""
    for placed in survey.steps:
        if not isinstance(placed.step, SwitchStep):
            continue
        at = (*placed.at, "switch")
        names = list(placed.step.switch)
        for name, case in placed.step.switch.items():
            when = getattr(case, "when", None)
            if name == "else" and when is not None:
                message = f'else of step "{placed.name}" has a condition'
                yield Finding("SAGA224", message, (*at, name, "when"), "else is for all other cases", on_key=True)
            elif name != "else" and when is None:
                message = f'the branch "{name}" of step "{placed.name}" has no condition'
                yield Finding("SAGA224", message, (*at, name), "add when:, or call it else", on_key=True)
        if "else" not in names:
            message = f'step "{placed.name}" does not say what happens when no branch is taken'
            yield Finding("SAGA224", message, at, "add else: continue, or else: with steps", on_key=True)
        elif names[-1] != "else":
            message = f'else of step "{placed.name}" is not the last branch'
            hint = "conditions are asked in the order written: put else last"
            yield Finding("SAGA224", message, (*at, "else"), hint, on_key=True)


def cases(survey: Survey) -> Iterator[Finding]:
    """`cases` says for every branch of a race what follows, or it is left out."""
    for placed in survey.steps:
        step = placed.step
        if not isinstance(step, WaitStep) or step.cases is None:
            continue
        at = (*placed.at, "cases")
        if not isinstance(step.wait, AnyWait):
            message = f'cases in step "{placed.name}" can never run: only a wait for any has branches'
            yield Finding("SAGA225", message, at, "write what follows as the next step", on_key=True)
            continue
        lacking = [name for name in step.wait.any if name not in step.cases]
        for name in step.cases:
            if name not in step.wait.any:
                message = f'the wait of step "{placed.name}" has no branch "{name}"'
                yield Finding("SAGA225", message, (*at, name), did_you_mean(name, step.wait.any), on_key=True)
        if lacking:
            message = f'cases of step "{placed.name}" does not say what follows {listed(lacking)}'
            yield Finding("SAGA225", message, at, f"add {lacking[0]}: continue, or a body", on_key=True)


def catchable(survey: Survey) -> Iterator[Finding]:
    """What ends a run from outside is not an error of a step."""
    for placed in survey.steps:
        for code in (placed.step.catch or {}) if isinstance(placed.step, Catching) else ():
            if code in _UNCATCHABLE:
                message = f'"{code}" cannot be caught'
                yield Finding("SAGA204", message, (*placed.at, "catch", code), _UNCATCHABLE[code], on_key=True)


def one_answer_to_an_error(survey: Survey) -> Iterator[Finding]:
    """What is caught whole, or holds, leaves nothing for a second answer."""
    for placed in survey.steps:
        step = placed.step
        if not isinstance(step, Catching) or not step.catch:
            continue
        if getattr(step, "on_failure", None) is not None and "any" in step.catch:
            message = f'step "{placed.name}" catches any error and holds on failure'
            yield Finding("SAGA213", message, (*placed.at, "on_failure"), "keep one of the two", on_key=True)
        if step.optional and "any" in step.catch:
            message = f'step "{placed.name}" is optional and catches any error'
            hint = "keep catch: {any: continue} or optional: true"
            yield Finding("SAGA213", message, (*placed.at, "optional"), hint, on_key=True)
        codes = list(step.catch)
        if "any" in codes and codes[-1] != "any":
            message = f'any in catch of step "{placed.name}" is not the last'
            hint = "codes are looked at in the order written: put any last"
            yield Finding("SAGA204", message, (*placed.at, "catch", "any"), hint, on_key=True)


def waits_apart(survey: Survey) -> Iterator[Finding]:
    """Two waits for one signal that are open together could not tell whose it is (semantics.md 19)."""
    waits = [(placed, *found) for placed in survey.steps for found in waited(placed)]
    for (one, name, _), (other, same, at) in combinations(waits, 2):
        if name != same or (one is other and isinstance(getattr(one.step, "wait", None), AnyWait)):
            continue
        if one is other:
            message = f'step "{one.name}" waits twice for the signal "{name}"'
            yield Finding("SAGA226", message, at, "all takes one signal of each name: declare two signals")
        elif together(one, other):
            message = f'steps "{one.name}" and "{other.name}" can wait for the signal "{name}" at the same time'
            yield Finding("SAGA226", message, at, "declare a signal for each, or let one need the other")
    for placed, name, at in waits:
        if together(placed, placed):
            message = f'the items that step "{placed.name}" is for can wait for the signal "{name}" at the same time'
            hint = "write at_once: 1, or send one signal for all of them and wait behind the each"
            yield Finding("SAGA226", message, at, hint)


def winners(survey: Survey) -> Iterator[Finding]:
    """Of two branches of a race for one signal, the first takes them all unless it says which (`if`)."""
    for placed in survey.steps:
        wait = placed.step.wait if isinstance(placed.step, WaitStep) else None
        greedy: dict[str, str] = {}
        for name, branch in wait.any.items() if isinstance(wait, AnyWait) else ():
            if not isinstance(branch, SignalBranch):
                continue
            if branch.signal in greedy:
                message = f'the branch "{name}" can never win: "{greedy[branch.signal]}" takes every {branch.signal}'
                hint = "say with if: which signals the first branch takes"
                yield Finding("SAGA226", message, (*placed.at, "wait", "any", name, "signal"), hint)
            elif branch.if_ is None:
                greedy[branch.signal] = name


def loops(survey: Survey) -> Iterator[Finding]:
    """What an item is called hides nothing else that can be read there."""
    for placed in survey.steps:
        step = placed.step
        if not isinstance(step, EachStep):
            continue
        name = variable(step)
        at = (*placed.at, "as") if step.as_ else (*placed.at, "each")
        if name in _NO_ITEMS:
            message = f'an item cannot be called "{name}", which expressions read as something else'
            yield Finding("SAGA202", message, at, "choose another word, such as one_item")
        for owner in [row.owner for row, _ in placed.around() if row.kind is Kind.ITEM]:
            if owner is not None and isinstance(owner.step, EachStep) and variable(owner.step) == name:
                message = f'an item of "{placed.name}" is called "{name}", as that of "{owner.name}" around it'
                yield Finding("SAGA201", message, at, "give it a name of its own: as: …", on_key=not step.as_)


_NO_ITEMS = (frozenset(ROOTS) | RESERVED) - {"item"}
