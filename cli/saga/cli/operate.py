"""What a person asks of a run, from ``cancel`` to ``terminate``. Each is recorded with who and why."""

from __future__ import annotations

import asyncio
import time

import click

from saga.cli.addresses import find_run, who_works
from saga.cli.exits import Exit
from saga.cli.failures import usage
from saga.cli.inputs import read_json
from saga.cli.options import json_option, reason_option, run_argument
from saga.cli.screen import note, print_json
from saga.cli.wiring import Here, execute, opened, operator
from saga.cli.words import status_words
from saga.interpreter.actions.answers import is_code
from saga.interpreter.client import Story
from saga.interpreter.machine.events import (
    CancelRequested,
    OperatorRequest,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    StepResolved,
    StepSkipped,
    TerminateRequested,
)
from saga.interpreter.machine.places import spelled
from saga.interpreter.records import run_record
from saga.interpreter.stored import RunRow
from saga.schema.durations import parse_duration

_LOOK = 0.1
"""Seconds between two looks at a run that is being cancelled."""


@click.command()
@run_argument
@reason_option(required=False)
@click.option(
    "--wait", default="10s", show_default=True, metavar="DURATION", help="How long to wait until it is undone."
)
@json_option
def cancel(run: str, reason: str, wait: str, as_json: bool) -> int:
    """Stop RUN and undo what it did, newest step first.

    While its pivot is being tried the request is kept, and its outcome decides; once the pivot has passed, nothing can
    be undone and the request is refused (exit code 7). If somebody works on the run, this waits until it is undone.
    """
    return execute(_cancel(run, reason, _microseconds(wait), as_json))


@click.command()
@run_argument
@click.argument("step", required=False, default="")
@reason_option(required=False)
@json_option
def retry(run: str, step: str, reason: str, as_json: bool) -> int:
    """Let RUN, which is stuck, go on from the step that failed: with fresh attempts, under the same key.

    What went well before stays as it is. With STEP, only this step (or its undo, where that is stuck) is tried again;
    what is stuck elsewhere still holds the run. A step that has ended well is never made again: its effect is there.

    \b
    saga retry o-1                 everything that is stuck
    saga retry o-1 'pack[2]'       one step, here that of the third item of a loop
    """
    said = f"it tries {step} again" if step else "it tries again"
    return execute(_ask(run, RetryRequested(0, 0, operator(), reason, step), said, as_json))


@click.command()
@run_argument
@click.argument("step")
@reason_option(required=True)
@json_option
def skip(run: str, step: str, reason: str, as_json: bool) -> int:
    """Let RUN go on without STEP, or, where its undo is stuck, without undoing it.

    The step must be stuck or waiting for its next attempt, and no pivot. Its effect, if there was one, stays armed to
    be undone. A skipped undo makes the rollback incomplete (exit code 3 of the run).
    """
    request = StepSkipped(0, 0, operator(), reason, step)
    return execute(_ask(run, request, f"it goes on without {step}", as_json))


@click.command()
@run_argument
@click.argument("step")
@click.option("--ok", "output", metavar="JSON", help="It had worked, with this output (or @FILE, or - for stdin).")
@click.option("--rejected", "code", metavar="CODE", help="It was refused with this code: nothing had happened.")
@click.option("--undone", is_flag=True, help="Its undo is stuck, and somebody has undone it by hand.")
@reason_option(required=True)
@json_option
def resolve(run: str, step: str, output: str | None, code: str | None, undone: bool, reason: str, as_json: bool) -> int:
    """Tell RUN how STEP really ended, when somebody has found out.

    \b
    saga resolve o-1 charge --ok '{"transaction_id": "t-9"}' --reason "seen at the bank"
    saga resolve o-1 charge --rejected card_declined --reason "the bank says no"
    saga resolve o-1 reserve --undone --reason "released by hand, ticket 4711"
    """
    if (output is not None) + (code is not None) + undone != 1:
        raise usage("say how it ended: exactly one of --ok, --rejected and --undone")
    if code is not None and not is_code(code):
        raise usage(f"--rejected {code!r} is no code", "a code is a word of a-z, 0-9 and _, such as card_declined")
    request = StepResolved(0, 0, operator(), reason, step)
    if output is not None:
        request.output = read_json(output, "--ok")
    elif code is not None:
        request.how, request.code = "rejected", code
    else:
        request.how = "undone"
    return execute(_ask(run, request, f"{step} is resolved as {request.how}", as_json))


