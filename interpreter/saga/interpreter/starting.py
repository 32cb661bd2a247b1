"""Making a new run out of a definition and an input: its id, address, labels, and the normalised input.

This room must not know who asks or where it is stored.
"""

from __future__ import annotations

import os
import time
from hashlib import sha256
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriverUUID

from saga.interpreter.stored import DefinitionRow, NewRun, RunRow
from saga.schema.definition import Definition
from saga.schema.expressions import ExpressionFailed
from saga.schema.problems import quoted
from saga.schema.values import Value, ValueProblem, dump

LONGEST_ID = 200
"""Characters of a run's id."""

DEFAULT_QUEUE = "default"


def new_id() -> UUID:
    """A uuidv7 (RFC 9562, 5.7): its time part keeps index inserts at the right edge."""
    return _uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def child_id(key: str, at: int) -> UUID:
    """The uuidv7 of a run that another run starts: always the same for a step's key and the time it opened."""
    return _uuid7(at // 1000, sha256(key.encode()).digest()[:10])


def _uuid7(milliseconds: int, ten_bytes: bytes) -> UUID:
    random = int.from_bytes(ten_bytes, "big")
    bits = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62
    # The database driver's UUID, written in C: runs are looked up by it many times a step.
    return DriverUUID((bits | random & (2**62 - 1)).to_bytes(16, "big"))


def new_run(
    row: DefinitionRow,
    definition: Definition,
    given: Value,
    *,
    key: str | None = None,
    fallback: str | None = None,
    number: UUID | None = None,
    again: bool = False,
) -> tuple[NewRun, Value]:
    """A run to be stored and its prepared input.

    ``key``: the id to use instead of the one the file computes; ``fallback``: for a file that computes none.
    Raises ValueProblem: code ``validation`` for an input that does not fit, ``id`` for an id that cannot be computed.
    """
    prepared, labels = prepare(definition, given)
    number = number or new_id()
    identity = key if key is not None else _identity(definition, {"input": prepared}, fallback or str(number))
    run = NewRun(
        number,
        row.id,
        row.project,
        definition.queue or DEFAULT_QUEUE,
        f"{definition.name}/{identity}",
        dump(prepared),
        labels,
        again=again,
        after_undone=definition.id_reuse == "after_undone",
    )
    return run, prepared


def undo_run(run: RunRow, *, by: str, reason: str, number: UUID | None = None, again: int = 1) -> NewRun:
    """The run that undoes an ended one. Its input says who wants it and why; ``again`` counts such runs."""
    asked: dict[str, Value] = {"undoes": run.address, "by": by, "reason": reason}
    address = f"{run.address}.undo" if again == 1 else f"{run.address}.undo{again}"
    return NewRun(
        number or new_id(), run.definition, run.project, run.queue, address, dump(asked), run.labels, undoes=run.id
    )


def prepare(definition: Definition, given: Value) -> tuple[Value, str]:
    """A run's input, checked and completed, and its labels as JSON text.

    Raises ValueProblem: code ``validation`` for an input that does not fit, ``labels`` for labels that fail.
    """
    prepared = definition.input.prepare(given)
    try:
        labels = {name: template.evaluate({"input": prepared}) for name, template in definition.labels.items()}
    except ExpressionFailed as problem:
        raise ValueProblem("labels", f"the labels of the run cannot be computed: {problem}", "") from problem
    return prepared, dump(labels)


def _identity(definition: Definition, names: dict[str, Value], fallback: str) -> str:
    if definition.id is None:
        return fallback
    try:
        value = definition.id.evaluate(names)
    except ExpressionFailed as problem:
        raise ValueProblem("id", f"the id of the run cannot be computed: {problem}", "") from problem
    return check_id(value if isinstance(value, str) else str(value))


def check_id(text: str) -> str:
    """An id as given by people. Raises ValueProblem (code ``id``)."""
    if not text or len(text) > LONGEST_ID:
        raise ValueProblem("id", f"the id of a run has 1 to {LONGEST_ID} characters", "")
    if not text.isprintable() or any(character in "/ " for character in text):
        raise ValueProblem("id", f"the id of a run has no spaces, slashes or control characters: {text!r}", "")
    return text


def check_key(text: str) -> str:
    """The key under which a message counts once, as given by its sender. Raises ValueProblem (code ``key``)."""
    if not text or len(text) > LONGEST_ID or not text.isprintable():
        message = f"a key has 1 to {LONGEST_ID} characters and no control characters"
        raise ValueProblem("key", f"{message}: {quoted(text)}", "")
    return text
