"""Sagas made up at random, of nested blocks: whatever happens to them, the promises hold and a replay agrees."""

from __future__ import annotations

import random
from typing import Any

from explorer import RUN, Explorer
from hypothesis import given, settings
from hypothesis import strategies as st
from test_replay import walk

from saga.interpreter import machine
from saga.interpreter.codec import decode, encode
from saga.interpreter.machine.state import Phase
from saga.schema.loader import load
from saga.schema.values import spell

Steps = dict[str, Any]


class Author:
    """Writes a saga that the language allows, by rolling dice."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"step_{self.names}"

    def saga(self) -> Steps:
        """A whole file."""
        return {
            "saga": "v1",
            "name": "made_up",
            "version": 1,
            "id": "${{ input.key }}",
            "input": {"key": {"type": "string"}},
            "defaults": {"retry": {"attempts": self.dice.choice([1, 2])}},
            "compensation": {"order": self.dice.choice(["reverse", "graph"])},
            "signals": {"go": {}},
            "steps": self.row(depth=3, single=True),
        }

    def row(self, depth: int, *, single: bool) -> Steps:
        """Steps in a row. ``single``: no other branch is open."""
        count = self.dice.randint(1, 3)
        beside = count > 2 and self.dice.random() < 0.3
        steps = {self.name(): self.step(depth, single=single and not beside) for _ in range(count)}
        names = list(steps)
        if beside:
            steps[names[1]]["needs"] = []
            steps[names[2]]["needs"] = names[:2]
        return steps

    def step(self, depth: int, *, single: bool) -> Steps:
        kinds = ["call", "call", "task", "child", "set", "emit"]
        if depth > 0:
            kinds += ["group", "parallel", "parallel", "switch", "each", "repeat"]
        made: Steps = getattr(self, "_" + self.dice.choice(kinds))(depth, single)
        if "emit" not in made and self.dice.random() < 0.3:
            made["catch"] = {self.dice.choice(["any", "refused"]): self.caught(depth, single=single)}
        elif "emit" not in made and self.dice.random() < 0.2:
            made["optional"] = True
        return made

    def caught(self, depth: int, *, single: bool) -> Steps | str:
        body: Steps = {"undo": True} if self.dice.random() < 0.5 else {}
        if depth > 0 and self.dice.random() < 0.4:
            body["steps"] = self.row(depth - 1, single=single)
        if self.dice.random() < 0.2:
            body["fail"] = "given_up"
        return body if "steps" in body or "fail" in body else {**body, "steps": {self.name(): {"set": 1}}}

    def _call(self, depth: int, single: bool) -> Steps:
        name = self.name()
        undo: Any = {"call": f"a.undo_{name}"} if self.dice.random() < 0.7 else "none"
        return {"call": f"a.{name}", "compensate": undo} | ({"at_most_once": True} if self.dice.random() < 0.1 else {})

    def _task(self, depth: int, single: bool) -> Steps:
        return {"task": f"t.{self.name()}", "compensate": {"call": "a.put_back"}}

    def _child(self, depth: int, single: bool) -> Steps:
        return {"saga": "other", "compensate": self.dice.choice(["child", "none"])}

    def _set(self, depth: int, single: bool) -> Steps:
        return {"set": {"a": self.dice.randint(0, 3)}} | (
            {"compensate": {"call": "a.forget"}} if self.dice.random() < 0.3 else {}
        )

    def _emit(self, depth: int, single: bool) -> Steps:
        return {"emit": {"topic": "made.up"}, "compensate": "none"}

    def _group(self, depth: int, single: bool) -> Steps:
        made: Steps = {"steps": self.row(depth - 1, single=single)}
        if self.dice.random() < 0.4:
            made |= {"timeout": "1h", "on_timeout": self.dice.choice(["continue", {"fail": "too_slow"}])}
        return made

    def _parallel(self, depth: int, single: bool) -> Steps:
        branches = {f"b{number}": {"steps": self.row(depth - 1, single=False)} for number in range(2)}
        return {"parallel": branches}

    def _switch(self, depth: int, single: bool) -> Steps:
        first = {"when": self.dice.choice(["true", "false"]), "steps": self.row(depth - 1, single=single)}
        return {"switch": {"first": first, "else": {"steps": self.row(depth - 1, single=single)}}}

    def _each(self, depth: int, single: bool) -> Steps:
        items = "${{ [" + ", ".join("1" * self.dice.randint(0, 3)) + "] }}"
        more: Steps = {"as": self.name(), "max": self.dice.choice([2, 5]), "at_once": self.dice.randint(1, 3)}
        return {"each": items, "steps": self.row(depth - 1, single=False)} | more

    def _repeat(self, depth: int, single: bool) -> Steps:
        rounds: Steps = {"max": self.dice.randint(1, 3), "until": self.dice.choice(["true", "false", "index > 0"])}
        if self.dice.random() < 0.5:
            rounds["delay"] = "1m"
        steps = self.row(depth - 1, single=False)
        if single and self.dice.random() < 0.5:
            steps[self.name()] = {"wait": {"signal": "go", "timeout": "1h"}, "on_timeout": "continue"}
        return {"repeat": rounds, "steps": steps, "on_max": self.dice.choice(["continue", {"fail": "no_answer"}])}


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_promises_and_replay_of_sagas_made_up_at_random(author: int, seed: int) -> None:
    text = spell(Author(random.Random(author)).saga())
    explorer = Explorer(load(text, "made_up.yaml"), {"key": "k"}, pauses=True)
    state, wanted, events = walk(explorer, random.Random(seed))
    again, last = machine.start(explorer.definition, RUN, "made_up/x", {"key": "k"}, 0)
    for number, event in enumerate(events, 1):
        last = machine.transition(explorer.definition, again, decode(encode(RUN, number, event)))
    assert again == state
    assert last == wanted
    assert state.copy() == state
    assert machine.fingerprint(state.copy()) == machine.fingerprint(state)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_a_saga_where_all_goes_well_completes(author: int) -> None:
    text = spell(Author(random.Random(author)).saga())
    explorer = Explorer(load(text, "made_up.yaml"), {"key": "k"})
    node = explorer.begin()
    for _ in range(400):
        if node.state.phase is Phase.ENDED:
            break
        node = explorer.follow(node, next(iter(explorer.alphabet(node))))
    assert node.state.phase is Phase.ENDED
    overloaded = node.state.error is not None and node.state.error["code"] == "too_many_items"
    assert node.state.outcome in ("completed", "given_up", "no_answer") or overloaded
