"""Values come back equal. jsonb keeps neither key order nor the spelling of numbers: only normalised values go in."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_world import PostgresWorld, World, row, signal

from saga.interpreter.status import Status
from saga.interpreter.stored import Batch, Change
from saga.schema.values import Value, ValueProblem, dump, load, normalise

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def storable(documents: list[object]) -> list[Value]:
    values: list[Value] = []
    for document in documents:
        try:
            values.append(normalise(document))
        except ValueProblem:
            continue
    return values


def same(one: Value, other: Value) -> bool:
    """Equal also in type: 1, 1.0 and true are three things."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drawn=st.lists(documents, min_size=1, max_size=10))
async def test_values_come_back_equal_from_the_journal(world: World, drawn: list[object]) -> None:
    values = storable(drawn)
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.write(
        worker, Batch(rows=[row(run, seq, data=dump(value)) for seq, value in enumerate(values, 1)])
    )
    back = [load(kept.data) for kept in await world.store.journal(run)]
    assert all(map(same, back, values)), (values, back)
    assert len(back) == len(values)


CORNERS: list[Value] = [
    *(2**63 - 1, -(2**63), 0.1, -0.5, 1e-7, 5e-324, 2.2250738585072014e-308, 1.5e300 + 0.5, 123456789.123456789),
    *("", "é\u2028\U0001f600", '"\\/\b\f\n\r\t', "\x01\x1f\x7f", "\\u0000", "1e5"),
    *({"b": 1, "a": {"": [], "aa": {}}}, [[[]]], True, None, {"a": [1, 1.5, True, None, "x"]}),
]


async def test_corner_values_survive_in_every_column(world: World) -> None:
    value = storable(list(CORNERS))
    text = dump(value)
    worker = await world.worker()
    run = world.new(labels=dump({"k": "\u2028"}))
    run.input = text
    await world.store.write(worker, Batch(starts=[run]))
    await world.store.send([signal(run.id, data=text)])
    assert same(load((await world.store.inbox(run.id))[0].data), value)
    assert await world.change(worker, run.id, Status.COMPLETED, seen=1, output=text, error=text, problem=text)
    found = await world.see(run.id)
    for kept in (found.input, found.output, found.error, found.problem):
        assert same(load(kept or ""), value)
    assert same(load(found.labels), {"k": "\u2028"})


async def test_large_floats_are_refused_or_come_back_equal(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    values = storable([1e15, 1e16, 1e18, 9.3e18, 1e19, 1e22, 1.7976931348623157e308, -1e300])
    await world.store.write(
        worker, Batch(rows=[row(run, seq, data=dump(value)) for seq, value in enumerate(values, 1)])
    )
    back = [load(kept.data) for kept in await world.store.journal(run)]
    assert all(map(same, back, values)), (values, back)
    assert not any(isinstance(value, float) and math.isinf(value) for value in back)


@pytest.mark.parametrize(
    ("data", "words"),
    [('{"a": "\\u0000"}', "unicode"), ('{"a": }', "json"), ('{"a": "\ud800"}', "surrogates"), ('"\\ud800"', "unicode")],
)
async def test_data_the_database_refuses_spoils_its_run_only(
    postgres_world: PostgresWorld, data: str, words: str
) -> None:
    world = postgres_world
    worker = await world.worker()
    runs = [await world.owned(worker) for _ in range(9)]
    rows = [row(run, seq, data=data if run == runs[4] and seq == 2 else "{}") for run in runs for seq in (1, 2)]
    starts = [world.new() for _ in range(3)]
    written = await world.store.write(worker, Batch(rows=rows, starts=starts))
    assert list(written.bad) == [runs[4]]
    assert words in written.bad[runs[4]].lower()
    assert written.rows == {(run, seq) for run in runs if run != runs[4] for seq in (1, 2)}
    assert set(written.starts) == {start.id for start in starts}
    assert await world.store.journal(runs[4]) == []


async def test_a_key_too_long_for_the_index_spoils_its_run_only(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    incompressible = "".join(chr(0x4E00 + (at * 7919) % 20000) for at in range(4000))
    good, bad = world.new(), world.new(f"checkout/{incompressible}")
    written = await world.store.write(worker, Batch(starts=[bad, good]))
    assert set(written.starts) == {good.id}
    assert "index row" in written.bad[bad.id]


async def test_each_run_of_a_batch_keeps_its_own_blanks(world: World) -> None:
    """Columns of a batch travel as one text each: what is missing of one run is not filled by its neighbour's."""
    worker = await world.worker()
    runs = [await world.owned(worker) for _ in range(5)]
    odd = 'a\x1fb,{}"\\NULL '
    first = Change(runs[0], 1, 0, Status.WAITING, due=5_000_000, shown=odd, waiting=("paid", "late"), unread=2)
    second = Change(runs[1], 2, 0, Status.COMPLETED, outcome=odd, output="null", incomplete=True)
    third = Change(runs[2], 3, 0, Status.STUCK, hold=odd, problem='{"a":1}', error='"\\u001f"')
    others = [Change(run, 0, 0, Status.WAITING) for run in runs[3:]]
    changes = [others[0], first, second, third, others[1]]
    written = await world.store.write(worker, Batch(rows=[row(runs[0], 1)], changes=changes))
    assert written.changes == set(runs)
    for change in changes:
        found = await world.see(change.run)
        assert found.owner is None
        for name in ("status", "due", "shown", "waiting", "hold", "outcome", "output", "incomplete"):
            assert getattr(found, name) == getattr(change, name), name
        assert (load(found.problem or "0"), load(found.error or "0")) == (
            load(change.problem or "0"),
            load(change.error or "0"),
        )
