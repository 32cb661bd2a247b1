"""``saga explain``: what the code of a problem means."""

from __future__ import annotations

import json
import shutil
import textwrap

import click

from saga.cli.exits import Exit
from saga.cli.failures import usage
from saga.cli.options import json_option
from saga.schema.codes import CODES, Explanation

_PREFIX = "SAGA"
_DIGITS = 3
_WIDEST = 88
"""Columns that are still read with ease."""


@click.command()
@click.argument("code", required=False)
@json_option
def explain(code: str | None, as_json: bool) -> int:
    """Explain CODE, such as SAGA210; without one, list all codes."""
    if code is None:
        _list(as_json)
        return Exit.DONE
    page = _page(code)
    if as_json:
        _print_json({"code": page.code, "title": page.title, "text": page.text})
    else:
        click.echo(f"{page.code}: {page.title}\n\n{_wrapped(page.text)}")
    return Exit.DONE


def _page(code: str) -> Explanation:
    """The page of a code, also without its prefix or in small letters. Raises Failure."""
    wanted = code.strip().upper()
    wanted = wanted if wanted.startswith(_PREFIX) else _PREFIX + wanted
    if wanted in CODES:
        return CODES[wanted]
    near = _near(wanted.removeprefix(_PREFIX))
    hint = f"did you mean {near.code}, {near.title}?" if near else "`saga explain` lists them all"
    raise usage(f'there is no code "{code}"', hint)


def _near(number: str) -> Explanation | None:
    """The page whose number is nearest: codes of one area stand together, so it is about something alike."""
    if not (number.isascii() and number.isdigit() and len(number) == _DIGITS):
        return None
    return min(CODES.values(), key=lambda page: abs(int(page.code.removeprefix(_PREFIX)) - int(number)))


def _wrapped(text: str) -> str:
    """The paragraphs folded for reading; examples, which stand indented, as they are."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    paragraphs = text.split("\n\n")
    return "\n\n".join(each if each.startswith(" ") else textwrap.fill(each, width) for each in paragraphs)


def _list(as_json: bool) -> None:
    if as_json:
        _print_json({"codes": [{"code": page.code, "title": page.title} for page in CODES.values()]})
        return
    for page in CODES.values():
        click.echo(f"{page.code}  {page.title}")


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