@click.command()
@run_argument
@reason_option(required=False)
@json_option
def pause(run: str, reason: str, as_json: bool) -> int:
    """Let RUN open nothing new until it is resumed.

    What is in flight ends, signals are kept, timers wait; only the deadline of the whole run goes on.
    """
    return execute(_ask(run, PauseRequested(0, 0, operator(), reason), "it is paused", as_json))


@click.command()
@run_argument
@reason_option(required=False)
@json_option
def resume(run: str, reason: str, as_json: bool) -> int:
    """Let RUN, which is paused, go on. Timers that came due meanwhile fire at once."""
    return execute(_ask(run, ResumeRequested(0, 0, operator(), reason), "it goes on", as_json))


@click.command()
@run_argument
@reason_option(required=True)
@json_option
def terminate(run: str, reason: str, as_json: bool) -> int:
    """End RUN now, whatever it is doing, and undo nothing.

    What its steps have done stays done, and what is in flight is not waited for. To have it undone: `saga cancel`.
    """
    return execute(_ask(run, TerminateRequested(0, 0, operator(), reason), "it ends here, nothing is undone", as_json))


async def _ask(address: str, request: OperatorRequest, said: str, as_json: bool) -> int:
    async with opened() as here:
        run = await find_run(here, address)
        await here.client.operate(run, request)
        works, command = await who_works(here, run)
        if as_json:
            print_json({"run": run.address, "request": "accepted", "worked_on": works})
        else:
            click.echo(f"{run.address}: {said}")
        _say_who(works, command)
    return Exit.DONE


def _say_who(works: bool, command: str) -> None:
    if not works:
        note(f"nobody is working on this run; to work on it:  {command}")


def _microseconds(wait: str) -> int:
    try:
        return parse_duration(wait)
    except ValueError as problem:
        raise usage(f"--wait: {problem}") from None


async def _cancel(address: str, reason: str, patience: int, as_json: bool) -> int:
    async with opened() as here:
        run = await find_run(here, address)
        before = await here.client.operate(run, CancelRequested(0, 0, operator(), reason))
        works, command = await who_works(here, run)
        after = await _verdict(here, before, patience if works else 0)
        if as_json:
            print_json(run_record(after.run) | {"worked_on": works})
        code, said = _outcome(after)
        if not as_json:
            click.echo(f"{run.address}: {said}")
        if not after.run.status.ended:
            _say_who(works, command)
    return code


async def _verdict(here: Here, story: Story, patience: int) -> Story:
    """The run once it has ended, or the cancel was refused, or nobody has the patience any more."""
    until = time.monotonic() + patience / 1_000_000
    while True:
        run: RunRow | None = await here.store.run(story.run.id)
        assert run is not None
        story = await here.client.story(run)
        if run.status.ended or story.state.pivot_passed or time.monotonic() >= until:
            return story
        await asyncio.sleep(_LOOK)


def _outcome(story: Story) -> tuple[Exit, str]:
    """The exit code and the words for where a cancelled run stands."""
    run, state = story.run, story.state
    if run.status.ended and run.outcome == "cancelled":
        if run.incomplete:
            return Exit.INCOMPLETE, "cancelled, but not all of it is undone"
        return Exit.DONE, "cancelled, everything is undone"
    if run.status.ended:
        return Exit.NOT_ALLOWED, f"not cancelled, it had ended: {status_words(run.status, None, run.outcome)}"
    if state.pivot_passed:
        return Exit.NOT_ALLOWED, "not cancelled, its pivot has passed: it can only go forward"
    if state.stop_after_pivot is not None:
        return Exit.WAITING, "pending: its pivot is being tried; if that fails, the run is cancelled"
    if state.trouble is not None:
        return Exit.WAITING, f"stuck at {spelled(story.definition, state.trouble.place)}: `saga show {run.address}`"
    if state.outcome == "cancelled":
        return Exit.WAITING, "being undone"
    return Exit.WAITING, "asked to cancel"
