"""``saga signal``: sends a signal to a run, its payload checked before anything is stored."""

from __future__ import annotations

import click

from saga.cli.addresses import find_run, who_works
from saga.cli.exits import Exit
from saga.cli.failures import Failure
from saga.cli.inputs import Schema, fit, gather
from saga.cli.interrupts import asking
from saga.cli.options import json_option, run_argument
from saga.cli.samples import sample, signal_line
from saga.cli.screen import interactive, note, print_json
from saga.cli.wiring import execute, opened
from saga.interpreter.stored import RunRow
from saga.schema.definition import Signal
from saga.schema.language.fits import Fitting
from saga.schema.values import Value, ValueProblem

_SAID = {
    "accepted": "accepted",
    "duplicate": "duplicate: a signal with this key was accepted before",
    "too_late": "too late: no step can take it any more",
}


@click.command()
@run_argument
@click.argument("name")
@click.option("-p", "pairs", multiple=True, metavar="KEY=VALUE", help="One field of the payload; KEY:=JSON for JSON.")
@click.option("--payload", "whole", metavar="@FILE|-|JSON", help="The whole payload; -p goes on top of it.")
@click.option("--key", metavar="KEY", help="Counts once: a second signal of this name and key is a duplicate.")
@json_option
def signal(run: str, name: str, pairs: tuple[str, ...], whole: str | None, key: str | None, as_json: bool) -> int:
    """Send the signal NAME to RUN.

    The payload is checked against the saga's schema first; on a terminal you are asked for the fields that are missing.
    A signal may come before the run waits for it: it is kept. The answer is accepted, duplicate or too late.

    \b
    saga signal checkout/o-1 payment_received -p amount=12.50 -p method=card
    saga signal @latest approval -p approved=true --key review-77
    saga signal o-1 delivery_confirmed --payload @confirmed.json
    """
    return execute(_signal(run, name, pairs, whole, key, as_json))


async def _signal(
    address: str, name: str, pairs: tuple[str, ...], whole: str | None, key: str | None, as_json: bool
) -> int:
    async with opened() as here:
        run = await find_run(here, address)
        _, declared = await here.client.declared_signal(run, name)
        payload = gather(pairs, whole, declared.schema, "-p", "--payload")
        if not as_json and interactive():
            payload = _asked(payload, declared)
        _check(run, declared, payload)
        answer = await here.client.signal(run, name, payload, key)
        works, command = await who_works(here, run)
        handler = declared.too_late.start if declared.too_late is not None else None
        if as_json:
            print_json({"run": run.address, "signal": name, "answer": answer, "worked_on": works})
        else:
            more = f"; saga {handler} takes care of it" if answer == "too_late" and handler else ""
            click.echo(_SAID[answer] + more)
        if not works and (answer == "accepted" or (answer == "too_late" and handler)):
            note(f"nobody is working on this run; to work on it:  {command}")
    return Exit.DONE


def _check(run: RunRow, declared: Signal, payload: Value) -> None:
    try:
        declared.prepare(payload)
    except ValueProblem as problem:
        known = payload if isinstance(payload, dict) else {}
        line = signal_line(run.address, declared.name, sample(declared.schema, known), declared.schema)
        raise Failure(Exit.USAGE, problem.code, problem.message, f"such as: {line}") from None


def _asked(payload: Value, declared: Signal) -> Value:
    """The payload with what is missing, as typed by the person at the terminal."""
    if not isinstance(payload, dict):
        return payload
    fields: dict[str, Schema] = declared.schema.get("properties", {})  # type: ignore[assignment]
    missing = [name for name in fields if name not in payload and "default" not in fields[name]]
    if missing:
        note(f"{declared.name} needs {', '.join(missing)}; Ctrl-C sends nothing")
    with asking():
        return payload | {name: _ask(name, fields[name]) for name in missing}


def _ask(name: str, field: Schema) -> Value:
    kind = field.get("type", "text")
    words = " | ".join(map(str, field["enum"])) if "enum" in field else kind

    def checked(text: str) -> Value:
        try:
            value = fit(text, field, name, "-p")
        except Failure as failure:
            raise click.UsageError(failure.message) from None
        fitting = Fitting(field)
        if not fitting.fits(value):
            raise click.UsageError(fitting.misfit(value, name)[0])
        return value

    answer: Value = click.prompt(f"  {name} ({words})", value_proc=checked, err=True)
    return answer
