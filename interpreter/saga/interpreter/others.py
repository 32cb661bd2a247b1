"""Who else works for a run: its child runs and the tasks it offers, by the place they belong to.

This room must not know how they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from saga.interpreter.machine.events import Ref
from saga.interpreter.store import Store
from saga.interpreter.stored import RunRow
from saga.interpreter.task_store import Task
from saga.schema.definition import Definition


class Others(NamedTuple):
    """Children and tasks by action: the child of a place is at its reference, the run that undoes it at ``undo`` 0."""

    children: Mapping[Ref, RunRow]
    tasks: Mapping[Ref, Task]


NOBODY = Others({}, {})


async def others_of(store: Store, run: RunRow, definition: Definition) -> Others:
    """Asks only for what the saga can have. Raises StoreUnavailable."""
    children = await children_of(store, run, definition)
    tasks: dict[Ref, Task] = {}
    if any(step.action is not None and step.action.remote for step in (*definition.steps, *definition.final_steps)):
        tasks = {_ref(task.ref): task for task in await store.tasks(run.id)}
    return Others(children, tasks) if children or tasks else NOBODY


async def children_of(store: Store, run: RunRow, definition: Definition) -> dict[Ref, RunRow]:
    """The child runs of a run, and of the run that it undoes, by action. Raises StoreUnavailable."""
    if all(step.child is None for step in definition.steps):
        return {}
    found = [child for parent in filter(None, (run.undoes, run.id)) for child in await store.children(parent)]
    return {_ref(child.parent.ref): child for child in found if child.parent is not None}


def _ref(text: str) -> Ref:
    step, iteration, undo = json.loads(text)
    return Ref(step, tuple(iteration), undo)
