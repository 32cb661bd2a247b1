"""How each state of a step looks in a picture of its run."""

from __future__ import annotations

from uuid import UUID

import pytest

from saga.cli.look import overlay
from saga.interpreter import machine
from saga.interpreter.machine.events import (
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    CancelRequested,
    Event,
    Ref,
    SignalReceived,
    StepSkipped,
    Timer,
    TimerFired,
)
from saga.schema.drawing import Overlay, StepLook, StepState
from saga.schema.loader import load

SECOND = 1_000_000
TEXT = """\
saga: v1
name: shop
version: 1
id: x
input: {gift: {type: boolean, default: false}}
signals: {paid: {payload: {}}}
compensation: {retry: {attempts: 1}, stuck_after: 1s}
steps:
  reserve:
    call: a.b
    retry: {first_delay: 1s, jitter: none}
    compensate: {call: a.undo}
  wrap: {when: input.gift, call: a.b, compensate: none}
  note: {call: a.b, compensate: none, optional: true}
  await_payment:
    wait: {signal: paid, timeout: 30m}
    on_timeout: {fail: timeout}
  ship: {call: a.b, compensate: none}
finally:
  mail: {call: a.b}
"""
RESERVE, NOTE, AWAIT, SHIP = Ref(0), Ref(2), Ref(3), Ref(5)
UNDO = Ref(0, (), 0)
DEFINITION = load(TEXT, "shop.yaml")
PAID = SignalReceived(4, 1, "paid", {}, 4)
TO_THE_WAIT: list[Event] = [ActionSucceeded(1, RESERVE, 1, None), ActionSucceeded(2, NOTE, 1, None)]


def look(events: list[Event], held: str | None = None) -> Overlay:
    state, _ = machine.start(DEFINITION, UUID(int=1), "shop/x", {"gift": False}, 0)
    for event in events:
        machine.transition(DEFINITION, state, event)
    return overlay(DEFINITION, state, status=machine.status(state), held=held, now=0)


def cancel(at: int) -> CancelRequested:
    return CancelRequested(at, at, "me", "why")


def test_the_run_itself() -> None:
    assert (look([]).status, look([]).outcome) == ("running", None)
    assert look(TO_THE_WAIT).status == "waiting"
    ended = look([*TO_THE_WAIT, cancel(3), ActionSucceeded(4, UNDO, 1, None), ActionSucceeded(5, Ref(6), 1, None)])
    assert (ended.status, ended.outcome) == ("compensated", "cancelled")


def test_steps_that_were_not_come_to_are_not_named() -> None:
    assert set(look([]).steps) == {"reserve"}
    assert set(look(TO_THE_WAIT).steps) == {"reserve", "wrap", "note", "await_payment"}


