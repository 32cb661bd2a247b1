"""Definitions the drawing tests share: sagas no example file has, built by hand, and the example files."""

from __future__ import annotations

from pathlib import Path

from saga.schema.definition import (
    Action,
    Compensation,
    Definition,
    FailWhen,
    Guard,
    HttpRequest,
    Input,
    Place,
    SqlStatement,
    Step,
    Undo,
    UndoAction,
    UndoKind,
    Verb,
    Wait,
)
from saga.schema.expressions import compile_expression, compile_template
from saga.schema.loader import load

SECOND = 1_000_000
EXAMPLES = Path(__file__).parents[2] / "sagas"


def call(function: str, limit: int = 30 * SECOND) -> Action:
    return Action(Verb.CALL, compile_template({}), function=function, attempt_timeout=limit)


def http(method: str, address: str, limit: int = 30 * SECOND) -> Action:
    request = HttpRequest(method, compile_template(address))
    return Action(Verb.HTTP, compile_template({}), request=request, attempt_timeout=limit)


def sql(text: str, limit: int = 30 * SECOND) -> Action:
    return Action(Verb.SQL, compile_template({}), statement=SqlStatement(text), attempt_timeout=limit)


def undo(*actions: Action, when: str | None = None) -> Undo:
    condition = compile_expression(when) if when else None
    return Undo(UndoKind.ACTIONS, tuple(UndoAction("", action) for action in actions), condition)


def action_step(index: int, name: str, action: Action, *needs: int, **more: object) -> Step:
    return Step(index, name, action.verb, Place(1, 1), needs, action=action, **more)  # type: ignore[arg-type]


def wait_step(index: int, name: str, signal: str, timeout: str, *needs: int, **more: object) -> Step:
    wait = Wait(signal=signal, timeout=compile_template(timeout))
    return Step(index, name, Verb.WAIT, Place(1, 1), needs, wait=wait, **more)  # type: ignore[arg-type]


def last_step(index: int, name: str, verb: Verb, outcome: str, *needs: int, **more: object) -> Step:
    return Step(index, name, verb, Place(1, 1), needs, outcome=outcome, **more)  # type: ignore[arg-type]


def timed_out(wait: int, name: str) -> dict[str, object]:
    return {"guards": (Guard(wait, "on_timeout"),), "path": (f"{name}.on_timeout",)}


def definition(
    name: str, *steps: Step, final: tuple[Step, ...] = (), order: str = "reverse", description: str = ""
) -> Definition:
    schema = Input({}, lambda value: value)
    return Definition(
        name=name,
        version=1,
        digest=b"",
        text="",
        description=description,
        id=None,
        input=schema,
        steps=steps,
        final_steps=final,
        signals={},
        webhooks=(),
        compensation=Compensation(order=order),
        output=None,
        labels={},
        deadline=None,
    )


def trip(order: str = "reverse") -> Definition:
    """Three bookings side by side, one of them in two steps, then approval and tickets."""
    return definition(
        "trip",
        action_step(0, "quote", http("GET", "${{ env.TRIPS_URL }}/quotes/${{ input.trip_id }}")),
        action_step(1, "book_flight", call("airline.book"), 0, undo=undo(call("airline.cancel"))),
        action_step(2, "book_hotel", call("hotel.book"), 0, undo=undo(call("hotel.cancel"))),
        action_step(3, "hold_car", call("cars.hold"), 0, undo=undo(call("cars.release"))),
        action_step(
            4,
            "insure_car",
            http("POST", "https://insurance.example/policies"),
            3,
            undo=undo(
                http("DELETE", "https://insurance.example/policies/${{ steps.insure_car.key }}"),
                when="steps.insure_car.output is not None",
            ),
        ),
        wait_step(
            5,
            "approval",
            "approval",
            "24h",
            1,
            2,
            4,
            fail_when=(FailWhen("rejected", compile_expression("not output.approved")),),
        ),
        action_step(6, "remind", call("mail.remind"), 5, optional=True, **timed_out(5, "approval")),
        action_step(7, "issue_tickets", call("tickets.issue"), 6, pivot=True, undo=Undo(UndoKind.IMPOSSIBLE)),
        action_step(8, "mark_sold", sql("UPDATE trips SET sold = true WHERE id = :trip_id"), 7),
        action_step(
            9,
            "mail_tickets",
            call("mail.tickets", 60 * SECOND),
            7,
            optional=True,
            when=compile_expression("input.mail_wanted"),
        ),
        order=order,
        description="Book flight, hotel and car together, ask for approval, issue the tickets.",
    )


def right(name: str) -> Definition:
    """One of the right files of these tests."""
    path = Path(__file__).parent / "right" / f"{name}.yaml"
    return load(path.read_text(encoding="utf-8"), str(path))


def example(name: str) -> Definition:
    """One of the sagas under ``sagas/``."""
    path = EXAMPLES / f"{name}.yaml"
    return load(path.read_text(encoding="utf-8"), str(path))
