"""``saga demo``: three checkouts played for real, on a database nobody had to install."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.text import Text

from saga.cli.example_shop import FILES, copy_into
from saga.cli.exits import Exit
from saga.cli.failures import usage
from saga.cli.options import json_option
from saga.cli.scenes import SCENES, Scene
from saga.cli.screen import err, note, print_json, say
from saga.cli.stage import NotAsAnnounced, Stage
from saga.cli.wiring import execute, opened
from saga.interpreter.project import find_project
from saga.interpreter.stored import RunFilter

_OWN_INPUT = "-i order_id=mine -i user_id=me -i product_id=tea -i amount=5"


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@json_option
def demo(folder: Path | None, as_json: bool) -> int:
    """Watch saga at work: a checkout delivered, one undone, one killed with SIGKILL and gone on with.

    The example is copied into DIR (a new folder for temporary files, if not given) and stays there for you to play
    with. Every command that is shown is really run, on the Postgres of SAGA_DATABASE_URL or the embedded one. The exit
    code is 0 if all three ended as announced.
    """
    return execute(_demo(_prepared(folder), as_json))


def _prepared(folder: Path | None) -> Path:
    """The folder with the example in it. Raises Failure where it would get among other things."""
    if folder is not None and folder.exists():
        raise usage(f"{folder} is there already", "name a folder that is not")
    try:
        if folder is None:
            made = Path(tempfile.mkdtemp(prefix="saga-demo-")).resolve()
        else:
            made = folder.resolve()
            made.mkdir(parents=True)
        project = find_project(made)
        if project.folder != made:
            made.rmdir()
            raise usage(f"{made} would lie in the project of {project.file}", "name a folder outside")
        copy_into(made)
    except OSError as error:
        raise usage(f"{error.filename}: {error.strerror}") from None
    return made


async def _demo(folder: Path, as_json: bool) -> int:
    began = time.monotonic()
    note(f"the example is in {folder}: {', '.join(FILES)}")
    played: list[dict[str, object]] = []
    async with opened(announced=True) as here:
        if await here.store.runs(RunFilter(await here.store.project(str(folder))), limit=1):
            raise usage(f"the database still has the runs of an earlier demo in {folder}", "name another folder")
        stage = Stage(here, folder)
        try:
            for scene in SCENES:
                played.append(_record(scene, await _play(stage, len(played) + 1, scene)))
                if not played[-1]["as_announced"]:
                    break
        finally:
            await stage.close()
    if as_json:
        print_json({"folder": str(folder), "scenes": played})
    if not all(each["as_announced"] for each in played):
        return Exit.UNDONE
    _say_what_next(folder, time.monotonic() - began)
    return Exit.DONE


async def _play(stage: Stage, number: int, scene: Scene) -> str | None:
    """Plays a scene; the answer is what was not as announced."""
    say(err(), "", Text(f"{number}/{len(SCENES)}  {scene.sentence}", style="bold cyan"), "")
    try:
        await scene.play(stage, scene)
    except NotAsAnnounced as problem:
        say(err(), Text.assemble(("✗ ", "bold red"), f"not as announced: {problem}"))
        return str(problem)
    return None


def _record(scene: Scene, failure: str | None) -> dict[str, object]:
    expected = {"run": scene.address, "status": scene.status, "outcome": scene.outcome}
    return {"scene": scene.sentence, **expected, "as_announced": failure is None, "problem": failure}


def _say_what_next(folder: Path, seconds: float) -> None:
    saga = "saga" if shutil.which("saga") else shlex.quote(str(Path(sys.executable).with_name("saga")))
    say(err(), "", Text.assemble(("✓ ", "bold green"), f"all three as announced, in {seconds:.0f} s"), "")
    for what, command in (
        ("your turn:", f"cd {shlex.quote(str(folder))}"),
        ("what the killed one went through", f"{saga} show {SCENES[2].address}"),
        ("the declined one as a picture; -o undone.svg writes it", f"{saga} render {SCENES[1].address}"),
        ("a run of your own, signalled from another terminal", f"{saga} run checkout.yaml {_OWN_INPUT}"),
    ):
        say(err(), Text(f"  {what}", style="dim"), f"    {command}")
