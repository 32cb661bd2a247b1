"""Families of runs as people meet them: a child in its own process's death, undone, stuck; events; ``saga undo``."""

from __future__ import annotations

import json

import pytest

PARENT = """
saga: v1
name: family
version: 1
id: ${{ input.id }}
input:
  id: {type: string}
  seconds: {type: number, default: 0}
  fails: {type: string, default: ""}
steps:
  before:
    call: work.do
    with: {name: before}
    compensate: {call: work.undo, with: {name: before}}
  part:
    saga: member
    with: {seconds: "${{ input.seconds }}", fails: "${{ input.fails }}"}
    compensate: child
  told:
    emit: {topic: family.done}
    with: {id: "${{ input.id }}"}
    compensate: none
  after:
    call: work.do
    with: {name: after, fails: "${{ input.fails }}"}
    compensate: {call: work.undo, with: {name: after}}
"""
MEMBER = """
saga: v1
name: member
version: 1
input:
  seconds: {type: number}
  fails: {type: string}
steps:
  inner:
    call: work.do
    with: {name: inner, seconds: "${{ input.seconds }}", fails: "${{ input.fails }}"}
    compensate: {call: work.undo, with: {name: inner, fails: "${{ input.fails }}"}}
"""


@pytest.fixture
def family(saga):
    saga.write("family.yaml", PARENT)
    saga.write("member.yaml", MEMBER)
    return saga


def effects(saga) -> list[str]:
    return [line.removeprefix("effect ") for line in saga.effects()]


def test_run_works_on_the_run_and_its_child(family):
    done = family("run", "family.yaml", "-i", "id=f-1", "--json")
    assert (done.code, done.json["status"]) == (0, "completed")
    assert effects(family) == ["before", "inner", "after"]
    child = family("show", "member/f-1/part", "--json").json
    assert child["status"] == "completed"


def test_a_child_goes_on_after_its_worker_was_killed(family):
    worker = family.begin("worker")
    family.until(worker, "Ctrl-C hands over")
    family.hold("inner")
    assert family("run", "family.yaml", "-i", "id=f-1", "--detach").code == 0
    family.until_ledger("begin inner")
    worker.kill()
    family.let_go("inner")
    family.work()
    assert family("show", "f-1", "--json").json["status"] == "completed"
    assert effects(family) == ["before", "inner", "after"]


def test_a_child_that_went_well_is_undone_with_its_parent(family):
    done = family("run", "family.yaml", "-i", "id=f-1", "-i", "fails=after")
    assert done.code == 3 or done.code == 1, done.err
    assert effects(family) == ["before", "inner", "inner/undo", "before/undo"]
    assert family("show", "member/f-1/part", "--json").json["status"] == "completed"
    shown = family("show", "member/f-1/part.undo")
    assert "compensated" in shown.out


def test_a_stuck_child_is_shown_at_its_parent(family):
    family.edit(
        "member.yaml",
        "  inner:\n",
        "  first:\n    call: work.do\n    with: {name: first}\n"
        "    compensate: {call: work.undo, with: {name: first, fails: first}}\n  inner:\n",
    )
    assert family("run", "family.yaml", "-i", "id=f-1", "-i", "fails=inner", "--detach").code == 0
    family.work()
    shown = family("show", "f-1")
    assert "waiting for its child member/f-1/part, which is stuck: undoing first was told to fail\n" in shown.err
    assert family("show", "f-1", "--json").json["stuck_child"] == "member/f-1/part"


def test_undo_of_a_completed_run(family):
    family("run", "family.yaml", "-i", "id=f-1")
    done = family("undo", "family/f-1", "--reason", "changed her mind")
    assert (done.code, done.out) == (0, "family/f-1: it is undone by family/f-1.undo\n")
    assert done.err == "nobody is working on this run; to work on it:  saga worker\n"
    again = family("undo", "family/f-1", "--reason", "once more")
    assert again.out == "family/f-1: family/f-1.undo undoes it already, or has\n"
    family.work()
    assert effects(family)[3:] == ["after/undo", "inner/undo", "before/undo"]
    shown = family("show", "family/f-1.undo", "--json").json
    assert (shown["status"], shown["input"]["reason"]) == ("compensated", "changed her mind")
    events = family("show", "family/f-1.undo", "--events")
    assert events.code == 0
    assert "changed her mind" in events.out


def test_undo_is_refused_once_the_pivot_has_passed(saga):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5", "--detach")
    early = saga("undo", "o-1", "--reason", "x")
    assert early.code == 7
    assert early.err.startswith("error: shop/o-1 cannot be undone: it has not ended: cancel it\n")


async def test_events_are_for_everybody_to_read(family, rows):
    family("run", "family.yaml", "-i", "id=f-1")
    family.work()
    data = await rows("SELECT data FROM saga.event WHERE topic = 'family.done' AND run = 'family/f-1'")
    assert json.loads(data) == {"id": "f-1"}


def test_a_sink_that_cannot_be_used_is_said_of_the_project(family):
    family.write("saga.toml", 'name = "clitest"\n[emit]\nfamily.done = "https://example.com"\n')
    done = family("run", "family.yaml", "-i", "id=f-1")
    assert done.code == 1
    assert done.err.endswith(
        "saga.toml: \"emit.family.done\" cannot be 'https://example.com'\n"
        'hint: write such as: order.shipped = {url = "https://events.example.com", secret = "EVENTS_SECRET"}\n'
    )