@pytest.mark.parametrize(
    ("events", "step", "state", "detail"),
    [
        ([], "reserve", StepState.RUNNING, ""),
        (
            [ActionUnknown(1, RESERVE, 1, "connection")],
            "reserve",
            StepState.RUNNING,
            "attempt 1 failed, to be tried again",
        ),
        (
            [ActionUnknown(1, RESERVE, 1, "connection"), TimerFired(SECOND + 1, Timer("retry", RESERVE))],
            "reserve",
            StepState.RUNNING,
            "attempt 2",
        ),
        (
            [
                ActionUnknown(1, RESERVE, 1, "connection"),
                TimerFired(SECOND + 1, Timer("retry", RESERVE)),
                ActionSucceeded(SECOND + 2, RESERVE, 2, None),
            ],
            "reserve",
            StepState.DONE,
            "2 attempts",
        ),
        (TO_THE_WAIT, "reserve", StepState.DONE, ""),
        (TO_THE_WAIT, "wrap", StepState.SKIPPED, ""),
        (TO_THE_WAIT, "await_payment", StepState.WAITING, "until 00:30:00 UTC"),
        ([TO_THE_WAIT[0], ActionRejected(2, NOTE, 1, "full")], "note", StepState.FAILED, "full, passed over"),
        ([ActionRejected(1, RESERVE, 1, "sold_out")], "reserve", StepState.FAILED, "sold_out"),
        ([*TO_THE_WAIT, cancel(3)], "await_payment", StepState.FAILED, "cancelled"),
        ([*TO_THE_WAIT, cancel(3)], "reserve", StepState.UNDOING, ""),
        ([*TO_THE_WAIT, cancel(3), ActionSucceeded(4, UNDO, 1, None)], "reserve", StepState.UNDONE, ""),
        ([*TO_THE_WAIT, cancel(3), ActionSucceeded(4, UNDO, 1, None)], "mail", StepState.RUNNING, ""),
        ([*TO_THE_WAIT, cancel(3), ActionRejected(4, UNDO, 1, "no")], "reserve", StepState.UNDO_FAILED, "no"),
        (
            [*TO_THE_WAIT, cancel(3), ActionRejected(4, UNDO, 1, "no"), StepSkipped(5, 5, "me", "why", "reserve")],
            "reserve",
            StepState.UNDO_FAILED,
            "settled by me: why",
        ),
        ([*TO_THE_WAIT, TimerFired(1800 * SECOND + 2, Timer("wait", AWAIT))], "await_payment", StepState.TIMED_OUT, ""),
        ([*TO_THE_WAIT, PAID, ActionRejected(5, SHIP, 1, "no_road")], "ship", StepState.FAILED, "no_road"),
    ],
)
def test_a_step(monkeypatch: pytest.MonkeyPatch, events: list[Event], step: str, state: StepState, detail: str) -> None:
    monkeypatch.setenv("TZ", "UTC")
    assert look(events).steps[step] == StepLook(state, detail)


def test_a_step_that_nobody_can_perform() -> None:
    assert look([], "action:a.b").steps["reserve"] == StepLook(StepState.STUCK, "no action a.b")
    assert look(TO_THE_WAIT, "action:a.b").steps["await_payment"].state is StepState.WAITING


LOOPS = """\
saga: v1
name: shop
version: 1
id: x
input: {items: {type: array}}
signals: {yes: {payload: {}}}
steps:
  pack_all:
    each: ${{ input.items }}
    max: 10
    at_once: 2
    steps:
      pack: {call: a.b, compensate: none}
  ask:
    repeat: {max: 3, until: steps.answer.output is not None}
    steps:
      answer:
        wait: {signal: yes, timeout: 1h}
        on_timeout: continue
    on_max: continue
"""


def test_a_loop_says_how_far_it_has_come_and_a_step_in_it_how_often() -> None:
    definition = load(LOOPS.replace("yes", "agreed"), "loops.yaml")
    state, _ = machine.start(definition, UUID(int=1), "shop/x", {"items": ["a", "b", "c"]}, 0)

    def steps(*events: Event) -> dict[str, StepLook]:
        for event in events:
            machine.transition(definition, state, event)
        return dict(overlay(definition, state, status=machine.status(state), held=None, now=0).steps)

    assert steps() == {
        "pack_all": StepLook(StepState.RUNNING, "0 of 3 items"),
        "pack": StepLook(StepState.RUNNING, "all 2"),
    }
    assert steps(ActionSucceeded(1, Ref(1, (1,)), 1, None)) == {
        "pack_all": StepLook(StepState.RUNNING, "1 of 3 items"),
        "pack": StepLook(StepState.RUNNING, "2 of 3"),
    }
    asked = steps(ActionSucceeded(2, Ref(1, (0,)), 1, None), ActionSucceeded(3, Ref(1, (2,)), 1, None))
    assert asked["pack_all"] == StepLook(StepState.DONE, "3 of 3 items")
    assert asked["pack"] == StepLook(StepState.DONE, "all 3")
    assert asked["ask"] == StepLook(StepState.RUNNING, "round 1 of at most 3")
    assert asked["answer"].state is StepState.WAITING
    due = state.timers[Timer("wait", Ref(3, (0,)))]
    later = steps(TimerFired(due, Timer("wait", Ref(3, (0,)))))
    assert later["ask"] == StepLook(StepState.RUNNING, "round 2 of at most 3")
    assert later["answer"] == StepLook(StepState.WAITING, "1 of 2")
