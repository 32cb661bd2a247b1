"""`sql` actions on a real Postgres, each in its own transaction."""

import asyncio

import asyncpg
import pytest

from saga.interpreter.actions.answers import Ok, Postponed, Refusal, Unkeepable
from saga.interpreter.actions.sql import MAX_ROWS, WEATHER_DELAY, execute

MINUTE = 60_000_000

TABLES = """
create type size as enum ('small', 'big');
create domain positive as int check (value > 0);
create table orders (
    id text primary key,
    status text not null default 'new' check (status <> 'impossible'),
    amount numeric(30, 10),
    placed timestamptz,
    token uuid,
    lines jsonb,
    tags text[],
    kind size,
    parts positive,
    parent text references orders (id)
);
create function sell(wanted int) returns int language plpgsql as $$
begin
    if wanted > 10 then raise exception 'out_of_stock' using detail = 'only 10 left'; end if;
    if wanted > 5 then raise exception 'only 10 left, not %', wanted; end if;
    if wanted = 5 then raise exception 'five' using errcode = 'SG001'; end if;
    if wanted < 0 then assert wanted > 0, 'no less than nothing'; end if;
    return wanted;
end $$;
create procedure rename(old text, inout new text) language plpgsql as $$
begin update orders set id = new where id = old; end $$;
create procedure committing() language plpgsql as $$ begin commit; end $$;
"""


@pytest.fixture
async def connection(database_url):
    connection = await asyncpg.connect(database_url)
    await connection.execute(TABLES)
    yield connection
    await connection.close()


async def run(connection, text, limit=MINUTE, **arguments):
    """One attempt, as whoever owns the transaction makes it."""
    transaction = connection.transaction()
    await transaction.start()
    answer = await execute(connection, text, arguments, limit)
    if isinstance(answer, Ok | Unkeepable):
        await transaction.commit()
    else:
        await transaction.rollback()
    return answer


async def test_every_type_goes_in_and_comes_back(connection):
    given = {
        "id": "o-1",
        "amount": "12345678901234567890.123",
        "placed": "2026-01-31T11:30:00+02:00",
        "token": "0189d8f2-6d5c-7b1a-8d6e-6f3f1a2b3c4d",
        "lines": {"b": [1.5, None], "a": "ü"},
        "tags": ["x", None],
        "kind": "big",
        "parts": 3,
    }
    columns = ", ".join(given)
    places = ", ".join(f":{name}" for name in given)
    insert = f"insert into orders ({columns}) values ({places}) returning *"
    answer = await run(connection, insert, **given)
    row = given | {
        "amount": "12345678901234567890.1230000000",
        "placed": "2026-01-31T09:30:00Z",
        "status": "new",
        "parent": None,
    }
    assert answer == Ok({"rows": [row], "count": 1})


async def test_what_is_selected(connection):
    text = "select i::int4 as n, i / 4.0 as quarter, null as nothing, i = 2 as two from generate_series(1, :last) as i"
    answer = await run(connection, text, last=2)
    rows = [
        {"n": 1, "quarter": 0.25, "nothing": None, "two": False},
        {"n": 2, "quarter": 0.5, "nothing": None, "two": True},
    ]
    assert answer == Ok({"rows": rows, "count": 2})
    assert await run(connection, "select id from orders") == Ok({"rows": [], "count": 0})


async def test_what_is_touched_is_counted(connection):
    insert = "insert into orders (id) select 'o-' || i from generate_series(1, 5) as i"
    assert await run(connection, insert) == Ok({"rows": [], "count": 5})
    update = "UPDATE orders SET status = 'shipped' WHERE id = :order_id"
    assert await run(connection, update, order_id="o-1") == Ok({"rows": [], "count": 1})
    assert await run(connection, update, order_id="o-9") == Ok({"rows": [], "count": 0})
    merge = (
        "merge into orders o using (values ('o-1'), ('o-7')) as v (id) on o.id = v.id "
        "when matched then delete when not matched then insert (id) values (v.id)"
    )
    assert await run(connection, merge) == Ok({"rows": [], "count": 2})
    delete = "with gone as (delete from orders returning id) select count(*) as n from gone"
    assert await run(connection, delete) == Ok({"rows": [{"n": 5}], "count": 1})


async def test_a_procedure_is_called(connection):
    await run(connection, "insert into orders (id) values ('a')")
    assert await run(connection, "call rename(:old, :new)", old="a", new="b") == Ok(
        {"rows": [{"new": "b"}], "count": 1}
    )
    assert await connection.fetchval("select id from orders") == "b"


