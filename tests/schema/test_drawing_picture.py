"""The picture as data: what is drawn of a definition, of a run, and of a rollback."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drawing_sagas import action_step, call, definition, example, last_step, sql, timed_out, trip, undo, wait_step

from saga.schema.definition import Definition, Undo, UndoKind, Verb
from saga.schema.drawing import Overlay, StepLook, StepState, render
from saga.schema.drawing.picture import make_picture
from saga.schema.drawing.shapes import Box, BoxKind, EdgeKind, Picture
from saga.schema.expressions import compile_expression, compile_template
from saga.schema.loader import load


def box(picture: Picture, step: str) -> Box:
    return next(box for box in (*picture.boxes, *picture.final) if box.step == step)


def titles(picture: Picture) -> dict[str, str]:
    lane = [undo.box for undo in picture.undos] + ([picture.rolled_back] if picture.rolled_back else [])
    return {box.id: box.title for box in (*picture.boxes, *lane, *picture.final)}


def edges(picture: Picture) -> set[tuple[str, str, str, str]]:
    names = titles(picture)
    return {(names[e.source], names[e.target], e.kind.value, e.label) for e in picture.edges}


def texts(box: Box) -> list[str]:
    return [line.text for line in box.lines]


def numbers(picture: Picture) -> dict[str, int | None]:
    return {undo.box.step: undo.box.number for undo in picture.undos if undo.box.number is not None}


def chain(picture: Picture) -> list[tuple[str, str]]:
    names = titles(picture)
    return [(names[lower], names[upper]) for lower, upper in picture.chain]


def test_checkout_forward() -> None:
    picture = make_picture(example("checkout"))
    assert edges(picture) == {
        ("start", "reserve_inventory", "flow", ""),
        ("reserve_inventory", "await_payment", "flow", ""),
        ("await_payment", "timeout", "timeout", "after 30m"),
        ("await_payment", "charge_payment", "flow", ""),
        ("charge_payment", "confirm_inventory", "flow", ""),
        ("confirm_inventory", "notify_warehouse", "flow", ""),
        ("notify_warehouse", "send_confirm_email", "flow", ""),
        ("send_confirm_email", "await_delivery", "flow", ""),
        ("await_delivery", "alert_ops", "timeout", "after 30d"),
        ("alert_ops", "paid", "flow", ""),
        ("await_delivery", "send_review_request", "flow", ""),
        ("send_review_request", "delivered", "flow", ""),
    }
    assert texts(box(picture, "await_payment")) == ["wait payment_received · 30m"]
    assert texts(box(picture, "charge_payment")) == ["call payment.charge", "status: paid"]
    assert box(picture, "charge_payment").badges == ("pivot",)
    assert box(picture, "send_confirm_email").optional
    assert box(picture, "finish").kind is BoxKind.END
    assert texts(box(picture, "finish")) == ["end · finish"]
    assert [texts(final) for final in picture.final] == [["call notify.timeout_email", 'when outcome == "timeout"']]
    assert picture.notes == ("Each action: 3 tries, 30s each, unless said.",)


def test_checkout_undo() -> None:
    picture = make_picture(example("checkout"))
    assert [(undo.box.step, undo.box.title) for undo in picture.undos] == [
        ("reserve_inventory", "call inventory.release"),
        ("await_payment", "call payment.refund"),
    ]
    assert chain(picture) == [
        ("call payment.refund", "call inventory.release"),
        ("call inventory.release", "compensated"),
    ]
    assert picture.pivots == (box(picture, "charge_payment").id,)
    assert box(picture, "confirm_inventory").id in picture.after_pivot
    assert box(picture, "await_payment").id not in picture.after_pivot


def test_what_the_failure_of_a_pivot_leads_to_is_not_past_it() -> None:
    picture = make_picture(example("bundle"))
    past = {each.title: each.id in picture.after_pivot for each in picture.boxes}
    assert (past["deliver"], past["sold_out"], past["delivered"]) == (False, False, True)
    drawn = str(render(example("bundle"), "terminal"))
    assert drawn.index("sold_out") < drawn.index("point of no return") < drawn.index("delivered")


def test_order_condition_and_fail_when() -> None:
    picture = make_picture(example("order"))
    condition = "steps.process_payment.output.status"
    assert {
        ("process_payment", condition, "flow", ""),
        (condition, "fraud_review", "yes", "yes"),
        (condition, "create_shipment", "skip", "no"),
        ("fraud_review", "create_shipment", "flow", ""),
        ("fraud_review", "fraud_review_rejected", "failure", "if not output.approved"),
        ("fraud_review", "fraud_review_timeout", "timeout", "after 72h"),
    } <= edges(picture)
    assert texts(box(picture, "create_shipment")) == ["http POST /shipments", "cannot be undone"]
    assert texts(box(picture, "mark_shipped")) == ["sql UPDATE orders …"]
    assert texts(box(picture, "process_payment")) == ["call payment.process", "no retry on card_declined"]
    assert "3 tries, 1m each" in texts(box(picture, "send_confirmation"))


def test_a_body_that_goes_on_comes_back_to_the_main_line() -> None:
    picture = make_picture(trip())
    assert {
        ("approval", "remind", "timeout", "after 24h"),
        ("remind", "issue_tickets", "rejoin", ""),
        ("approval", "issue_tickets", "flow", ""),
        ("quote", "book_hotel", "flow", ""),
        ("mark_sold", "completed", "flow", ""),
        ("input.mail_wanted", "completed", "skip", "no"),
    } <= edges(picture)


def test_a_wait_that_just_goes_on_says_so_on_its_edge() -> None:
    picture = make_picture(
        definition("short", wait_step(0, "pause", "go", "5m"), action_step(1, "act", call("a.b"), 0))
    )
    assert ("pause", "act", "flow", "or after 5m") in edges(picture)


def test_a_last_wait_leads_to_the_end_and_to_its_body() -> None:
    steps = (
        wait_step(0, "ask", "answer", "1h"),
        last_step(1, "ask.on_timeout", Verb.FAIL, "late", 0, **timed_out(0, "ask")),
    )
    assert edges(make_picture(definition("short", *steps))) == {
        ("start", "ask", "flow", ""),
        ("ask", "late", "timeout", "after 1h"),
        ("ask", "completed", "flow", ""),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("UPDATE orders SET a = 1", "sql UPDATE orders …"),
        ("INSERT INTO orders (a) VALUES (1)", "sql INSERT INTO orders …"),
        ("delete from orders where id = 1", "sql delete from orders …"),
        ("SELECT a, b\nFROM orders WHERE c", "sql SELECT … FROM orders"),
        ("CALL tidy()", "sql CALL tidy()"),
    ],
)
def test_sql_in_words(text: str, words: str) -> None:
    picture = make_picture(definition("short", action_step(0, "act", sql(text))))
    assert texts(box(picture, "act"))[0] == words


def test_texts_of_the_author_stay_on_one_line_and_have_an_end() -> None:
    long = "input.a == 1 and " * 30 + "input.b"
    step = action_step(0, "act", call("x" * 80), when=compile_expression(long))
    picture = make_picture(replace(definition("short", step), description="two\nlines \x1b[31m and\ta tab"))
    assert picture.description == "two lines ?[31m and a tab"
    assert texts(box(picture, "act"))[0].endswith("x…")
    condition = next(box for box in picture.boxes if box.kind is BoxKind.CHOICE)
    assert len(condition.lines) == 2
    assert condition.lines[-1].text.endswith("…")


def test_failure_before_the_pivot_numbers_the_undos() -> None:
    picture = make_picture(example("order"), failure="create_shipment")
    assert numbers(picture) == {"process_payment": 1, "reserve_inventory": 2}
    assert box(picture, "process_payment").status.words == "↩ undone, number 1"  # type: ignore[union-attr]
    assert box(picture, "fraud_check").status.words == "✓ nothing to undo"  # type: ignore[union-attr]
    assert box(picture, "create_shipment").status.words == "✗ fails here"  # type: ignore[union-attr]
    assert box(picture, "mark_shipped").faint
    assert chain(picture) == [
        ("call payment.refund", "call inventory.release"),
        ("call inventory.release", "compensated"),
    ]
    assert picture.remarks == (
        "if the outcome of create_shipment is unknown there is no way back: it is retried, then stuck",
    )


def test_the_failing_steps_own_undo_is_dashed_and_first() -> None:
    picture = make_picture(example("order"), failure="process_payment")
    own = next(undo.box for undo in picture.undos if undo.box.step == "process_payment")
    assert own.dashed
    assert own.number is None
    assert texts(own) == ["first, if unknown"]
    assert numbers(picture) == {"reserve_inventory": 1}
    assert chain(picture)[0] == ("call payment.refund", "call inventory.release")


def test_a_wait_that_times_out_took_no_signal_and_has_nothing_to_undo() -> None:
    picture = make_picture(example("checkout"), failure="await_payment")
    assert numbers(picture) == {"reserve_inventory": 1}
    assert picture.headline is not None
    assert picture.headline.text == "if await_payment times out"
    assert picture.rolled_back is not None
    assert texts(picture.rolled_back) == ["outcome: timeout"]
    assert box(picture, "await_payment").status.words == "◷ timed out"  # type: ignore[union-attr]
    assert make_picture(example("checkout"), failure="await_payment.on_timeout") == picture


def test_a_wait_that_takes_the_wrong_answer() -> None:
    picture = make_picture(example("order"), failure="fraud_review")
    assert numbers(picture) == {"process_payment": 1, "reserve_inventory": 2}
    assert picture.rolled_back is not None
    assert texts(picture.rolled_back) == ["outcome: fraud_review_rejected"]
    loud = [box.title for box in picture.boxes if box.kind is BoxKind.FAIL and not box.faint]
    assert loud == ["fraud_review_rejected"]


@pytest.mark.parametrize(
    ("saga", "step", "remark"),
    [
        (
            "order",
            "mark_shipped",
            "no way back: create_shipment is the point of no return; mark_shipped is retried, then the run is stuck",
        ),
        ("order", "send_confirmation", "send_confirmation is optional: the run goes on, whatever comes of it"),
        ("order", "finish", "an end cannot fail"),
        ("checkout", "await_delivery", "await_delivery cannot fail: when its time is up the run goes on as drawn"),
        (
            "checkout",
            "send_timeout_email",
            "a failure of send_timeout_email is recorded; it changes neither status nor outcome",
        ),
    ],
)
def test_failures_that_undo_nothing(saga: str, step: str, remark: str) -> None:
    picture = make_picture(example(saga), failure=step)
    assert picture.remarks == (remark,)
    assert not numbers(picture)
    assert not picture.chain
    assert picture.rolled_back is None


def test_after_the_pivot_the_step_is_retried_then_stuck() -> None:
    picture = make_picture(example("order"), failure="mark_shipped")
    assert box(picture, "mark_shipped").status.words == "⚠ retried, then stuck"  # type: ignore[union-attr]
    assert box(picture, "process_payment").status.words == "✓ stays as it is"  # type: ignore[union-attr]
    assert box(picture, "send_confirmation").faint


def test_side_by_side_steps_are_undone_newest_start_first() -> None:
    picture = make_picture(trip(), failure="issue_tickets")
    assert numbers(picture) == {"insure_car": 1, "hold_car": 2, "book_hotel": 3, "book_flight": 4}
    insured = next(undo.box for undo in picture.undos if undo.box.step == "insure_car")
    assert insured.dashed
    assert texts(insured)[-1] == "if it ran"
    started = make_picture(trip(), failure="insure_car")
    assert numbers(started) == {"hold_car": 1, "book_hotel": 2, "book_flight": 3}
    flight = next(undo.box for undo in started.undos if undo.box.step == "book_flight")
    assert flight.dashed


def test_order_graph_undoes_side_by_side() -> None:
    picture = make_picture(trip("graph"), failure="issue_tickets")
    assert numbers(picture) == {"insure_car": 1, "hold_car": 2, "book_hotel": 1, "book_flight": 1}
    assert ("call hotel.cancel", "compensated") in chain(picture)
    assert ("call cars.release", "compensated") in chain(picture)
    assert "side by side" in picture.remarks[-1]


def test_on_failure_hold_stops_the_run_there() -> None:
    saga = definition("short", action_step(0, "act", call("a.b"), undo=undo(call("a.c")), hold_on_failure=True))
    picture = make_picture(saga, failure="act")
    assert picture.remarks == ("on_failure: hold: nothing is undone, the run is stuck at act",)
    assert picture.rolled_back is None


def test_an_unknown_failing_step_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r'^checkout has no step "charge_paymnt": did you mean "charge_payment"\?$'):
        make_picture(example("checkout"), failure="charge_paymnt")
    with pytest.raises(ValueError, match=r'^refund has no step "zzz": its steps are refund_payment, '):
        make_picture(example("refund"), failure="zzz")


def overlay(status: str, outcome: str | None = None, **steps: StepState | StepLook) -> Overlay:
    looks = {name: look if isinstance(look, StepLook) else StepLook(look) for name, look in steps.items()}
    return Overlay(status, outcome, looks)


def loud_edges(picture: Picture) -> set[tuple[str, str]]:
    names = titles(picture)
    return {(names[e.source], names[e.target]) for e in picture.edges if not e.faint}


def test_a_running_saga() -> None:
    run = overlay(
        "waiting",
        reserve_inventory=StepState.DONE,
        await_payment=StepLook(StepState.WAITING, "28m left"),
    )
    picture = make_picture(example("checkout"), run)
    assert picture.headline is not None
    assert picture.headline.words == "◷ waiting"
    assert box(picture, "await_payment").status.words == "◷ waiting · 28m left"  # type: ignore[union-attr]
    assert box(picture, "charge_payment").status.words == "○ not reached"  # type: ignore[union-attr]
    assert box(picture, "charge_payment").faint
    assert loud_edges(picture) == {("start", "reserve_inventory"), ("reserve_inventory", "await_payment")}
    assert all(undo.box.faint for undo in picture.undos)


def test_a_skipped_step_is_passed_by() -> None:
    run = overlay(
        "completed",
        "completed",
        reserve_inventory=StepState.DONE,
        fraud_check=StepState.DONE,
        process_payment=StepState.DONE,
        fraud_review=StepState.SKIPPED,
        create_shipment=StepState.DONE,
        mark_shipped=StepState.DONE,
        send_confirmation=StepState.FAILED,
        finish=StepState.DONE,
        **{"fraud_review.on_timeout": StepState.SKIPPED},
    )
    picture = make_picture(example("order"), run)
    condition = "steps.process_payment.output.status"
    assert (condition, "create_shipment") in loud_edges(picture)
    assert (condition, "fraud_review") not in loud_edges(picture)
    assert ("fraud_review", "create_shipment") not in loud_edges(picture)
    assert box(picture, "fraud_review.on_timeout").status.words == "○ not reached"  # type: ignore[union-attr]
    assert box(picture, "fraud_review").status.words == "» skipped"  # type: ignore[union-attr]


def test_a_run_that_timed_out_and_was_undone() -> None:
    run = overlay(
        "compensated",
        "timeout",
        reserve_inventory=StepState.UNDONE,
        await_payment=StepState.TIMED_OUT,
        send_timeout_email=StepState.DONE,
        **{"await_payment.on_timeout": StepState.DONE},
    )
    picture = make_picture(example("checkout"), run)
    assert loud_edges(picture) == {
        ("start", "reserve_inventory"),
        ("reserve_inventory", "await_payment"),
        ("await_payment", "timeout"),
    }
    release, refund = (undo.box for undo in picture.undos)
    assert release.status is not None
    assert release.status.words == "✓ done"
    assert refund.faint
    assert picture.rolled_back is not None
    assert not picture.rolled_back.faint
    assert picture.headline is not None
    assert picture.headline.words == "↩ compensated · timeout"


def test_a_body_that_went_on() -> None:
    done = dict.fromkeys(("quote", "book_flight", "book_hotel", "hold_car", "insure_car", "remind"), StepState.DONE)
    picture = make_picture(
        trip(), overlay("running", approval=StepState.TIMED_OUT, issue_tickets=StepState.RUNNING, **done)
    )
    assert ("remind", "issue_tickets") in loud_edges(picture)
    assert ("approval", "issue_tickets") not in loud_edges(picture)


def test_an_undo_that_failed() -> None:
    picture = make_picture(example("order"), overlay("stuck", process_payment=StepState.UNDO_FAILED))
    refund = picture.undos[1].box
    assert refund.status is not None
    assert refund.status.words == "⚠ failed"
    assert box(picture, "process_payment").status.words == "⚠ undo failed"  # type: ignore[union-attr]


def test_a_fail_when_outcome_is_reached() -> None:
    run = overlay("compensated", "fraud_review_rejected", fraud_review=StepState.FAILED)
    assert ("fraud_review", "fraud_review_rejected") in loud_edges(make_picture(example("order"), run))


def test_a_run_of_other_steps_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the run has steps that order does not have: gone$"):
        make_picture(example("order"), overlay("running", gone=StepState.DONE))


def test_a_run_and_a_failure_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        make_picture(example("order"), overlay("running"), failure="finish")


def test_ids_are_unique_and_no_words_of_a_format() -> None:
    saga = definition(
        "graph", action_step(0, "end", call("a.b"), undo=undo(call("a.c"))), action_step(1, "style", call("a.b"), 0)
    )
    ids = list(titles(make_picture(saga)))
    assert len(ids) == len(set(ids))
    assert not {"end", "graph", "style", "node", "edge", "subgraph", "call", "class", "default"} & set(ids)


def test_an_impossible_undo_is_said_on_the_pivot_only() -> None:
    pivot = action_step(0, "act", call("a.b"), pivot=True, undo=Undo(UndoKind.IMPOSSIBLE))
    picture = make_picture(definition("short", pivot))
    assert "cannot be undone" in texts(box(picture, "act"))
    assert not picture.undos
    assert picture.rolled_back is None


def test_waits_for_time_and_without_limit() -> None:
    def words(**change: object) -> str:
        step = wait_step(0, "pause", "go", "5m")
        assert step.wait is not None
        changed = replace(step, wait=replace(step.wait, **change))  # type: ignore[arg-type]
        return texts(box(make_picture(definition("short", changed)), "pause"))[0]

    assert words(timeout=None) == "wait go · no time limit"
    assert words(signal=None, timeout=None, duration=compile_template("90m")) == "wait 90m"
    assert (
        words(signal=None, timeout=None, until=compile_template("${{ input.ship_at }}")) == "wait until input.ship_at"
    )


def test_every_example_can_fail_at_every_step() -> None:
    for name in ("checkout", "order", "refund"):
        saga: Definition = example(name)
        for step in (*saga.steps, *saga.final_steps):
            picture = make_picture(saga, failure=step.name)
            found = sorted(numbers(picture).values(), key=str)
            assert found == list(range(1, len(found) + 1))
            assert EdgeKind.FLOW in {edge.kind for edge in picture.edges}


@pytest.mark.parametrize(
    ("order", "words"), [("reverse", "its steps, newest start first"), ("graph", "its steps, mirrored")]
)
def test_the_undo_of_a_block_shows_what_became_of_its_steps(order: str, words: str) -> None:
    text = (
        f"saga: v1\nname: whole\nversion: 1\ninput: {{}}\ncompensation: {{order: {order}}}\nsteps:\n"
        "  both: {steps: {one: {call: a.one, compensate: {call: a.undo}}}}\n"
        "  last: {call: a.last, compensate: none}\n"
    )
    saga = load(text, "whole.yaml")

    def of_both(status: str, one: StepState) -> Box:
        run = overlay(status, "failed", both=StepState.DONE, one=one, last=StepState.FAILED)
        (found,) = (each.box for each in make_picture(saga, run).undos)
        return found

    done = of_both("compensated", StepState.UNDONE)
    assert [line.text for line in done.lines] == [words]
    assert (done.faint, done.status.words if done.status else "") == (False, "✓ done")
    stuck = of_both("stuck", StepState.UNDO_FAILED)
    assert stuck.status is not None
    assert stuck.status.state is StepState.UNDO_FAILED
    assert of_both("waiting", StepState.UNDONE).faint
