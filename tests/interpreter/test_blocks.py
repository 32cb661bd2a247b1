"""Blocks at work, by stories: what opens, what expressions see, what people are told; the explorer does the rest."""

from __future__ import annotations

from typing import Any

import pytest
from explorer import RUN

from saga.interpreter import machine
from saga.interpreter.machine.commands import (
    Command,
    Emit,
    OfferTask,
    RunAction,
    SendSignal,
    StartChild,
    StartRun,
    StopAction,
    StopChild,
    UndoChild,
)
from saga.interpreter.machine.events import (
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    CancelRequested,
    ChildEnded,
    Event,
    Ref,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
    TimerFired,
    UndoRequested,
)
from saga.interpreter.machine.operating import refusal
from saga.interpreter.machine.places import read
from saga.interpreter.status import Status
from saga.schema.loader import load
from saga.schema.values import Value

HEADER = """
saga: v1
name: story
version: 1
id: ${{ input.key }}
defaults: {retry: {attempts: 1}}
input:
  key: {type: string, default: k}
  boxes: {type: array, default: []}
signals:
  go: {payload: {ok: {type: boolean, default: true}}}
  stop: {}
"""


class Story:
    """A run that is told what happens, by the names of its steps."""

    def __init__(self, steps: str, boxes: list[Value] | None = None) -> None:
        self.definition = load(HEADER + steps, "story.yaml")
        given: Value = {"key": "k", "boxes": boxes or []}
        self.state, self.wanted = machine.start(self.definition, RUN, "story/k", given, 0)
        self.messages = 0

    def tell(self, event: Event) -> list[Command]:
        self.wanted = machine.transition(self.definition, self.state, event)
        return self.wanted

    def ref(self, name: str, undo: int = -1) -> tuple[Ref, int]:
        place = read(self.definition, name)
        assert place is not None
        ref = Ref(place.step, place.iteration, undo)
        trial = self.state.trial(ref)
        assert trial is not None, f"{name} was not opened"
        assert trial.running, f"{name} is not at work"
        return ref, trial.attempt

    def ok(self, name: str, output: Value = "done") -> list[Command]:
        return self.tell(ActionSucceeded(1, *self.ref(name), output))

    def undone(self, name: str) -> list[Command]:
        return self.tell(ActionSucceeded(1, *self.ref(name, 0), None))

    def not_undone(self, name: str) -> list[Command]:
        return self.tell(ActionRejected(1, *self.ref(name, 0), "refused"))

    def rejected(self, name: str, code: str = "refused") -> list[Command]:
        return self.tell(ActionRejected(1, *self.ref(name), code))

    def unknown(self, name: str) -> list[Command]:
        return self.tell(ActionUnknown(1, *self.ref(name), "http_500"))

    def lost(self) -> list[Command]:
        return self.tell(AttemptsLost(1, tuple(machine.open_attempts(self.definition, self.state))))

    def child(self, name: str, status: str, outcome: str = "", undo: int = -1, **more: Any) -> list[Command]:
        return self.tell(ChildEnded(1, self.number(), self.ref(name, undo)[0], status, outcome, **more))

    def signal(self, name: str, **payload: Value) -> list[Command]:
        return self.tell(SignalReceived(1, self.number(), name, dict(payload), 1))

    def time(self) -> list[Command]:
        found = machine.next_timer(self.state)
        assert found is not None
        return self.tell(TimerFired(*found))

    def number(self) -> int:
        self.messages += 1
        return self.messages

    def output(self, name: str) -> Value:
        place = read(self.definition, name)
        assert place is not None
        return self.state.at(place).output

    @property
    def running(self) -> list[str]:
        """What is at work, as people write it; undos with a minus."""
        return [
            ("" if ref.undo < 0 else "-") + machine.spelled(self.definition, ref)
            for ref, _ in machine.running(self.state)
        ]

    @property
    def end(self) -> tuple[str, str | None]:
        return machine.status(self.state).word, self.state.outcome


