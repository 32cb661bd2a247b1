"""``saga render``: the picture of a saga, of the rollback from one of its steps, or of what a run has done."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import cast

import click

from saga.cli.exits import Exit
from saga.cli.failures import Failure, usage
from saga.schema.definition import Definition
from saga.schema.drawing import FORMATS, Format, Overlay
from saga.schema.drawing import render as draw

_SUFFIXES: dict[str, Format] = {
    ".svg": "svg",
    ".png": "png",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".txt": "terminal",
}
_SAGA_FILE = re.compile(r".+\.ya?ml", re.IGNORECASE)


@click.command()
@click.argument("subject", metavar="FILE|RUN", required=False)
@click.option("--run", metavar="RUN", help="Colour what this run has done; of FILE's saga, its bare id will do.")
@click.option("--failure", metavar="STEP", help="Draw what is undone when this step fails.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default what -o ends in, else terminal.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it here; - is stdout.",
)
def render(subject: str | None, run: str | None, failure: str | None, form: str | None, output: Path | None) -> int:
    """Draw a saga: its steps, waits and timeouts, the undo of each step, and the point of no return.

    \b
    saga render checkout.yaml
    saga render checkout.yaml -o checkout.svg
    saga render checkout.yaml --failure charge_payment
    saga render checkout/o-1 -o now.png       what the run has done so far

    A run is drawn with the text that it was started with. Files need no database.
    """
    output = None if output == Path("-") else output
    chosen = format_of(form, output)
    definition, look = _subject(subject, run, failure)
    _write(_draw(definition, look, failure, chosen, output), output)
    return Exit.DONE


def format_of(form: str | None, output: Path | None) -> Format:
    """The format that was asked for, or that the file's name says. Raises Failure."""
    if form is not None:
        chosen = cast(Format, form)
    elif output is None:
        chosen = "terminal"
    elif output.suffix.lower() in _SUFFIXES:
        chosen = _SUFFIXES[output.suffix.lower()]
    else:
        raise usage(f"{output} does not say which format is meant", f"name one: --format {'|'.join(FORMATS)}")
    if chosen == "png" and output is None and sys.stdout.isatty():
        raise usage("a PNG cannot be shown in a terminal", "write it into a file: -o saga.png")
    return chosen


def _subject(subject: str | None, run: str | None, failure: str | None) -> tuple[Definition, Overlay | None]:
    """What is drawn: a file's definition, or a run's with its look. Raises what `failures` knows."""
    if subject is None and run is None:
        raise usage("nothing to draw", "name a saga file or a run")
    path = Path(subject) if subject is not None and _is_file(subject) else None
    address = run if run is not None else subject if path is None else None
    if run is not None and subject is not None and path is None:
        raise usage(f"{subject} is no saga file, and --run names another run", "name one of the two")
    if failure is not None and address is not None:
        raise usage("a picture shows either a run or a failure", "name the file: saga render FILE --failure STEP")
    definition = None if path is None else _definition(path)
    if address is None:
        assert definition is not None
        return definition, None
    return _run(address, definition)


def _is_file(text: str) -> bool:
    return _SAGA_FILE.fullmatch(text) is not None or Path(text).exists()


def _definition(path: Path) -> Definition:
    from saga.cli.sources import read_definition

    return read_definition(path)


def _run(address: str, file: Definition | None) -> tuple[Definition, Overlay]:
    """The definition that a run was started with, and its look. ``file``: of which it is said to be a run."""
    from saga.cli.addresses import find_run
    from saga.cli.following import Following
    from saga.cli.look import overlay
    from saga.cli.screen import note
    from saga.cli.wiring import execute, opened

    drawn: list[tuple[Definition, Overlay]] = []

    async def look() -> int:
        async with opened() as here:
            story = await Following.begin(here, await find_run(here, _full(address, file)))
            await story.poll()
        definition, state = story.timeline.definition, story.timeline.state
        if file is not None and file.digest != definition.digest:
            _check_same_saga(address, definition, file)
            note(f"{story.run.address} was started with another text than the file has now; that one is drawn")
        shown = overlay(definition, state, status=story.status, held=story.run.hold, now=story.now)
        drawn.append((definition, shown))
        return Exit.DONE

    execute(look())
    return drawn[0]


def _full(address: str, file: Definition | None) -> str:
    return address if file is None or "/" in address else f"{file.name}/{address}"


def _check_same_saga(address: str, definition: Definition, file: Definition) -> None:
    if definition.name != file.name:
        raise usage(f"{address} is a run of {definition.name}, not of {file.name}", "leave the file out")


def _draw(
    definition: Definition, look: Overlay | None, failure: str | None, form: Format, output: Path | None
) -> str | bytes:
    from saga.schema.drawing.png import PngUnavailable

    shown = output is None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if shown else None
    colour = shown and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    ascii_only = output is None and not _can_print_lines()
    try:
        return draw(definition, form, look, failure, width, colour, ascii_only)
    except ValueError as problem:
        raise usage(str(problem)) from None
    except PngUnavailable as problem:
        raise Failure(Exit.USAGE, "png_unavailable", str(problem)) from None


def _can_print_lines() -> bool:
    try:
        "┌◷✓".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(picture: str | bytes, output: Path | None) -> None:
    data = picture if isinstance(picture, bytes) else picture.encode()
    if output is None:
        if isinstance(picture, str):
            click.echo(picture, nl=False)
        else:
            sys.stdout.buffer.write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise usage(f"{output}: {error.strerror}") from None
