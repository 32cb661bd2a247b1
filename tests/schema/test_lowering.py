"""What files compile to: the flat list of steps, and every default filled in."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from saga_files import EVERYTHING, ROOT

from saga.schema.definition import Definition, Guard, Retry, UndoKind, Verb
from saga.schema.loader import load

SECOND = 1_000_000
MINUTE = 60 * SECOND


def saga(name: str) -> Definition:
    return load((ROOT / f"sagas/{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def everything() -> Definition:
    return load(EVERYTHING.read_text(encoding="utf-8"), EVERYTHING.name)


def timed_out(step: int) -> tuple[Guard, ...]:
    return (Guard(step, "on_timeout"),)


def test_the_steps_of_checkout_in_a_row() -> None:
    assert [(step.name, step.verb.value, step.needs) for step in saga("checkout").steps] == [
        ("reserve_inventory", "call", ()),
        ("await_payment", "wait", (0,)),
        ("await_payment.on_timeout", "fail", (1,)),
        ("charge_payment", "call", (1, 2)),
        ("confirm_inventory", "call", (3,)),
        ("notify_warehouse", "call", (4,)),
        ("send_confirm_email", "call", (5,)),
        ("await_delivery", "wait", (6,)),
        ("alert_ops", "call", (7,)),
        ("await_delivery.on_timeout", "end", (8,)),
        ("send_review_request", "call", (7, 9)),
        ("finish", "end", (10,)),
    ]


def test_bodies_are_guarded_by_their_wait() -> None:
    checkout = saga("checkout")
    guarded = {step.name: (step.guards, step.path) for step in checkout.steps if step.guards}
    assert guarded == {
        "await_payment.on_timeout": (timed_out(1), ("await_payment.on_timeout",)),
        "alert_ops": (timed_out(7), ("await_delivery.on_timeout",)),
        "await_delivery.on_timeout": (timed_out(7), ("await_delivery.on_timeout",)),
    }
    assert [step.outcome for step in checkout.steps if step.outcome] == ["timeout", "paid", "delivered"]
    assert [step.name for step in checkout.steps if step.can_time_out] == ["await_payment", "await_delivery"]


def test_bodies_inside_bodies() -> None:
    steps = {step.name: step for step in everything().steps}
    wait, inner = steps["await_payment"].index, steps["await_longer"].index
    outer_path = ("await_payment.on_timeout",)
    inner_path = (*outer_path, "await_longer.on_timeout")
    assert [
        (name, steps[name].needs, steps[name].guards, steps[name].path)
        for name in ("remind", "await_longer", "last_words", "await_longer.on_timeout", "thank", "await_nudge")
    ] == [
        ("remind", (wait,), timed_out(wait), outer_path),
        ("await_longer", (wait + 1,), timed_out(wait), outer_path),
        ("last_words", (inner,), timed_out(inner), inner_path),
        ("await_longer.on_timeout", (inner + 1,), timed_out(inner), inner_path),
        ("thank", (inner, inner + 2), timed_out(wait), outer_path),
        ("await_nudge", (wait, inner + 3), (), ()),
    ]
    assert steps["await_nudge"].can_time_out
    assert not steps["await_delivery"].can_time_out


def test_places_are_those_of_the_names() -> None:
    checkout = saga("checkout")
    lines = checkout.text.split("\n")
    for step in (*checkout.steps, *checkout.final_steps):
        word = step.verb.value if step.name.endswith(".on_timeout") else step.name
        assert lines[step.place.line - 1][step.place.column - 1 :].startswith(f"{word}:")


def test_final_steps_are_numbered_behind_the_others() -> None:
    checkout = saga("checkout")
    (email,) = checkout.final_steps
    assert email.index == len(checkout.steps)
    assert checkout.node(email.index) is email
    assert email.when is not None
    assert email.when.holds({"outcome": "timeout"})
    assert not email.when.holds({"outcome": "delivered"})


def test_arguments_of_a_list_have_the_last_names() -> None:
    charge = saga("checkout").step("charge_payment")
    assert charge is not None
    assert charge.action is not None
    assert charge.action.function == "payment.charge"
    scope: dict[str, object] = {
        "input": {"order_id": "o-1"},
        "steps": {"await_payment": {"output": {"amount": 9.5, "transaction_id": "t"}}},
    }
    assert charge.action.arguments.evaluate(scope) == {"order_id": "o-1", "amount": 9.5, "transaction_id": "t"}


def test_retry_is_merged_key_by_key() -> None:
    order = saga("order")
    payment, shipment = order.step("process_payment"), order.step("create_shipment")
    assert payment is not None
    assert shipment is not None
    assert payment.retry == Retry(excepted=frozenset({"card_declined"}))
    assert shipment.retry == Retry(attempts=3, first_delay=SECOND, factor=2.0, max_delay=MINUTE, jitter="full")
    reserve = everything().step("reserve")
    assert reserve is not None
    assert reserve.retry == Retry(
        attempts=4,
        first_delay=SECOND // 2,
        factor=1.5,
        max_delay=2 * MINUTE,
        jitter="none",
        give_up_after=60 * MINUTE,
        excepted=frozenset({"sold_out"}),
        also=frozenset({"busy", "http_409"}),
    )


def test_attempt_timeout_is_the_step_s_or_the_default() -> None:
    order = saga("order")
    timeouts = {step.name: step.action.attempt_timeout for step in order.steps if step.action}
    assert timeouts["send_confirmation"] == MINUTE
    assert set(timeouts.values()) == {10 * SECOND, MINUTE}


def test_undo_inherits_the_attempt_timeout_but_not_the_retry() -> None:
    definition = everything()
    reserve, carrier, note = (definition.step(name) for name in ("reserve", "hold_carrier", "note"))
    assert reserve is not None
    assert carrier is not None
    assert note is not None
    (release,) = reserve.undo.actions
    assert release.action.attempt_timeout == 5 * SECOND
    assert release.retry is not None
    assert release.retry.attempts is None
    assert release.retry.first_delay == 2 * SECOND
    assert release.done_on == {"http_404", "already_released"}
    assert reserve.undo.go_on_after_failure
    assert reserve.undo.when is not None
    labels = [(undo.label, undo.action.verb.value, undo.retry is None) for undo in carrier.undo.actions]
    assert labels == [("free_slot", "http", True), ("log_slot", "sql", False), ("tell_carrier", "call", True)]
    assert {undo.action.attempt_timeout for undo in (*carrier.undo.actions, *note.undo.actions)} == {20 * SECOND}


def test_what_stands_in_compensate() -> None:
    kinds = {step.name: step.undo.kind for step in saga("order").steps}
    assert kinds["reserve_inventory"] is UndoKind.ACTIONS
    assert kinds["fraud_check"] is UndoKind.NONE
    assert kinds["create_shipment"] is UndoKind.IMPOSSIBLE
    assert kinds["mark_shipped"] is UndoKind.NONE


def test_the_built_in_rules_of_compensation_are_those_that_order_shows() -> None:
    shown, built_in = saga("order").compensation, saga("checkout").compensation
    assert shown == built_in
    assert shown.retry == Retry(attempts=None, first_delay=SECOND, factor=2.0, max_delay=10 * MINUTE, jitter="full")
    assert (shown.order, shown.stuck_after) == ("reverse", 60 * MINUTE)


def test_requests_statements_and_waits() -> None:
    order = saga("order")
    ship, mark, review = (order.step(name) for name in ("create_shipment", "mark_shipped", "fraud_review"))
    assert ship is not None
    assert ship.action is not None
    assert ship.action.request is not None
    assert (ship.action.request.method, ship.action.request.bearer) == ("POST", "SHIPPING_TOKEN")
    assert ship.action.request.address.evaluate({"env": {"SHIPPING_URL": "https://s"}}) == "https://s/shipments"
    assert ship.pivot
    assert mark is not None
    assert mark.action is not None
    assert mark.action.statement is not None
    assert mark.action.statement.text == "UPDATE orders SET status = 'shipped' WHERE id = :order_id"
    assert review is not None
    assert review.wait is not None
    assert review.wait.signal == "fraud_review_result"
    assert review.wait.timeout is not None
    assert review.wait.timeout.evaluate({}) == "72h"
    assert [(line.code, line.condition.source) for line in review.fail_when] == [
        ("fraud_review_rejected", "not output.approved")
    ]


def test_waits_for_time() -> None:
    definition = everything()
    pause, morning, delivery = (definition.step(name) for name in ("pause", "until_morning", "await_delivery"))
    assert pause is not None
    assert pause.wait is not None
    assert pause.wait.duration is not None
    assert pause.wait.duration.evaluate({"input": {"wait": "10m"}}) == "10m"
    assert morning is not None
    assert morning.wait is not None
    assert morning.wait.until is not None
    assert morning.wait.until.evaluate({}) == "2030-01-31T09:00:00Z"
    assert delivery is not None
    assert delivery.wait is not None
    assert delivery.wait.timeout is None


def test_header() -> None:
    definition = everything()
    assert definition.digest == sha256(definition.text.encode()).digest()
    assert definition.id is not None
    assert definition.id.evaluate({"input": {"order_id": "o-1"}}) == "order-o-1"
    assert (definition.version, definition.id_reuse) == (12, "after_undone")
    assert definition.deadline == 30 * 24 * 60 * MINUTE
    assert definition.labels["customer"].evaluate({"input": {"customer": {"name": "Ada"}}}) == "Ada"
    assert definition.compensation.order == "graph"
    assert definition.compensation.stuck_after == 120 * MINUTE
    assert [webhook.name for webhook in definition.webhooks] == ["payment", "order"]
    assert definition.webhooks[0].source["signal"] == "paid"


def test_functions_of_checkout() -> None:
    assert saga("checkout").functions() == {
        "inventory.confirm",
        "inventory.release",
        "inventory.reserve",
        "notify.confirm_email",
        "notify.review_request",
        "notify.timeout_email",
        "ops.alert",
        "payment.charge",
        "payment.refund",
        "warehouse.notify",
    }


def test_flags() -> None:
    definition = everything()
    assert [step.name for step in definition.steps if step.optional] == ["change"]
    assert [step.name for step in definition.steps if step.hold_on_failure] == ["look"]
    assert [step.name for step in definition.steps if step.pivot] == ["ship"]
    assert {step.name: step.status for step in definition.steps if step.status} == {"reserve": "reserved"}


def test_output_schema_is_a_check() -> None:
    reserve = everything().step("reserve")
    assert reserve is not None
    assert reserve.output_check is not None
    assert reserve.output_check({"reservation": 1}) is None
    assert reserve.output_check([]) == "output must be a map, not a list"
    assert reserve.output_check({}) == 'output lacks "reservation"'


@pytest.mark.parametrize("name", ["checkout", "order", "refund"])
def test_schemas_for_forms_are_plain_json(name: str) -> None:
    definition = saga(name)
    schemas = [definition.input.schema, *(signal.schema for signal in definition.signals.values())]
    for schema in schemas:
        assert schema["type"] == "object"
        assert json.loads(json.dumps(schema)) == schema


def test_ends_are_steps_of_their_own() -> None:
    ends = [(step.name, step.verb, step.outcome) for step in saga("order").steps if step.outcome]
    assert ends == [("fraud_review.on_timeout", Verb.FAIL, "fraud_review_timeout"), ("finish", Verb.END, "completed")]


def blocks() -> Definition:
    path = ROOT / "tests/schema/right/blocks.yaml"
    return load(path.read_text(encoding="utf-8"), path.name)


def test_members_stand_behind_their_container_and_bodies_behind_those() -> None:
    definition = blocks()
    names = {step.index: step.name for step in definition.steps}
    inside = {
        names.get(parent, ""): [names[member] for member in members] for parent, members in definition.members.items()
    }
    assert inside["prepare"] == ["look_up", "total"]
    assert inside["side_by_side"] == ["pick_each", "first", "second", "third"]
    assert inside["pick_each"] == ["pick", "weigh"]
    assert inside["ask"] == ["remind", "answer"]
    assert inside["decide"] == ["hurry", "ask", "ask.on_max"]
    assert "guess" in inside[""]
    for parent, members in definition.members.items():
        if parent >= 0:
            assert parent < min(members)
            assert max(members) < definition.ends[parent]
    assert [names[loop] for loop in definition.loops[definition.indices["pick"]]] == ["pick_each"]


def test_needs_join_siblings_and_the_bodies_behind_them() -> None:
    steps = {step.name: step for step in blocks().steps}

    def needs(name: str) -> list[str]:
        return [step.name for step in steps.values() if step.index in steps[name].needs]

    assert needs("third") == ["first", "second"]
    assert needs("look_up") == []
    assert needs("guess") == ["prepare"]
    assert needs("side_by_side") == ["prepare", "prepare.on_timeout", "guess"]
    assert needs("ask.on_max") == ["ask"]
    assert needs("await_payment.case.late") == ["chase"]
    for step in steps.values():
        assert all(other.parent == step.parent for other in steps.values() if other.index in step.needs)


def test_ways_guard_the_bodies() -> None:
    steps = {step.name: step for step in blocks().steps}
    prepare, decide, ask = (steps[name].index for name in ("prepare", "decide", "ask"))
    guards = {name: step.guards for name, step in steps.items()}
    assert guards["prepare.on_timeout"] == (Guard(prepare, "on_timeout"),)
    assert guards["guess"] == (Guard(prepare, "catch.not_found"),)
    assert guards["hurry"] == (Guard(decide, "case.quick"),)
    assert guards["ask"] == (Guard(decide, "case.else"),)
    assert guards["ask.on_max"] == (Guard(ask, "on_max"),)
    assert guards["remind"] == ()
    assert steps["remind"].path == ("decide.case.else", "ask")
    assert steps["tell"].path == ("side_by_side.catch.damaged",)


def test_what_blocks_say() -> None:
    steps = {step.name: step for step in blocks().steps}
    pick_each, ask, decide, prepare = (steps[name].block for name in ("pick_each", "ask", "decide", "prepare"))
    assert pick_each is not None
    assert pick_each.loop is not None
    assert (pick_each.loop.variable, pick_each.loop.at_once, pick_each.loop.max.evaluate({})) == ("box", 3, 100)
    assert pick_each.last == steps["weigh"].index
    assert ask is not None
    assert ask.loop is not None
    assert ask.loop.until is not None
    assert ask.loop.until.source == "steps.answer.output is not None"
    assert ask.loop.delay is not None
    assert ask.loop.delay.evaluate({}) == "1m"
    assert decide is not None
    assert [(branch.name, branch.last) for branch in decide.branches] == [
        ("quick", steps["hurry"].index),
        ("bargain", None),
        ("else", steps["ask"].index),
    ]
    assert prepare is not None
    assert prepare.timeout is not None
    assert [(catch.code, catch.undo) for catch in steps["side_by_side"].catches] == [("damaged", True)]
    assert [step.name for step in steps.values() if step.can_time_out] == [
        "prepare",
        "answer",
        "await_payment",
        "ready",
    ]


def test_children_messages_tasks_and_races() -> None:
    definition = blocks()
    steps = {step.name: step for step in definition.steps}
    invoice, hurry, chase = steps["invoice"], steps["hurry"], steps["chase"]
    assert invoice.child is not None
    assert (invoice.child.saga, invoice.undo.kind) == ("invoicing", UndoKind.CHILD)
    assert hurry.message is not None
    assert hurry.message.target is not None
    assert (hurry.verb, hurry.message.name) == (Verb.SIGNAL, "hurry")
    assert hurry.message.target.evaluate({"input": {"order_id": "o"}}) == "couriers/o"
    assert chase.message is not None
    assert (chase.verb, chase.message.name) == (Verb.START, "chasing")
    pick, look_up = steps["pick"].action, steps["look_up"].action
    assert pick is not None
    assert (pick.verb, pick.function, pick.heartbeat, pick.remote) == (Verb.TASK, "warehouse.pick", 30 * SECOND, True)
    assert look_up is not None
    assert (look_up.queue, look_up.limit, look_up.remote) == ("readers", 5, True)
    assert steps["look_up"].at_most_once
    race, both = steps["await_payment"].wait, steps["ready"].wait
    assert race is not None
    assert [(branch.name, branch.signal) for branch in race.branches] == [
        ("paid", "paid"),
        ("late", None),
        ("night", None),
    ]
    assert both is not None
    assert (both.every, both.signals) == (True, ("packed", "loaded"))
    assert [step.verb for step in definition.final_steps] == [Verb.SET, Verb.EMIT, Verb.SIGNAL]
    assert (definition.queue, definition.limit) == ("warehouse", 50)
    assert definition.schedule is not None
    assert definition.schedule.cron == "0 6 * * *"
    assert set(definition.invariants) == {"paid_or_given_back", "ask_first"}
