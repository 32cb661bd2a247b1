"""``saga verify``: every reachable state of saga files, proved before the first run, without a database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from saga.cli.exits import Exit
from saga.cli.failures import usage

if TYPE_CHECKING:
    from saga.cli.verdicts import Proved
    from saga.interpreter.proving import Limits
    from saga.schema.definition import Definition, Invariant

FORMATS = ("full", "json", "markdown", "github", "sarif")
BESIDE = ".invariants.yaml"
"""What takes the place of ``.yaml`` in the name of a file of invariants that stands beside its saga."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--invariants",
    "more",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Invariants of the saga that stand in another file.",
)
@click.option("--outcomes", is_flag=True, help="Print every way in which the saga ends, and what is undone.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--render",
    "picture",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the first broken story here, such as broken.svg.",
)
@click.option("--states", type=click.IntRange(min=1), default=200_000, show_default=True, help="Look at no more.")
@click.option(
    "--seconds", type=click.FloatRange(min=0), default=60, show_default=True, help="Take no longer, per file."
)
def verify(
    paths: tuple[Path, ...],
    more: tuple[Path, ...],
    outcomes: bool,
    form: str,
    as_json: bool,
    picture: Path | None,
    states: int,
    seconds: float,
) -> int:
    """Prove sagas: PATHS are files or folders; without any, the project's.

    Every state that a run can come to is looked at: each action ok, rejected or unknown, each signal early, doubled or
    never, each timeout, cancel anywhere. It always ends, or waits for something that can come; nothing that was done is
    left when it is rolled back, and nothing is undone twice; every step, end and undo is reached by some run; and the
    author's invariants hold at every end. What breaks is told as the shortest story that leads there.

    \b
    Invariants stand in the saga under `invariants:`, or beside it:
    checkout.invariants.yaml is read with checkout.yaml.

    Exit codes: 0 proved, 1 broken, 2 nothing to prove, 5 neither: a limit cut the search.
    """
    from saga.cli import verdicts

    chosen = "json" if as_json else form
    if more and (len(paths) != 1 or paths[0].is_dir()):
        raise usage("--invariants belongs to one saga", "name its file: saga verify FILE --invariants FILE")
    proved = [_prove(path, more, states, seconds, outcomes=outcomes) for path in _files(paths)]
    click.echo(verdicts.render(proved, cast(verdicts.Format, chosen)))
    if picture is not None:
        _draw(proved, picture)
    return exit_of(proved)


def exit_of(proved: list[Proved]) -> Exit:
    """The code for what came of all files."""
    if any(each.verdict.broken for each in proved):
        return Exit.UNDONE
    return Exit.WAITING if any(each.verdict.cut for each in proved) else Exit.DONE


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    from saga.cli.validate import saga_files

    yield from saga_files(paths)


def _prove(path: Path, more: tuple[Path, ...], states: int, seconds: float, *, outcomes: bool) -> Proved:
    from saga.cli.sources import read_definition
    from saga.cli.verdicts import Proved
    from saga.interpreter.proving import verify as prove

    definition = read_definition(path)
    invariants = read_beside(path, definition, more)
    return Proved(
        str(path),
        definition,
        prove(definition, invariants, limits=limits(states, seconds), outcomes=outcomes),
    )


def limits(states: int, seconds: float) -> Limits:
    """Where a search that starts now gives up."""
    from saga.interpreter.proving import Limits

    until = time.monotonic() + seconds
    return Limits(states, lambda: time.monotonic() > until)


def read_beside(path: Path, definition: Definition, more: tuple[Path, ...] = ()) -> tuple[Invariant, ...]:
    """The invariants in files of their own: the one beside the saga, and those named. Raises DefinitionProblems."""
    from saga.schema.invariants_file import read_invariants
    from saga.schema.yaml_text.source import decode

    beside = path.with_name(path.stem + BESIDE)
    files = [beside, *more] if beside.is_file() and beside not in more else list(more)
    return tuple(
        invariant
        for file in files
        for invariant in read_invariants(decode(file.read_bytes(), str(file)), str(file), definition)
    )


def _draw(proved: list[Proved], picture: Path) -> None:
    """Draws the first broken story, with the run as it stands at its end."""
    from saga.cli.render import format_of
    from saga.cli.screen import note
    from saga.schema.drawing import Overlay, StepLook, StepState, render
    from saga.schema.drawing.png import PngUnavailable

    form = format_of(None, picture)
    for each in proved:
        for broken in each.verdict.broken:
            if broken.looks:
                steps = {name: StepLook(StepState(word)) for name, word in broken.looks}
                try:
                    drawn = render(each.definition, form, Overlay(broken.status, broken.outcome or None, steps))
                except PngUnavailable as problem:
                    raise usage(str(problem)) from None
                picture.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode())
                return
    note(f"nothing is broken in a way that can be drawn: {picture} is not written")