def test_each_gives_its_results_in_order_whoever_is_first() -> None:
    story = Story(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    as: box
    max: 5
    at_once: 2
    steps:
      put: {call: a.put, with: {box: "${{ box }}", number: "${{ index }}"}, compensate: none}
  last: {call: a.last, with: {all: "${{ steps.pack.output }}"}, compensate: none}
""",
        ["x", "y", "z"],
    )
    assert story.running == ["put[0]", "put[1]"]
    first = [command for command in story.wanted if isinstance(command, RunAction)]
    assert [command.arguments for command in first] == [{"box": "x", "number": 0}, {"box": "y", "number": 1}]
    assert [command.key for command in first] == [f"{RUN}/put[0]", f"{RUN}/put[1]"]
    story.ok("put[1]", "second")
    assert story.running == ["put[0]", "put[2]"]
    story.ok("put[2]", "third")
    story.ok("put[0]", "first")
    (last,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert last.arguments == {"all": ["first", "second", "third"]}
    story.ok("last")
    assert story.end == ("completed", "completed")


def test_a_failing_item_undoes_only_the_items_that_ran() -> None:
    story = Story(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 5
    steps: {put: {call: a.put, compensate: {call: a.take, with: {key: "${{ steps.put.key }}"}}}}
""",
        ["x", "y", "z"],
    )
    story.ok("put[0]")
    story.rejected("put[1]")
    assert story.running == ["-put[0]"]
    (undo,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert (undo.key, undo.arguments) == (f"{RUN}/put[0]/undo", {"key": f"{RUN}/put[0]"})
    story.undone("put[0]")
    assert story.end == ("compensated", "failed")
    assert story.state.error is not None
    assert story.state.error["iteration"] == [1]


def test_a_list_that_is_none_and_one_that_is_too_long() -> None:
    steps = "steps: {pack: {each: '${{ input.boxes }}', max: 1, steps: {put: {call: a.put, compensate: none}}}}"
    assert Story(steps).end == ("completed", "completed")
    story = Story(steps, ["x", "y"])
    assert story.end == ("compensated", "failed")
    assert story.state.error is not None
    assert story.state.error["code"] == "too_many_items"
    assert story.state.error["message"] == "the list has 2 items, at most 1 are allowed"


def test_repeat_sees_the_round_before_and_ends_by_until_or_max() -> None:
    steps = """
steps:
  ask:
    repeat: {max: 2, until: steps.look.output == "yes", delay: 1m}
    steps: {look: {call: a.look, with: {before: "${{ previous }}", round: "${{ index }}"}, compensate: none}}
    on_max: {fail: no_answer}
  last: {call: a.last, with: {answer: "${{ steps.ask.last }}"}, compensate: none}
"""
    story = Story(steps)
    story.ok("look[0]", "no")
    story.time()
    (second,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert second.arguments == {"before": "no", "round": 1}
    story.ok("look[1]", "yes")
    (last,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert last.arguments == {"answer": "yes"}
    assert story.output("ask") == ["no", "yes"]
    other = Story(steps)
    other.ok("look[0]", "no")
    other.time()
    other.ok("look[1]", "no")
    assert other.end == ("compensated", "no_answer")


def test_a_switch_takes_the_first_true_branch_and_gives_its_output() -> None:
    steps = """
steps:
  decide:
    switch:
      one: {when: "len(input.boxes) == 1", steps: {small: {set: small}}}
      some: {when: "len(input.boxes) > 0", steps: {big: {set: big}}}
      else: {end: nothing}
  last: {call: a.last, with: {size: "${{ steps.decide.output }}"}, compensate: none}
"""
    for boxes, size in ((["x"], "small"), (["x", "y"], "big")):
        (last,) = (command for command in Story(steps, list(boxes)).wanted if isinstance(command, RunAction))
        assert last.arguments == {"size": size}
    assert Story(steps).end == ("completed", "nothing")


def test_a_catch_sees_the_error_and_undoes_newest_first() -> None:
    story = Story("""
steps:
  sides:
    parallel:
      left: {steps: {left: {call: a.left, compensate: {call: a.undo_left}}}}
      right: {steps: {right: {call: a.right, compensate: {call: a.undo_right}}}}
      third: {steps: {third: {call: a.third, compensate: {call: a.undo_third}}}}
    catch:
      sold_out:
        undo: true
        steps:
          instead: {call: a.instead, with: {why: "${{ error.code }}", who: "${{ error.step }}"}, compensate: none}
      any: {fail: never}
  last: {call: a.last, with: {error: "${{ steps.sides.error.code }}"}, compensate: none}
""")
    story.ok("left")
    wanted = story.rejected("third", "sold_out")
    assert [command.ref for command in wanted if isinstance(command, StopAction)] == [story.ref("right")[0]]
    story.ok("right")  # it could not be stopped any more
    assert story.running == ["-right"]
    story.undone("right")
    assert story.running == ["-left"]
    story.undone("left")
    (instead,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert instead.arguments == {"why": "sold_out", "who": "third"}
    story.ok("instead")
    (last,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert last.arguments == {"error": "sold_out"}
    story.ok("last")
    assert story.end == ("completed", "completed")


def test_a_group_whose_time_is_up_is_left() -> None:
    story = Story("""
steps:
  hurry:
    steps:
      one: {call: a.one, compensate: {call: a.undo_one}}
      two: {call: a.two, compensate: {call: a.undo_two}}
    timeout: 5m
    on_timeout: {steps: {sorry: {call: a.sorry, compensate: none}}}
""")
    story.ok("one")
    story.time()
    assert story.running == ["two"]
    story.unknown("two")
    assert story.running == ["-two"], "only what is unknown is undone, what went well stays"
    story.undone("two")
    assert story.running == ["sorry"]
    story.rejected("sorry")
    assert story.running == ["-one"]


def test_a_race_is_won_by_who_comes_first() -> None:
    steps = """
steps:
  race:
    wait: {any: {paid: {signal: go, if: payload.ok}, gone: {signal: stop}, late: {after: 5m}}}
    cases:
      paid: {steps: {thank: {set: "${{ steps.race.output }}"}}}
      gone: {fail: gone}
      late: {end: late}
"""
    paid = Story(steps)
    assert machine.waiting_for(paid.definition, paid.state) == ("go", "stop")
    paid.signal("go", ok=False)
    assert machine.status(paid.state) is Status.WAITING
    paid.signal("go", ok=True)
    assert paid.output("thank") == {"branch": "paid", "payload": {"ok": True}}
    assert paid.state.fates == {1: "too_late", 2: "taken:race"}
    late = Story(steps)
    late.time()
    assert late.end == ("completed", "late")
    assert late.output("race") == {"branch": "late", "payload": None}


def test_all_signals_are_taken_together() -> None:
    story = Story("""
steps:
  both: {wait: {all: {one: {signal: go}, two: {signal: stop}}, timeout: 5m}, on_timeout: {fail: timeout}}
""")
    story.signal("stop")
    assert len(story.state.mailbox) == 1
    story.signal("go", ok=True)
    assert story.output("both") == {"one": {"ok": True}, "two": {}}
    assert story.end == ("completed", "completed")


CHILD = """
steps:
  young: {saga: other, with: {key: "${{ input.key }}"}, compensate: child, catch: {sold_out: {end: sorry}}}
  last: {call: a.last, with: {child: "${{ steps.young.output }}"}, compensate: none}
"""


@pytest.mark.parametrize(
    ("status", "outcome", "more", "running", "end"),
    [
        ("completed", "completed", {"output": {"a": 1}}, ["last"], ("running", None)),
        ("compensated", "sold_out", {}, [], ("completed", "sorry")),
        ("compensated", "failed", {"code": "sold_out"}, [], ("completed", "sorry")),
        ("compensated", "timeout", {}, [], ("compensated", "failed")),
        ("compensated", "timeout", {"incomplete": True}, ["-young"], ("compensating", "failed")),
        ("terminated", "terminated", {}, ["-young"], ("compensating", "failed")),
        ("refused", "", {"code": "id_conflict"}, [], ("compensated", "failed")),
    ],
)
def test_what_the_end_of_a_child_means(
    status: str, outcome: str, more: dict[str, Any], running: list[str], end: tuple[str, str | None]
) -> None:
    story = Story(CHILD)
    (start,) = (command for command in story.wanted if isinstance(command, StartChild))
    assert (start.saga, start.id, start.fallback, start.input) == ("other", None, "k/young", {"key": "k"})
    assert machine.status(story.state) is Status.WAITING
    story.child("young", status, outcome, **more)
    assert story.running == running
    assert story.end == end


def test_cancel_goes_to_the_child_first_and_an_ok_child_is_undone() -> None:
    story = Story(CHILD)
    story.tell(CancelRequested(1, story.number()))
    assert [type(command).__name__ for command in story.wanted] == ["StopChild", "Park"]
    assert isinstance(story.wanted[0], StopChild)
    story.child("young", "completed", "completed")
    (undo,) = (command for command in story.wanted if isinstance(command, UndoChild))
    assert (undo.key, undo.attempt) == (f"{RUN}/young/undo", 1)
    story.child("young", "compensated", "undone", undo=0)
    assert story.end == ("compensated", "cancelled")


def test_a_task_is_offered_and_answered_from_afar() -> None:
    story = Story("steps: {pick: {task: warehouse.pick, with: {a: 1}, compensate: none, retry: {attempts: 2}}}")
    (offer,) = (command for command in story.wanted if isinstance(command, OfferTask))
    assert (offer.action.function, offer.attempt, offer.arguments) == ("warehouse.pick", 1, {"a": 1})
    assert machine.open_attempts(story.definition, story.state) == []
    story.tell(TaskAnswered(1, 1, Ref(0), 1, "unknown", code="heartbeat"))
    story.time()
    assert isinstance(story.wanted[0], OfferTask)
    story.tell(TaskAnswered(2, 2, Ref(0), 1, "ok", "late"))
    assert story.state.fates[2] == "ignored:nobody waits for it any more"
    story.tell(TaskAnswered(2, 3, Ref(0), 2, "ok", "box"))
    assert story.end == ("completed", "completed")


def test_at_most_once_is_not_tried_again_when_it_is_lost() -> None:
    story = Story("steps: {pay: {call: a.pay, at_most_once: true, compensate: {call: a.pay_back}}}")
    story.lost()
    assert story.running == ["-pay"]


def test_what_is_lost_in_a_block_is_made_again_in_its_place() -> None:
    steps = """
steps:
  pack: {each: "${{ input.boxes }}", max: 2, at_once: 2, steps: {put: {call: a.put, compensate: none}}}
"""
    story = Story(steps, ["x", "y"])
    story.ok("put[0]")
    story.lost()
    (again,) = (command for command in story.wanted if isinstance(command, RunAction))
    assert (again.key, again.attempt) == (f"{RUN}/put[1]", 2)
    story.ok("put[1]")
    assert story.end == ("completed", "completed")


def test_messages_go_out_in_the_turn_that_passes_them() -> None:
    story = Story("""
steps:
  one: {emit: {topic: order.begun}, with: {a: 1}, compensate: none}
  two: {signal: hurry, to: "other/${{ input.key }}", key: once, with: {a: 2}, compensate: none}
  three: {start: other, id: "x-${{ input.key }}", with: {a: 3}, compensate: none}
  four: {set: sent}
""")
    one, two, three, _ = story.wanted
    assert one == Emit(Ref(0), "order.begun", "story/k", {"a": 1}, f"{RUN}/one")
    assert two == SendSignal(Ref(1), "other/k", "hurry", {"a": 2}, "once")
    assert three == StartRun(Ref(2), "other", "x-k", "k/three", {"a": 3})
    assert story.output("four") == "sent"
    assert story.end == ("completed", "completed")


def test_two_branches_may_be_stuck_and_are_named_with_their_iteration() -> None:
    story = Story(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 5
    at_once: 3
    steps: {put: {call: a.put, compensate: none, on_failure: hold}}
""",
        ["x", "y", "z"],
    )
    story.rejected("put[1]")
    story.rejected("put[0]")
    story.rejected("put[2]")
    stuck = [machine.spelled(story.definition, each.place) for each in story.state.troubles]
    assert stuck == ["put[1]", "put[0]", "put[2]"]
    for name, why in (
        ("put", '"put" stands in a loop: say which, as put[0]'),
        ("put[7]", '"put[7]" is neither stuck nor waiting for its next attempt'),
        ("pack[0]", '"pack" stands in no loop: say it without a number'),
        ("pat", 'there is no step "pat"'),
    ):
        assert refusal(story.definition, story.state, StepSkipped(1, 1, step=name)) == why
    why = '"put[3]" is not stuck; stuck is: put[1], put[0], put[2]'
    assert refusal(story.definition, story.state, RetryRequested(1, 1, step="put[3]")) == why
    story.tell(RetryRequested(1, 1, step="put[0]"))
    assert story.running == ["put[0]"]
    story.rejected("put[0]")
    story.tell(StepSkipped(1, 1, step="put[0]"))
    story.tell(StepResolved(1, 2, step="put[2]", how="ok", output="by hand"))
    assert machine.status(story.state) is Status.STUCK
    story.tell(RetryRequested(1, 3))
    story.ok("put[1]", "again")
    assert story.output("pack") == [None, "again", "by hand"]
    assert story.end == ("completed", "completed")


def test_an_ended_run_is_undone_by_its_undo_run() -> None:
    story = Story("""
steps:
  one: {call: a.one, compensate: {call: a.undo_one}}
  two: {call: a.two, compensate: {call: a.undo_two}}
""")
    story.ok("one")
    story.ok("two")
    assert story.end == ("completed", "completed")
    story.tell(UndoRequested(2, 0))
    story.undone("two")
    story.undone("one")
    assert story.end == ("compensated", "undone")
    assert refusal(story.definition, story.state, UndoRequested(3, 0)) == "it is undone already"


def test_undo_along_the_graph_goes_side_by_side() -> None:
    story = Story("""
compensation: {order: graph}
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  sides:
    parallel:
      left: {steps: {left: {call: a.left, compensate: {call: a.undo_left}}}}
      right: {steps: {right: {call: a.right, compensate: {call: a.undo_right}}}}
  last: {call: a.last, compensate: none}
""")
    for name in ("first", "left", "right"):
        story.ok(name)
    story.rejected("last")
    assert story.running == ["-left", "-right"]
    story.undone("left")
    assert story.running == ["-right"]
    story.undone("right")
    assert story.running == ["-first"]


def test_one_of_several_stuck_undos_is_tried_again_alone() -> None:
    story = Story("""
compensation: {order: graph}
steps:
  sides:
    parallel:
      left: {steps: {left: {call: a.left, compensate: {call: a.undo_left}}}}
      right: {steps: {right: {call: a.right, compensate: {call: a.undo_right}}}}
  last: {call: a.last, compensate: none}
""")
    story.ok("left")
    story.ok("right")
    story.rejected("last")
    story.not_undone("left")
    story.not_undone("right")
    assert machine.status(story.state) is Status.STUCK
    story.tell(RetryRequested(1, 1, step="right"))
    assert story.running == ["-right"]
    story.undone("right")
    assert machine.status(story.state) is Status.STUCK
    story.tell(RetryRequested(1, 2, step="left"))
    assert (story.running, machine.status(story.state)) == (["-left"], Status.COMPENSATING)
    story.undone("left")
    assert story.end == ("compensated", "failed")