async def test_placeholders_are_found_where_they_are_and_used_twice(connection):
    text = "select ':x' || :x::text || (select ':x' /* :x */ || :y) -- :x\n as said where :x::text = 'a'"
    assert await run(connection, text, x="a", y="b") == Ok({"rows": [{"said": ":xa:xb"}], "count": 1})


@pytest.mark.parametrize(
    ("text", "arguments", "code", "message"),
    [
        (
            "insert into orders (id) values ('o-0')",
            {},
            "unique_violation",
            'duplicate key value violates unique constraint "o',
        ),
        (
            "insert into orders (status) values ('x')",
            {},
            "not_null_violation",
            'null value in column "id" of relation "ord',
        ),
        (
            "update orders set status = 'impossible'",
            {},
            "check_violation",
            'new row for relation "orders" violates check c',
        ),
        (
            "update orders set parent = 'x'",
            {},
            "foreign_key_violation",
            'insert or update on table "orders" violates for',
        ),
        (
            "update orders set parts = :n",
            {"n": -1},
            "check_violation",
            "value for domain positive violates check constra",
        ),
        ("select 1 / :n::int as x", {"n": 0}, "division_by_zero", "division by zero"),
        (
            "update orders set kind = :kind",
            {"kind": "huge"},
            "invalid_text_representation",
            "invalid input value for enum",
        ),
        (
            "select :n::text::int2 as x",
            {"n": "99999"},
            "numeric_value_out_of_range",
            'value "99999" is out of range for',
        ),
        ("select sell(11)", {}, "out_of_stock", "out_of_stock\nDETAIL:  only 10 left"),
        ("select sell(6)", {}, "raise_exception", "only 10 left, not 6"),
        ("select sell(5)", {}, "sqlstate_sg001", "five"),
        ("select sell(-1)", {}, "assert_failure", "no less than nothing"),
        (
            "select :n::int2 as x",
            {"n": 99999},
            "invalid_parameter_value",
            ":n (int2) wants a whole number of at most 16 bits",
        ),
        (
            "select :n::inet as x",
            {"n": "nowhere"},
            "data_exception",
            "invalid input for query argument $1: 'nowhere' (",
        ),
        ("select :n::int4 as x", {"n": "7"}, "invalid_parameter_value", ":n (int4) wants a whole number of at "),
        ("select * from nowhere", {}, "sql_error", 'relation "nowhere" does not exist'),
        ("select nothing from orders", {}, "sql_error", 'column "nothing" does not exist'),
        ("select from from", {}, "sql_error", 'syntax error at or near "from"'),
        ("select 1; select 2", {}, "sql_error", "cannot insert multiple commands into a prepared statement"),
        ("call committing()", {}, "sql_error", "invalid transaction termination"),
        (
            "select id, parent as id from orders",
            {},
            "sql_error",
            "two columns of the result have the same name; name them",
        ),
    ],
)
async def test_what_is_rejected_and_rolled_back(connection, text, arguments, code, message):
    await connection.execute("insert into orders (id, parts) values ('o-0', 1)")
    answer = await run(connection, text, **arguments)
    assert isinstance(answer, Refusal)
    assert answer.code == code
    assert answer.message.startswith(message)
    assert await connection.fetch("select id, status, parts from orders") == [("o-0", "new", 1)]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "select 'a'::bytea as c",
            "not_storable",
            "the column c holds bytes, which is not JSON; select encode(c, 'base64') ",
        ),
        (
            "select row(1, 2) as c",
            "not_storable",
            "the column c holds record, which is not JSON; select c::text instead",
        ),
        (
            "select 'NaN'::float8 as c",
            "not_storable",
            "the result of the statement at /rows/0/c: NaN and infinity are no ",
        ),
        ("select repeat('x', 300000) as c", "too_large", "the result of the statement is "),
        (
            "select generate_series(1, 10000000) as c",
            "too_large",
            f"the statement returns over {MAX_ROWS} rows; select fewer",
        ),
    ],
)
async def test_what_cannot_be_kept(connection, text, code, message):
    answer = await run(connection, text)
    assert isinstance(answer, Unkeepable)
    assert answer.code == code
    assert answer.message.startswith(message)


