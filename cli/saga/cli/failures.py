"""What a person reads when a command fails: one message, one hint, one exit code; the same as JSON with ``--json``.

The one place that knows what each exception means. Exceptions are imported when one has been raised: until then no
command pays for them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from saga.cli.exits import Exit


class Failure(Exception):
    """A command cannot do what was asked. ``code`` is a stable word, ``hint`` the next move, ``more`` further lines."""

    def __init__(self, exit_code: Exit, code: str, message: str, hint: str = "", more: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code
        self.message = message
        self.hint = hint
        self.more = more


def usage(message: str, hint: str = "") -> Failure:
    """A wrong argument."""
    return Failure(Exit.USAGE, "usage", message, hint)


def report(problem: BaseException, *, as_json: bool) -> int:
    """Prints what a command failed with and returns the exit code."""
    failure = failure_of(problem)
    if failure.exit_code is Exit.DEFECT and os.environ.get("SAGA_DEBUG"):
        import traceback

        click.echo(_discreet("".join(traceback.format_exception(problem))), err=True, nl=False)
    if as_json:
        error: dict[str, Any] = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        if failure.more:
            error["details"] = failure.more
        click.echo(_discreet(json.dumps({"error": error}, ensure_ascii=False)))
    elif failure.exit_code is not Exit.INTERRUPTED:
        color = False if os.environ.get("NO_COLOR") else None
        if failure.more:
            click.echo(failure.more + "\n", err=True)
        click.echo(f"{click.style('error:', fg='red', bold=True)} {_discreet(failure.message)}", err=True, color=color)
        if failure.hint:
            click.echo(f"{click.style('hint:', fg='cyan')} {failure.hint}", err=True, color=color)
    return int(failure.exit_code)


def _discreet(text: str) -> str:
    """A text without the secrets that this command has read; a command that read none pays nothing."""
    secrets = sys.modules.get("saga.interpreter.actions.secrets")
    return text if secrets is None else str(secrets.scrubbed(text))


def failure_of(problem: BaseException) -> Failure:
    """What an exception means to the person at the terminal."""
    if isinstance(problem, Failure):
        return problem
    if isinstance(problem, KeyboardInterrupt | click.Abort):
        return Failure(Exit.INTERRUPTED, "interrupted", "interrupted")
    for understand in _READINGS:
        failure = understand(problem)
        if failure is not None:
            return failure
    text = " ".join(str(problem).split())
    return Failure(
        Exit.DEFECT,
        "defect",
        f"saga has met something it did not expect: {type(problem).__name__}{f': {text}' if text else ''}",
        "no run is harmed by this; SAGA_DEBUG=1 shows the traceback, please report it",
    )


def _of_click(problem: BaseException) -> Failure | None:
    if not isinstance(problem, click.ClickException):
        return None
    context = getattr(problem, "ctx", None)
    hint = "`saga --help` lists the commands"
    if context is not None:
        hint = context.meta.get("hint") or f"`{context.command_path} --help` shows how"
    return usage(problem.format_message().rstrip("."), hint)


def _of_store(problem: BaseException) -> Failure | None:
    from saga.interpreter.embedded.place import EmbeddedProblem
    from saga.interpreter.store import Fenced, StoreMismatch, StoreUnavailable

    if isinstance(problem, StoreUnavailable):
        given = "check SAGA_DATABASE_URL, and that the server is up; unset it to use the embedded Postgres"
        return Failure(
            Exit.UNREACHABLE, "database_unreachable", str(problem), given if "SAGA_DATABASE_URL" in os.environ else ""
        )
    if isinstance(problem, StoreMismatch):
        return Failure(Exit.UNREACHABLE, "database_schema", str(problem))
    if isinstance(problem, EmbeddedProblem):
        return Failure(Exit.UNREACHABLE, "embedded_postgres", str(problem))
    if isinstance(problem, Fenced):
        return Failure(
            Exit.UNREACHABLE,
            "fenced",
            "this worker did not answer in time and was taken for dead; its runs go on elsewhere",
            "start it again with `saga worker`",
        )
    return None


def _of_values(problem: BaseException) -> Failure | None:
    from saga.schema.values import ValueProblem

    if not isinstance(problem, ValueProblem):
        return None
    place = f" (at {problem.pointer})" if problem.pointer and problem.pointer not in problem.message else ""
    return Failure(Exit.USAGE, problem.code, f"{problem.message}{place}")


def _of_files(problem: BaseException) -> Failure | None:
    from saga.interpreter.actions.registry import ActionsProblem
    from saga.interpreter.project import ProjectProblem
    from saga.schema.problems import DefinitionProblems

    if isinstance(problem, DefinitionProblems):
        from saga.schema.problem_formats import render_problems

        count = sum(each.severity == "error" for each in problem.problems)
        listing = render_problems(problem.problems, problem.sources)
        said = "1 problem" if count == 1 else f"{count} problems"
        hint = f"`saga explain {problem.problems[0].code}` says more about the first" if problem.problems else ""
        return Failure(Exit.UNDONE, "definition", f"the saga has {said}; nothing was started", hint, listing)
    if isinstance(problem, ActionsProblem):
        return Failure(Exit.UNDONE, "actions", str(problem))
    if isinstance(problem, ProjectProblem):
        return Failure(Exit.UNDONE, "project", problem.message, problem.hint)
    return None


def _of_runs(problem: BaseException) -> Failure | None:
    from saga.interpreter.client import (
        AmbiguousRun,
        Refused,
        UnknownRun,
        UnknownSaga,
        UnknownSignal,
        UnknownStep,
        UnknownVersion,
    )

    if not isinstance(problem, Refused):
        return None
    names = isinstance(problem, UnknownRun | AmbiguousRun | UnknownSaga | UnknownSignal | UnknownStep | UnknownVersion)
    return Failure(Exit.USAGE if names else Exit.NOT_ALLOWED, problem.code, str(problem), problem.hint)


_READINGS: tuple[Callable[[BaseException], Failure | None], ...] = (
    _of_click,
    _of_store,
    _of_values,
    _of_files,
    _of_runs,
)
