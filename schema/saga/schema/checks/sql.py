"""Checks of `sql` actions: one statement of a short list, with the arguments it names (semantics.md 27)."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe, did_you_mean
from saga.schema.checks.survey import Survey, passed_names
from saga.schema.sql_text import VERBS, Token, placeholders, tokens, verb
from saga.schema.yaml_text.nodes import Pointer


def statements(survey: Survey) -> Iterator[Finding]:
    """What the statement is."""
    for at, text in _texts(survey):
        found = tokens(text)
        yield from _statement(at, found)
        for index, token in enumerate(found[:-1]):
            if (
                token.identifier == "saga"
                and found[index + 1].text == "."
                and (index == 0 or found[index - 1].text != ".")
            ):
                message = f"{describe(at)} names the schema saga, which belongs to the engine"
                hint = "keep your tables in a schema of your own"
                yield Finding("SAGA252", message, at, hint, start=token.start, length=len(token.text))
                break


def arguments(survey: Survey) -> Iterator[Finding]:
    """Each placeholder has its argument, and each argument its placeholder."""
    for at, action in survey.actions():
        text = getattr(action, "sql", None)
        if text is None:
            continue
        given = passed_names(action.with_)
        for token in tokens(text):
            name = token.text[1:]
            if token.kind == "name" and name not in given:
                message = f'the placeholder ":{name}" has no argument in with'
                hint = did_you_mean(name, given, f"add {name} to with")
                yield Finding("SAGA253", message, (*at, "sql"), hint, start=token.start, length=len(token.text))
            elif token.kind == "number":
                message = f'the statement names the placeholder "{token.text}"'
                hint = "placeholders are names of with, such as :order_id"
                yield Finding("SAGA253", message, (*at, "sql"), hint, start=token.start, length=len(token.text))
        for name, place in given.items():
            if name not in placeholders(text):
                message = f'the argument "{name}" is not used by the statement'
                hint = f"write :{name} where it belongs, or leave it out"
                yield Finding("SAGA253", message, (*at, "with", place), hint, on_key=isinstance(place, str))


def _texts(survey: Survey) -> Iterator[tuple[Pointer, str]]:
    for at, action in survey.actions():
        text = getattr(action, "sql", None)
        if text is not None:
            yield (*at, "sql"), text


def _statement(at: Pointer, found: tuple[Token, ...]) -> Iterator[Finding]:
    first = verb(found)
    if first is None or first.identifier not in VERBS:
        what = f'"{first.text.upper()}"' if first else "no statement"
        message = f"{describe(at)} is {what}, which cannot stand in a step"
        hint = "write one SELECT, INSERT, UPDATE, DELETE, MERGE or CALL; tables are made by your migrations"
        yield Finding(
            "SAGA250", message, at, hint, start=first.start if first else 0, length=len(first.text) if first else 0
        )
    for index, token in enumerate(found):
        if token.text == ";" and index < len(found) - 1:
            message = f"{describe(at)} has more than one statement"
            hint = "write one statement a step, so that each is committed with its own step"
            yield Finding("SAGA251", message, at, hint, start=found[index + 1].start, length=len(found[index + 1].text))
            break
    if "${{" in "".join(token.text for token in found):
        message = f"{describe(at)} puts a value into the text of the statement"
        yield Finding("SAGA253", message, at, "pass it by with and write :name, so that it can never be read as SQL")
