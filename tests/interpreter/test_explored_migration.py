"""At every reachable state: a migration to the same text changes nothing, nor does one to a longer text and back."""

from __future__ import annotations

import pytest
from explorer import Explorer, Node, scaled, story
from test_explored import PATTERNS
from test_explored_blocks import HEADER
from test_explored_blocks import PATTERNS as BLOCKS

from saga.interpreter import machine
from saga.interpreter.machine.commands import Park
from saga.interpreter.machine.events import Migrated
from saga.interpreter.machine.migrating import changes, obstacles
from saga.interpreter.machine.state import Phase, State
from saga.schema.definition import Definition
from saga.schema.loader import load


def texts(text: str) -> tuple[Definition, Definition]:
    """The same text read anew, and one in which every step has another number."""
    longer = text.replace("steps:\n", "steps:\n  never: {set: {a: 1}, when: 1 > 2, compensate: none}\n", 1)
    return scaled(load(text, "again.yaml")), scaled(load(longer, "longer.yaml"))


def migrated(before: Definition, after: Definition, state: State) -> State:
    twin = state.copy()
    commands = machine.migrate(before, after, twin, Migrated(state.clock, 1, 2, "1", "2"))
    assert all(isinstance(command, Park) for command in commands), commands
    return twin


class Walk(Explorer):
    """Migrates at every state that it comes to. Runs that wait for children and tasks keep the numbers of steps."""

    def __init__(self, text: str, given: object, *told: object, **more: object) -> None:
        super().__init__(load(text, "pattern.yaml"), given, *told, **more)  # type: ignore[arg-type]
        self.again, self.longer = texts(text)
        self.there_and_back = 0

    def follow(self, node: Node, event: object) -> Node:
        after = super().follow(node, event)  # type: ignore[arg-type]
        self.check(after)
        return after

    def check(self, node: Node) -> None:
        here, state = self.definition, node.state
        if state.phase is Phase.ENDED:
            return
        told = story(here, node)
        assert obstacles(here, self.again, state, state.clock) == [], told
        assert changes(here, self.again, state) == [], told
        assert migrated(here, self.again, state) == state, told
        found = obstacles(here, self.longer, state, state.clock)
        if found:
            assert all("by its place in the file" in problem for problem in found), (found, told)
            return
        there = migrated(here, self.longer, state)
        assert obstacles(self.longer, here, there, state.clock) == [], told
        assert migrated(self.longer, here, there) == state, told
        self.there_and_back += 1


@pytest.mark.parametrize("text", PATTERNS.values(), ids=PATTERNS)
def test_nothing_comes_of_a_migration_to_the_same(text: str) -> None:
    walk = Walk(text, {"key": "k"}, None, {"go": [{"ok": True}, {"ok": False}]}, signals=1, smooth=True)
    walk.walk()
    assert walk.there_and_back


@pytest.mark.parametrize("pattern", BLOCKS.values(), ids=BLOCKS)
def test_nothing_comes_of_a_migration_to_the_same_blocks(pattern: object) -> None:
    boxes = [f"box {number}" for number in range(pattern.boxes)]  # type: ignore[attr-defined]
    told = {"signals": 1, "smooth": True} | pattern.told  # type: ignore[attr-defined]
    walk = Walk(HEADER + pattern.text, {"key": "k", "boxes": boxes}, **told)  # type: ignore[attr-defined]
    walk.walk(limit=20_000)
    assert walk.there_and_back
