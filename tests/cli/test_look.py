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
