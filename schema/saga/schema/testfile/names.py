"""How tests name the actions of a saga, and which names a saga has.

``reserve``, ``book_car[1]`` (one iteration), ``undo reserve``, ``undo ship/call_back`` (one of several undo actions);
and, for a saga other than the one that is tested, ``refund.reserve`` and ``undo refund.reserve``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saga.schema.definition import Definition, UndoKind, Verb

UNDO = "undo "
ELSE = "else"
"""In `actions`: every action that has no plan of its own."""
ANY = "..."
"""In `calls`: any calls, or none."""


def plain(name: str) -> str:
    """The name of an action without its iteration: ``book_car[1]`` is ``book_car``, ``one[0]/take`` is ``one/take``."""
    step, bracket, rest = name.partition("[")
    return step + (rest.rpartition("]")[2] if bracket else "")


def actions_of(definition: Definition) -> Iterator[str]:
    """The names of all actions of a saga: forward, undo and finally."""
    for step in (*definition.steps, *definition.final_steps):
        if step.action is not None:
            yield step.name
        for undo in step.undo.actions:
            yield f"{UNDO}{step.name}" + (f"/{undo.label}" if undo.label else "")


def senders(definition: Definition) -> Iterator[str]:
    """The names of the steps that send something off: `emit`, `signal` and `start`."""
    for step in (*definition.steps, *definition.final_steps):
        if step.verb in (Verb.EMIT, Verb.SIGNAL, Verb.START):
            yield step.name


def undoable(definition: Definition) -> set[str]:
    """The names of the steps that can be undone, by actions or by the steps of a child run."""
    kinds = (UndoKind.ACTIONS, UndoKind.CHILD)
    return {step.name for step in definition.steps if step.undo.kind in kinds}


def all_actions(main: Definition, others: Mapping[str, Definition]) -> set[str]:
    """The names by which a test can plan answers."""
    found = set(actions_of(main))
    for definition in others.values():
        if definition.name != main.name:
            found.update(of_saga(name, definition.name) for name in actions_of(definition))
    return found


def of_saga(name: str, saga: str) -> str:
    """The name of another saga's action."""
    return f"{UNDO}{saga}.{name.removeprefix(UNDO)}" if name.startswith(UNDO) else f"{saga}.{name}"
