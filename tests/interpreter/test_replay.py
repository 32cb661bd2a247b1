"""Promise 1: replaying any prefix of a journal gives the same state and the same next commands."""

from __future__ import annotations

import random
from pathlib import Path
from uuid import UUID

import pytest
from explorer import RUN, Explorer
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.interpreter import machine
from saga.interpreter.codec import MESSAGE_KINDS, SPELLINGS, decode, encode, event_of, request_data
from saga.interpreter.machine.commands import Command
from saga.interpreter.machine.events import (
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    CancelRequested,
    ChildEnded,
    Event,
    InboxEvent,
    Migrated,
    OperatorRequest,
    OutputRefused,
    PauseRequested,
    Ref,
    ResumeRequested,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
    TerminateRequested,
    Timer,
    TimerFired,
    UndoRequested,
)
from saga.interpreter.machine.state import State
from saga.interpreter.stored import InboxRow
from saga.schema.loader import load
from saga.schema.values import Value, dump
from saga.schema.values import load as parsed

SAGAS = Path(__file__).parents[2] / "sagas"
GIVEN = {
    "checkout": {"order_id": "o-1", "user_id": "u-1", "product_id": "p-1", "amount": 5},
    "order": {"order_id": "o-1", "user_id": "u-1", "items": ["i-1"], "amount": 5},
    "refund": {"order_id": "o-1", "transaction_id": "t-1", "amount": 5},
}
OUTPUTS = {"process_payment": [{"transaction_id": "t", "status": word} for word in ("pending_review", "settled")]}
PAYLOADS = {
    "payment_received": [{"amount": 5, "transaction_id": "t-1", "method": "card"}],
    "delivery_confirmed": [{"tracking": "x"}],
    "fraud_review_result": [{"approved": answer, "reason": ""} for answer in (True, False)],
}

EVENTS: list[Event] = [
    ActionSucceeded(5, Ref(1), 2, {"a": [1, None, "ü"]}),
    ActionSucceeded(5, Ref(1, (0, 2), 1), 2, "text", {"status": 201, "headers": {}}),
    ActionRejected(5, Ref(1), 2, "card_declined", "no"),
    ActionRejected(5, Ref(1, (), 0), 2, "card_declined"),
    ActionUnknown(5, Ref(1), 2, "http_500", "boom"),
    ActionPostponed(5, Ref(1), 2, 1_000_000),
    OutputRefused(5, Ref(1), 2, "too_large", "300 KiB"),
    AttemptsLost(5, ((Ref(1), 2), (Ref(0, (3,), 1), 1))),
    TimerFired(5, Timer("wait", Ref(4, (1,)))),
    SignalReceived(5, 3, "paid", {"amount": 1.5}, 4, "key"),
    SignalReceived(5, 3, "paid", {}, 4),
    CancelRequested(5, 3, "me", "why"),
    RetryRequested(5, 3, "me", "why"),
    RetryRequested(5, 3, "me", "why", step="charge"),
    StepSkipped(5, 3, "me", "why", step="charge"),
    StepResolved(5, 3, "me", "why", step="charge", how="ok", output={"a": 1}),
    StepResolved(5, 3, "me", "why", step="charge", how="rejected", code="declined"),
    PauseRequested(5, 3, "me", "why"),
    ResumeRequested(5, 3, "me", "why"),
    TerminateRequested(5, 3, "me", "why"),
    UndoRequested(5, 3, "me", "why"),
    Migrated(5, 1, 2, "1", "2+3f9a", "me", "why"),
    ChildEnded(5, 3, Ref(1, (0,)), "completed", "shipped", output={"a": 1}),
    ChildEnded(5, 3, Ref(1, (), 0), "compensated", "failed", "refused", "why", None, True),
    TaskAnswered(5, 3, Ref(1, (0, 2)), 2, "ok", {"a": 1}),
    TaskAnswered(5, 3, Ref(1), 2, "rejected", code="refused", message="no"),
    TaskAnswered(5, 3, Ref(1), 2, "postponed", delay=1_000_000),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_survives_the_journal(event: Event) -> None:
    assert decode(encode(UUID(int=1), 1, event)) == event


def test_every_kind_of_event_is_tried() -> None:
    assert {type(event) for event in EVENTS} == set(SPELLINGS)
    kinds = [spelling.kind for spelling in SPELLINGS.values()]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("event", [event for event in EVENTS if type(event) in MESSAGE_KINDS], ids=repr)
def test_every_message_survives_the_inbox(event: InboxEvent) -> None:
    if isinstance(event, SignalReceived):
        message = InboxRow(UUID(int=1), event.mseq, 0, event.name, event.key, dump(event.payload), event.sent_at)
    else:
        kind = MESSAGE_KINDS[type(event)]  # type: ignore[index]
        data = request_data(event) if isinstance(event, OperatorRequest) else load_told(event)
        message = InboxRow(UUID(int=1), event.mseq, kind, "", None, dump(data), 1)
    assert event_of(message, event.at) == event


def load_told(event: ChildEnded | TaskAnswered) -> Value:
    """What the sender writes into the inbox: the journal's data without the number that the inbox gives."""
    data = parsed(encode(UUID(int=1), 1, event).data)
    assert isinstance(data, dict)
    return {key: value for key, value in data.items() if key != "mseq"}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(GIVEN)), st.integers(0, 2**32))
def test_a_replay_of_any_prefix_agrees(name: str, seed: int) -> None:
    explorer = Explorer(load((SAGAS / f"{name}.yaml").read_text(), name), GIVEN[name], OUTPUTS, PAYLOADS)
    state, wanted, events = walk(explorer, random.Random(seed))
    again, last = machine.start(explorer.definition, RUN, f"{name}/x", GIVEN[name], 0)
    for number, event in enumerate(events, 1):
        last = machine.transition(explorer.definition, again, decode(encode(RUN, number, event)))
    assert again == state
    assert last == wanted
    assert state.copy() == state
    resumed = machine.resume(explorer.definition, again)
    wants = [command for command in resumed if type(command).__name__ == "RunAction"]
    assert len(wants) == state.in_flight


def walk(explorer: Explorer, dice: random.Random) -> tuple[State, list[Command], list[Event]]:
    """A random story, as long as it goes or 60 events. Few are cancelled or paused."""
    node = explorer.begin()
    events: list[Event] = []
    for _ in range(60):
        possible = list(explorer.alphabet(node))
        if not possible:
            break
        usual = [event for event in possible if not isinstance(event, CancelRequested | PauseRequested)]
        events.append(dice.choice(usual if usual and dice.random() < 0.9 else possible))
        node = explorer.follow(node, events[-1])
    return node.state, node.wanted, events


def test_an_answer_that_was_never_asked_for_raises() -> None:
    definition = load((SAGAS / "refund.yaml").read_text(), "refund")
    state, _ = machine.start(definition, RUN, "refund/x", GIVEN["refund"], 0)
    with pytest.raises(machine.Unanswerable):
        machine.transition(definition, state, ActionSucceeded(1, Ref(0), 2, None))
    with pytest.raises(machine.Unanswerable):
        machine.transition(definition, state, ActionSucceeded(1, Ref(1), 1, None))
