"""What ``saga dev`` says first: where everything is, and lines to paste. It must not know how anything is served."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from saga.cli.samples import sample
from saga.cli.wiring import URL
from saga.cli.words import counted
from saga.interpreter.project import Project
from saga.schema.definition import Definition
from saga.schema.expressions import ExpressionFailed
from saga.schema.loader import check
from saga.schema.values import Value, ValueProblem

_MOST = 5
"""Sagas that get a line of their own."""
_PLACE = "ID"
_JSON = "-H 'Content-Type: application/json'"


def banner(project: Project, url: str) -> Iterator[str]:
    """The lines."""
    sagas = list(_sagas(project))
    yield f"project  {project.name}: {counted(len(sagas), 'saga')}"
    yield f"state    {_state()}"
    yield f"API      {url}  (read it at {url}/docs)"
    yield "ends     with Ctrl-C; runs go on where they were the next time"
    for definition in sagas[:_MOST]:
        yield ""
        yield from _lines(definition, url)
    yield ""


def _state() -> str:
    """Where runs are kept."""
    from saga.interpreter.embedded import default_home
    from saga.interpreter.postgres.connections import place

    given = os.environ.get(URL)
    return f"the Postgres at {place(given)}" if given else f"the embedded Postgres in {default_home()}"


def _sagas(project: Project) -> Iterator[Definition]:
    for path in project.saga_files():
        definition, _ = check(_text(path), str(path))
        if definition is not None:
            yield definition


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def _lines(definition: Definition, url: str) -> Iterator[str]:
    given = sample(definition.input.schema)
    yield _curl(f"{url}/v1/runs", {"saga": definition.name, "input": given})
    number = _identity(definition, given)
    for name, signal in definition.signals.items():
        payload = sample(signal.schema, given)
        yield _curl(f"{url}/v1/runs/{definition.name}/{number}/signals/{name}", payload)


def _identity(definition: Definition, given: dict[str, Value]) -> str:
    """The id that a run with this input has; a place for it, where nobody can know."""
    if definition.id is None:
        return _PLACE
    try:
        return str(definition.id.evaluate({"input": definition.input.prepare(given)}))
    except (ExpressionFailed, ValueProblem):
        return _PLACE


def _curl(address: str, body: Value) -> str:
    return f"curl {_JSON} -d {shlex.quote(json.dumps(body, ensure_ascii=False))} {shlex.quote(address)}"
