"""Reading SQL as far as steps need it."""

from __future__ import annotations

import pytest

from saga.schema.sql_text import numbered, placeholders, tokens, verb


@pytest.mark.parametrize(
    ("text", "names", "sent"),
    [
        ("SELECT :a, :b, :a", ("a", "b"), "SELECT $1, $2, $1"),
        ("SELECT now()::date, :a::int", ("a",), "SELECT now()::date, $1::int"),
        ("SELECT ':a', \":b\", :c", ("c",), "SELECT ':a', \":b\", $1"),
        ("SELECT $$:a$$, $t$:b $$ $t$, :c", ("c",), "SELECT $$:a$$, $t$:b $$ $t$, $1"),
        ("SELECT E'it\\'s :a', 'it''s :b', :c", ("c",), "SELECT E'it\\'s :a', 'it''s :b', $1"),
        ("SELECT 1 -- :a\n, :b /* :c */", ("b",), "SELECT 1 -- :a\n, $1 /* :c */"),
        ("CALL f(x := :a)", ("a",), "CALL f(x := $1)"),
        ("SELECT a[1:2]", (), "SELECT a[1:2]"),
    ],
)
def test_placeholders(text: str, names: tuple[str, ...], sent: str) -> None:
    assert placeholders(text) == names
    assert numbered(text) == sent


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("update t set a = 1", "update"),
        ("/* first */ -- second\nDELETE FROM t", "delete"),
        ("WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a", "select"),
        ("with recursive a(n) as (select 1) insert into t select n from a", "insert"),
        ("WITH a AS (SELECT 1) TABLE a", "with"),
        ("BEGIN", "begin"),
    ],
)
def test_verb(text: str, word: str) -> None:
    found = verb(tokens(text))
    assert found is not None
    assert found.identifier == word


def test_no_statement() -> None:
    assert verb(tokens("  -- nothing\n")) is None
