"""What `saga run` was asked for, read and checked as far as that goes without a database: nothing is stored yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saga.cli.exits import Exit
from saga.cli.failures import Failure
from saga.cli.inputs import gather
from saga.cli.paths import short, worker_command
from saga.cli.samples import run_line, sample
from saga.cli.sources import read_definition
from saga.cli.wiring import load_actions
from saga.interpreter.actions.registry import Actions
from saga.interpreter.project import Project, find_project
from saga.interpreter.starting import DEFAULT_QUEUE, check_id
from saga.schema.definition import Definition
from saga.schema.problems import closest
from saga.schema.values import Value, ValueProblem


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed."""

    file: Path
    pairs: tuple[str, ...]
    whole: str | None
    key: str | None
    again: bool
    actions: tuple[str, ...]
    as_json: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be."""

    asked: Asked
    definition: Definition
    project: Project
    given: Value
    actions: Actions
    action_files: list[Path]

    def worker_command(self) -> str:
        """The command that works on it."""
        return worker_command(
            self.project, self.definition.queue or DEFAULT_QUEUE, self.action_files if self.asked.actions else ()
        )

    def lacking(self) -> list[str]:
        """A sentence for each action that the saga calls and nobody has registered."""
        known = sorted(self.actions.functions())
        places = ", ".join(short(path) for path in self.action_files)
        where = f"not in {places}" if places else "there is no actions.py beside the saga; --actions names another file"
        found: list[str] = []
        for name in sorted(self.definition.functions().difference(known)):
            near = closest(name, known)
            found.append(f'no action "{name}" ({where})' + (f'; did you mean "{near}"?' if near else ""))
        return found


def prepare(asked: Asked) -> Job:
    """Reads the files and the input. Raises what `failures` knows: problems of the files, of the input, of the id."""
    definition = read_definition(asked.file)
    project = find_project(asked.file)
    given = gather(asked.pairs, asked.whole, definition.input.schema, "-i", "--input")
    try:
        definition.input.prepare(given)
    except ValueProblem as problem:
        raise Failure(Exit.USAGE, problem.code, problem.message, _example(asked, definition, given)) from None
    if asked.key is not None:
        check_id(asked.key)
    actions, files = load_actions(project, asked.actions)
    return Job(asked, definition, project, given, actions, files)


def _example(asked: Asked, definition: Definition, given: Value) -> str:
    fields = definition.input.schema
    if not fields.get("properties"):
        return "this saga takes no input"
    known = given if isinstance(given, dict) else {}
    return f"such as: {run_line(str(asked.file), sample(fields, known), fields)}"
