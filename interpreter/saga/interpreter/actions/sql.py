"""`sql` actions: one statement, performed in the transaction that its journal row commits in (semantics.md 27).

Whatever goes wrong is rolled back with that transaction, so an `sql` action is never unknown:

- what the data forbid (classes 22 and 23, and what functions raise) is a rejection named after Postgres' condition,
  such as ``unique_violation``; ``RAISE EXCEPTION 'out_of_stock'`` is the rejection ``out_of_stock``, and a SQLSTATE of
  an author's own is ``sqlstate_sg001``;
- what time mends (deadlock, serialization, a lock not to be had, a server in trouble) is postponed and takes no try;
- a statement that took longer than ``attempt_timeout`` is the rejection ``attempt_timeout``;
- all else, from a typing error to a missing table, is the rejection ``sql_error``: trying again would not help.

This room must not know the journal, nor who opens and ends the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import asyncpg

from saga.interpreter.actions.answers import Answer, Ok, Postponed, Refusal, Unkeepable, is_code
from saga.interpreter.actions.sql_values import Unfit, from_column, to_parameter
from saga.schema.sql_text import numbered, placeholders
from saga.schema.values import Value, ValueProblem, normalise

MAX_ROWS = 10_000
"""More rows than this are not read: the output would be too large in any case."""
WEATHER_DELAY = 1_000_000
"""Microseconds until a statement that only met bad luck is tried again."""

_REFUSED = re.compile(r"2[23]|40002|P0")
"""SQLSTATEs, by their beginning, of what the data or a function's author forbid."""
_WEATHER = re.compile(r"08|40|53|57P|58|25006|25P0[34]|55P03|55006")
_TIMED_OUT = "57014"
_RAISED = "P0001"
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONDITIONS = {
    "22000": "data_exception",
    "22011": "substring_error",
    "22027": "trim_error",
    "2202E": "array_subscript_error",
    "22P01": "floating_point_exception",
    "P0000": "plpgsql_error",
    "P0004": "assert_failure",
}
"""Conditions whose Python class is not simply called after them."""


async def execute(connection: Any, text: str, arguments: Mapping[str, Value], attempt_timeout: int) -> Answer:
    """Performs the statement on an asyncpg connection inside its open transaction. ``attempt_timeout``: microseconds.

    Each ``:name`` has its argument; the loader has seen to that (SAGA324).
    Ok has ``{"rows": [...], "count": n}``: the rows as maps, and how many rows were returned or touched.
    """
    statement, names = _read(text)
    try:
        # The limit is local to the transaction, which goes on to write the journal: so it is put back.
        before = await connection.fetchval(
            "select current_setting('statement_timeout'), set_config('statement_timeout', $1, true)",
            str(max(1, attempt_timeout // 1000)),
        )
        answer = await _perform(connection, statement, names, arguments)
        await connection.execute("select set_config('statement_timeout', $1, true)", before)
    except asyncpg.PostgresError as error:
        return refused(error)
    except OSError:
        return Postponed(WEATHER_DELAY)
    except asyncpg.InterfaceError as error:
        return Postponed(WEATHER_DELAY) if connection.is_closed() else Refusal("sql_error", str(error))
    return answer


async def _perform(connection: Any, text: str, names: tuple[str, ...], arguments: Mapping[str, Value]) -> Answer:
    statement = await connection.prepare(text)
    parameters = []
    for name, kind in zip(names, statement.get_parameters(), strict=True):
        try:
            parameters.append(to_parameter(arguments[name], kind.name))
        except Unfit as unfit:
            return Refusal("invalid_parameter_value", f":{name} ({kind.name}) {unfit}")
    columns = {attribute.name: attribute.type.name for attribute in statement.get_attributes()}
    if len(columns) < len(statement.get_attributes()):
        return Refusal("sql_error", "two columns of the result have the same name; name them apart with AS")
    if not columns:
        await statement.fetch(*parameters)
        return Ok({"rows": [], "count": _count(statement.get_statusmsg())})
    records = await (await statement.cursor(*parameters)).fetch(MAX_ROWS + 1)
    return _rows(records, columns)


def _rows(records: list[Any], columns: Mapping[str, str]) -> Answer:
    if len(records) > MAX_ROWS:
        return Unkeepable("too_large", f"the statement returns over {MAX_ROWS} rows; select fewer, or count them")
    try:
        rows: list[Value] = [
            {name: from_column(record[name], kind, name) for name, kind in columns.items()} for record in records
        ]
        return Ok(normalise({"rows": rows, "count": len(rows)}, what="the result of the statement"))
    except ValueProblem as problem:
        return Unkeepable("too_large" if problem.code == "too_large" else "not_storable", problem.message)


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[str, tuple[str, ...]]:
    """The statement with numbered placeholders, and their names in the order of the numbers."""
    return numbered(text), placeholders(text)


def _count(status: str | None) -> int:
    """How many rows were touched, by a command tag such as ``INSERT 0 5`` or ``CALL``."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def refused(error: asyncpg.PostgresError) -> Answer:
    """What the database's refusal of an author's statement means; or of the commit, as a deferred constraint does."""
    state = error.sqlstate or ""
    if state == _TIMED_OUT:
        return Refusal("attempt_timeout", "the statement took longer than attempt_timeout; it was rolled back")
    if _REFUSED.match(state) is None and _WEATHER.match(state) is not None:
        return Postponed(WEATHER_DELAY)
    message = str(error)
    if state == _RAISED:
        raised = str(error.args[0]) if error.args else ""
        return Refusal(raised if is_code(raised) else "raise_exception", message)
    if isinstance(error, asyncpg.UnknownPostgresError):
        return Refusal(f"sqlstate_{state.lower()}", message)
    return Refusal(_condition(error, state) if _REFUSED.match(state) else "sql_error", message)


def _condition(error: asyncpg.PostgresError, state: str) -> str:
    """Postgres' name of the condition: UniqueViolationError is ``unique_violation``."""
    name = _WORD_START.sub("_", type(error).__name__.removesuffix("Error")).lower()
    return _CONDITIONS.get(state, name)
