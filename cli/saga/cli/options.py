"""Arguments and options that several commands share. It must not know any command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, also for errors.")


def run_argument(function: F) -> F:
    """The argument RUN."""
    return click.argument("run", metavar="RUN")(function)


def reason_option(*, required: bool) -> Callable[[F], F]:
    """``--reason``, kept in the run's history."""
    said = "Why; kept in the history."
    if required:
        return click.option("--reason", required=True, metavar="TEXT", help=said)
    return click.option("--reason", default="", metavar="TEXT", help=said)


def actions_option(function: F) -> F:
    """``--actions``."""
    return click.option(
        "--actions",
        multiple=True,
        metavar="PATH",
        help="A file that registers actions, instead of the project's. May be given more than once.",
    )(function)
