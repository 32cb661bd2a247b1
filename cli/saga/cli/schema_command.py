"""``saga schema``: the JSON Schema of saga files, for editors."""

from __future__ import annotations

import click

from saga.cli.exits import Exit

FILE = "saga.schema.json"
"""The name that `saga init` and the modeline suggest."""
MODELINE = f"# yaml-language-server: $schema=./{FILE}"


@click.command()
@click.option("--modeline", is_flag=True, help="Print the line that tells an editor about it, instead.")
def schema(modeline: bool) -> int:
    """Print the JSON Schema (2020-12) of saga files.

    With it, editors complete keys, explain them and underline mistakes while one types:

    \b
    saga schema > saga.schema.json
    saga schema --modeline          the first line of each saga file beside it
    """
    if modeline:
        click.echo(MODELINE)
        return Exit.DONE
    from saga.schema.language.json_schema import committed_text

    click.echo(committed_text(), nl=False)
    return Exit.DONE