async def test_a_statement_that_takes_too_long_is_rolled_back(connection):
    slow = "insert into orders (id) select 'o-' || pg_sleep(20)::text"
    answer = await run(connection, slow, 100_000)
    message = "the statement took longer than attempt_timeout; it was rolled back"
    assert answer == Refusal("attempt_timeout", message)
    assert await connection.fetchval("select count(*) from orders") == 0


@pytest.mark.parametrize("before", ["0", "7s"])
async def test_the_time_limit_is_the_statements_alone(connection, before):
    await connection.execute(f"set statement_timeout = '{before}'")
    async with connection.transaction():
        answer = await execute(connection, "select current_setting('statement_timeout') as t", {}, 2_500_000)
        assert answer == Ok({"rows": [{"t": "2500ms"}], "count": 1})
        assert await connection.fetchval("show statement_timeout") == before
    assert await connection.fetchval("show statement_timeout") == before


UPDATE = "update orders set status = 'x' where id = :id"
WAITS = "select count(*) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'"


async def until_it_waits(watching, connection):
    async with asyncio.timeout(120):
        while not await watching.fetchval(WAITS, connection.get_server_pid()):
            pass


async def test_a_lock_that_is_not_to_be_had_is_postponed(connection, database_url):
    await connection.execute("insert into orders (id) values ('a')")
    await connection.execute("set lock_timeout = '50ms'")
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute("update orders set status = 'y'")
            assert await run(connection, UPDATE, id="a") == Postponed(WEATHER_DELAY)
        assert await run(connection, UPDATE, id="a") == Ok({"rows": [], "count": 1})
    finally:
        await other.close()


async def test_a_deadlock_is_postponed(connection, database_url):
    await connection.execute("insert into orders (id) values ('a'), ('b')")
    other, watching = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        await connection.execute("set deadlock_timeout = '10ms'")  # so it is this one that notices, and loses
        await other.execute("set deadlock_timeout = '1h'")
        mine, others = connection.transaction(), other.transaction()
        await mine.start()
        await others.start()
        assert isinstance(await execute(connection, UPDATE, {"id": "a"}, MINUTE), Ok)
        assert isinstance(await execute(other, UPDATE, {"id": "b"}, MINUTE), Ok)
        waiting = asyncio.create_task(execute(other, UPDATE, {"id": "a"}, MINUTE))
        await until_it_waits(watching, other)
        assert await execute(connection, UPDATE, {"id": "b"}, MINUTE) == Postponed(WEATHER_DELAY)
        await mine.rollback()
        assert isinstance(await waiting, Ok)
        await others.commit()
    finally:
        await other.close()
        await watching.close()


async def test_a_serialization_failure_is_postponed(connection, database_url):
    await connection.execute("insert into orders (id) values ('a')")
    other = await asyncpg.connect(database_url)
    try:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        await connection.fetchval("select count(*) from orders")
        await other.execute("update orders set status = 'x'")
        assert await execute(connection, "update orders set status = 'y'", {}, MINUTE) == Postponed(WEATHER_DELAY)
        await transaction.rollback()
    finally:
        await other.close()


async def test_a_lost_connection_is_postponed(connection, database_url):
    other = await asyncpg.connect(database_url)
    try:
        pid = connection.get_server_pid()
        transaction = connection.transaction()
        await transaction.start()
        task = asyncio.create_task(execute(connection, "select pg_sleep(20)::text as x", {}, MINUTE))
        running = (
            "select count(*) from pg_stat_activity where pid = $1 and query like '%pg_sleep%' and state = 'active'"
        )
        async with asyncio.timeout(120):
            while not await other.fetchval(running, pid):
                pass
        await other.execute("select pg_terminate_backend($1)", pid)
        assert await task == Postponed(WEATHER_DELAY)
        assert await execute(connection, "select 1 as x", {}, MINUTE) == Postponed(WEATHER_DELAY)
    finally:
        await other.close()


async def test_a_connection_in_use_is_no_weather(connection):
    async with connection.transaction():
        sleeping = asyncio.create_task(connection.execute("select pg_sleep(0.2)"))
        await asyncio.sleep(0)
        answer = await execute(connection, "select 1 as x", {}, MINUTE)
        assert answer == Refusal("sql_error", "cannot perform operation: another operation is in progress")
        await sleeping


async def test_a_cancelled_statement_ends_in_the_database(connection):
    transaction = connection.transaction()
    await transaction.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await execute(connection, "select pg_sleep(20)::text as x", {}, MINUTE)
    await transaction.rollback()
    assert await connection.fetchval("select 1") == 1
