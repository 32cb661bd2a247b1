"""At every reachable state: a migration to the same text changes nothing, nor does one to a longer text and back."""

from __future__ import annotations

from collections import deque
from typing import Any

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
from saga.schema.values import Value


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

    def __init__(self, text: str, given: Value, **told: Any) -> None:
        super().__init__(load(text, "pattern.yaml"), given, **told)
        self.again, self.longer = texts(text)
        self.there_and_back = 0

    def _visit(self, node: Node, waiting: deque[int]) -> int:
        known = len(self.nodes)
        number = super()._visit(node, waiting)
        if len(self.nodes) > known:
            self.check(node)
        return number

    def check(self, node: Node) -> None:
        here, state = self.definition, node.state
        if state.phase is Phase.ENDED:
            return
        assert migrated(here, self.again, state) == state, story(here, node)
        assert obstacles(here, self.again, state, state.clock) == [], story(here, node)
        assert changes(here, self.again, state) == [], story(here, node)
        found = obstacles(here, self.longer, state, state.clock)
        if found:
            assert all("by its place in the file" in problem for problem in found), (found, story(here, node))
            return
        there = migrated(here, self.longer, state)
        assert obstacles(self.longer, here, there, state.clock) == [], story(here, node)
        assert migrated(self.longer, here, there) == state, story(here, node)
        self.there_and_back += 1


@pytest.mark.parametrize("text", PATTERNS.values(), ids=PATTERNS)
def test_nothing_comes_of_a_migration_to_the_same(text: str) -> None:
    payloads = {"go": [{"ok": True}, {"ok": False}]}
    walk = Walk(text, {"key": "k"}, payloads=payloads, signals=1, smooth=True)
    walk.walk()
    assert walk.there_and_back


OFFERED_AT_ONCE = {"children side by side", "tasks of others, once and more"}
"""Others have their first step from the beginning on, so it keeps its number."""


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "too many items"])  # that one ends as it begins
def test_nothing_comes_of_a_migration_to_the_same_blocks(name: str) -> None:
    pattern = BLOCKS[name]
    boxes = [f"box {number}" for number in range(pattern.boxes)]
    payloads = {"go": [{"ok": True}], "stop": [{}]}  # as the client stores them
    told = {"signals": 1, "smooth": True, "payloads": payloads} | pattern.told
    walk = Walk(HEADER + pattern.text, {"key": "k", "boxes": boxes}, **told)
    walk.walk(limit=20_000)
    assert bool(walk.there_and_back) != (name in OFFERED_AT_ONCE)
