"""What a new text of a saga changes for its runs: steps, verbs, undos. It must not know databases or printing."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.definition import Definition, Step


def differences(old: Definition, new: Definition) -> Iterator[str]:
    """One sentence for each difference that a run can feel, in file order."""
    for step in old.steps:
        if new.step(step.name) is None:
            yield f"- {step.name} is gone"
    for step in new.steps:
        before = old.step(step.name)
        if before is None:
            yield f"+ {step.name} is new ({step.verb.value})"
        else:
            changes = list(_changes(old, before, new, step))
            if changes:
                yield f"~ {step.name}: {', '.join(changes)}"
    for name in old.signals:
        if name not in new.signals:
            yield f"- signal {name} is gone"
    for name in new.signals:
        if name not in old.signals:
            yield f"+ signal {name} is new"
    if old.deadline != new.deadline:
        yield "~ deadline"


def _changes(old: Definition, before: Step, new: Definition, after: Step) -> Iterator[str]:
    if before.verb is not after.verb:
        yield f"{before.verb.value} becomes {after.verb.value}"
    elif _does(before) != _does(after):
        yield "does something else"
    if _undo(before) != _undo(after):
        yield "undo"
    if before.pivot != after.pivot:
        yield "is the pivot now" if after.pivot else "is no longer the pivot"
    if before.optional != after.optional:
        yield "is optional now" if after.optional else "is no longer optional"
    if _names(old, before) != _names(new, after):
        yield "comes after other steps"
    if _source(before.when) != _source(after.when):
        yield "when"
    if before.retry != after.retry:
        yield "retry"
    if before.outcome != after.outcome:
        yield "outcome"


def _does(step: Step) -> object:
    """What a step does outside, and with which arguments."""
    action, wait = step.action, step.wait
    return (
        action and (action.function, action.arguments.value, _request(step), action.statement, action.queue),
        wait and (wait.signals, _value(wait.timeout), _value(wait.duration), _value(wait.until)),
        step.child and (step.child.saga, step.child.arguments.value),
        step.message and (step.message.name, step.message.arguments.value),
    )


def _request(step: Step) -> object:
    request = step.action.request if step.action is not None else None
    return request and (request.method, request.address.value)


def _undo(step: Step) -> object:
    parts = [(part.label, part.action.function, part.action.arguments.value) for part in step.undo.actions]
    return (step.undo.kind, parts, _source(step.undo.when))


def _names(definition: Definition, step: Step) -> set[str]:
    return {definition.steps[need].name for need in step.needs}


def _source(expression: object) -> str:
    return getattr(expression, "source", "")


def _value(template: object) -> object:
    return getattr(template, "value", None)
