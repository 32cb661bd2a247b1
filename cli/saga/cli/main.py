"""The command ``saga``: its table of commands, each imported only when it is asked for, and its one way out.

Every known exception becomes a message and an exit code here (`failures`), so that nobody ever reads a traceback for a
mistake of theirs. This room must not know what a command does.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click

from saga.cli.failures import report


class Entry(NamedTuple):
    """One command: ``target`` is ``module:function``."""

    name: str
    target: str
    help: str


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Begin",
        (
            Entry("init", "saga.cli.init:init", "Make a folder with one saga that runs."),
            Entry("demo", "saga.cli.demo:demo", "Watch a checkout delivered, one undone, one killed and resumed."),
        ),
    ),
    (
        "Run",
        (
            Entry("run", "saga.cli.run:run", "Run a saga here and watch it."),
            Entry("worker", "saga.cli.worker:worker", "Work on the runs of a project until stopped."),
            Entry("dev", "saga.cli.dev:dev", "Serve and work while you write: saved files count at once."),
            Entry("serve", "saga.cli.serve:serve", "Serve the HTTP API of a project."),
            Entry("signal", "saga.cli.signal_command:signal", "Send a signal to a run."),
            Entry("trigger", "saga.cli.trigger:trigger", "Send a webhook, correctly signed, to a server."),
        ),
    ),
    (
        "Look",
        (
            Entry("list", "saga.cli.listing:listing", "List runs, newest first."),
            Entry("show", "saga.cli.show:show", "Show everything about one run."),
            Entry("schedules", "saga.cli.schedules_command:schedules", "List what starts by the clock, and when next."),
            Entry("watch", "saga.cli.watch:watch", "Follow a run until it ends."),
        ),
    ),
    (
        "Step in",
        (
            Entry("cancel", "saga.cli.operate:cancel", "Stop a run and undo what it did."),
            Entry("pause", "saga.cli.operate:pause", "Let a run open nothing new."),
            Entry("resume", "saga.cli.operate:resume", "Let a paused run go on."),
            Entry("undo", "saga.cli.undo:undo", "Undo a run that has completed."),
            Entry("retry", "saga.cli.operate:retry", "Let a stuck run go on from the step that failed."),
            Entry("skip", "saga.cli.operate:skip", "Go on without a step, or without undoing one."),
            Entry("resolve", "saga.cli.operate:resolve", "Tell a run how a step or an undo really ended."),
            Entry("migrate", "saga.cli.migrate:migrate", "Let runs go on under another version of their saga."),
            Entry("terminate", "saga.cli.operate:terminate", "End a run now and undo nothing."),
        ),
    ),
    (
        "Write",
        (
            Entry("validate", "saga.cli.validate:validate", "Check saga files; works without a database."),
            Entry("test", "saga.cli.test_command:test", "Play the tests of sagas in virtual time, without a database."),
            Entry("verify", "saga.cli.verify:verify", "Prove that a saga ends well, whatever happens."),
            Entry("plan", "saga.cli.plan:plan", "Say what rolls back, how long it can take, and what changes."),
            Entry("render", "saga.cli.render:render", "Draw a saga, or what a run has done."),
            Entry("schema", "saga.cli.schema_command:schema", "Print the JSON Schema for editors."),
            Entry("explain", "saga.cli.explain:explain", "Explain the code of an error."),
        ),
    ),
    (
        "Operate",
        (
            Entry("token", "saga.cli.token:token", "Say who may ask the server for what."),
            Entry("db", "saga.cli.database:db", "Look after the database."),
            Entry("export", "saga.cli.archive:export", "Copy what is kept of ended runs to a file."),
            Entry("purge", "saga.cli.archive:purge", "Remove runs that ended long ago."),
        ),
    ),
)
"""All commands, in the order in which the help lists them."""

_ENTRIES = {entry.name: entry for _, entries in SECTIONS for entry in entries}

_EPILOG = """\b
Exit codes:
  0 done          1 undone, or problems found    2 wrong arguments
  3 rolled back, but not all of it               4 cancelled
  5 still open    6 database out of reach        7 not allowed
  130 interrupted

\b
Where runs are kept: the Postgres of SAGA_DATABASE_URL; without it, an
embedded one in your home folder (SAGA_HOME moves it).
"""


class Commands(click.Group):
    """The commands of the table, listed by section and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(_ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; None for an unknown name."""
        entry = _ENTRIES.get(cmd_name)
        if entry is None:
            return None
        module, _, function = entry.target.partition(":")
        found: click.Command = getattr(import_module(module), function)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown name is answered with the nearest one."""
        name = args[0]
        if not name.startswith("-") and name not in _ENTRIES:
            raise click.UsageError(f'there is no command "{name}"', ctx=_hinted(ctx, name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the table, section by section."""
        width = max(map(len, _ENTRIES))
        for title, entries in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.help) for entry in entries])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the epilog as it stands."""
        formatter.write_paragraph()
        for line in _EPILOG.replace("\b\n", "").splitlines():
            formatter.write(f"{line}\n")


def _hinted(ctx: click.Context, name: str) -> click.Context:
    from saga.schema.problems import closest

    near = closest(name, _ENTRIES)
    ctx.meta["hint"] = f"did you mean `saga {near}`?" if near else "`saga --help` lists the commands"
    return ctx


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="saga-dsl", prog_name="saga", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Business transactions over many services, written as YAML.

    A saga runs its steps, waits for signals, and undoes what it did when something fails. What it did is in Postgres:
    kill it at any point, and it goes on where it was.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = cli.main(args=given, prog_name="saga", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as problem:
        return report(problem, as_json="--json" in given)
