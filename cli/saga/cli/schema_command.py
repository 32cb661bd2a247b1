"""``saga schema``: the JSON Schemas of saga files and of test files, for editors."""

from __future__ import annotations

import click

from saga.cli.exits import Exit

FILE = "saga.schema.json"
"""The name that `saga init` and the modeline suggest."""
TEST_FILE = "saga.test.schema.json"
MODELINE = "# yaml-language-server: $schema=./{file}"


@click.command()
@click.option("--modeline", is_flag=True, help="Print the line that tells an editor about it, instead.")
@click.option("--test", "of_tests", is_flag=True, help="That of test files (.test.yaml) instead.")
def schema(modeline: bool, of_tests: bool) -> int:
    """Print the JSON Schema (2020-12) of saga files.

    With it, editors complete keys, explain them and underline mistakes while one types:

    \b
    saga schema > saga.schema.json
    saga schema --modeline          the first line of each saga file beside it
    saga schema --test > saga.test.schema.json
    """
    if modeline:
        click.echo(MODELINE.format(file=TEST_FILE if of_tests else FILE))
        return Exit.DONE
    if of_tests:
        from saga.schema.testfile.json_schema import committed_text
    else:
        from saga.schema.language.json_schema import committed_text

    click.echo(committed_text(), nl=False)
    return Exit.DONE
