"""Performing attempts of functions: whatever a function does, the answer is one of ours."""

import asyncio
import logging
import threading
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from saga.interpreter.actions.answers import Later, Missing, Ok, Postponed, Refusal, Rejected, Unkeepable, Unknown
from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import LONGEST_MESSAGE, Attempt, Performer
from saga.interpreter.actions.registry import Actions, StepContext, action
from saga.interpreter.actions.secrets import Secrets
from saga.schema.definition import Action, HttpRequest, SqlStatement, Verb
from saga.schema.expressions import compile_template

RUN = UUID("01890000-0000-7000-8000-000000000001")
NOTHING = compile_template({})


def attempt_of(function, arguments=None, **more):
    return attempt(Action(Verb.CALL, NOTHING, function=function), arguments, **more)


def attempt(what, arguments=None, **more):
    known = {"run": RUN, "address": "checkout/o-1", "saga": "checkout", "step": "reserve", "key": f"{RUN}/reserve"}
    known |= {"attempt": 1, "undo": False, "action": what, "arguments": arguments or {}, "started_at": 1_000_000}
    return Attempt(**(known | more))


@asynccontextmanager
async def performing(*functions, environ=None, threads=4):
    secrets = Secrets(environ or {})
    performer = Performer(Actions([action(each) for each in functions]), secrets, Http(secrets), threads=threads)
    performer.secrets = secrets
    try:
        yield performer
    finally:
        await performer.close()


async def answer_of(function, arguments=None, **more):
    async with performing(function) as performer:
        return await performer.perform(attempt_of(function.__name__, arguments, **more))


# -- outputs
async def test_async_and_sync_functions_answer():
    async def direct(a, b):
        assert threading.current_thread() is threading.main_thread()
        return {"sum": a + b}

    def threaded(a, b):
        assert threading.current_thread() is not threading.main_thread()
        return {"sum": a + b}

    assert await answer_of(direct, {"a": 1, "b": 2}) == Ok({"sum": 3})
    assert await answer_of(threaded, {"a": 1, "b": 2}) == Ok({"sum": 3})


async def test_nothing_returned_is_null():
    async def quiet():
        pass

    assert await answer_of(quiet) == Ok(None)


async def test_a_coroutine_returned_by_a_sync_function_is_awaited():
    async def inner():
        return 7

    def outer():
        return inner()

    assert await answer_of(outer) == Ok(7)


async def test_outputs_are_normalised():
    async def numbers():
        return {"a": 2.0, "b": (1, 2)}

    answer = await answer_of(numbers)
    assert answer == Ok({"a": 2, "b": [1, 2]})
    assert isinstance(answer.output["a"], int)


async def test_what_cannot_be_kept():
    async def thing():
        return {"at": datetime(2026, 1, 1)}

    async def huge():
        return "x" * 300_000

    assert await answer_of(thing) == Unkeepable(
        "not_storable",
        "the output of thing at /at: a Python datetime is not JSON; send its .isoformat()",
    )
    answer = await answer_of(huge)
    assert isinstance(answer, Unkeepable)
    assert answer.code == "too_large"
    assert answer.message.startswith("the output of huge is ")


async def test_a_function_cannot_change_the_runs_values():
    async def spoil(items, order):
        items.append("x")
        items[0].clear()
        order["lines"].append(1)
        return items

    given = {"items": [{"a": 1}], "order": {"lines": []}}
    assert await answer_of(spoil, given) == Ok([{}, "x"])
    assert given == {"items": [{"a": 1}], "order": {"lines": []}}


# -- errors
class CardDeclined(Exception):
    pass


class HTTPError(Exception):
    pass


class _S3Problem(Exception):
    pass


class Überlauf(Exception):
    pass


class Coded(Exception):
    def __init__(self, code):
        super().__init__("with a code")
        self.code = code


class Broken(Exception):
    @property
    def code(self):
        raise RuntimeError("no code")

    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Rejected("card_declined", "no money"), Refusal("card_declined", "no money")),
        (Rejected("card_declined"), Refusal("card_declined", "")),
        (Later(1.5), Postponed(1_500_000)),
        (CardDeclined("no money"), Unknown("card_declined", "no money")),
        (HTTPError(), Unknown("http_error", "HTTPError")),
        (_S3Problem("x"), Unknown("s3_problem", "x")),
        (Überlauf("x"), Unknown("error", "x")),
        (TimeoutError("slow"), Unknown("timeout_error", "slow")),
        (ConnectionResetError(), Unknown("connection_reset_error", "ConnectionResetError")),
        (Coded("insufficient_funds"), Unknown("insufficient_funds", "with a code")),
        (Coded("E-17"), Unknown("coded", "with a code")),
        (Coded(402), Unknown("coded", "with a code")),
        (Broken(), Unknown("broken", "Broken")),
        (SystemExit(3), Unknown("system_exit", "3")),
        (asyncio.CancelledError(), Unknown("cancelled_error", "CancelledError")),
        (ExceptionGroup("two", [ValueError("a")]), Unknown("exception_group", "two (1 sub-exception)")),
        (ValueError("nul \0 half \ud800"), Unknown("value_error", "nul \\0 half \\ud800")),
        (ValueError("x" * 5000), Unknown("value_error", "x" * LONGEST_MESSAGE + "…")),
    ],
)
async def test_what_exceptions_mean(error, answer):
    async def direct():
        raise error

    def threaded():
        raise error

    assert await answer_of(direct) == answer
    assert await answer_of(threaded) == answer


async def test_stop_iteration_is_an_error_like_any_other():
    def threaded():
        raise StopIteration

    assert await answer_of(threaded) == Unknown("runtime_error", "coroutine raised StopIteration")


async def test_a_cancelled_attempt_is_cancelled():
    started = asyncio.Event()

    async def endless():
        started.set()
        await asyncio.Event().wait()

    async with performing(endless) as performer:
        task = asyncio.create_task(performer.perform(attempt_of("endless")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_secrets_stay_out_of_messages_and_logs(caplog):
    async def leak():
        raise CardDeclined("token t-123456 refused")

    async def refuse():
        raise Rejected("refused", "t-123456?")

    caplog.set_level(logging.DEBUG, logger="saga.actions")
    async with performing(leak, refuse, environ={"TOKEN": "t-123456"}) as performer:
        assert performer.secrets.get("TOKEN") == "t-123456"
        answer = await performer.perform(attempt_of("leak", attempt=2))
        assert answer == Unknown("card_declined", "token ***TOKEN*** refused")
        assert await performer.perform(attempt_of("refuse")) == Refusal("refused", "***TOKEN***?")
    warning, traceback = caplog.records
    assert warning.getMessage() == "checkout/o-1 reserve attempt 2: card_declined: token ***TOKEN*** refused"
    assert (warning.levelname, warning.run, warning.step) == ("WARNING", "checkout/o-1", "reserve")
    assert traceback.levelname == "DEBUG"
    assert traceback.getMessage().startswith("Traceback (most recent call last):")
    assert "t-123456" not in caplog.text


async def test_a_rejection_is_no_matter_for_the_log(caplog):
    async def refuse():
        raise Rejected("refused")

    await answer_of(refuse)
    assert caplog.records == []


# -- what is missing
async def test_a_missing_function_is_not_tried():
    async with performing() as performer:
        assert await performer.perform(attempt_of("inventory.reserve")) == Missing(
            "action:inventory.reserve", "no worker here has an action inventory.reserve"
        )


async def test_arguments_that_do_not_bind_are_not_tried():
    called = []

    async def reserve(order_id):
        called.append(order_id)

    answer = await answer_of(reserve, {"order": 1})
    assert isinstance(answer, Missing)
    assert answer.hold == "action:reserve"
    assert "needs `order_id`, does not take `order`" in answer.message
    assert called == []


async def test_what_can_be_offered_to_held_runs():
    async def reserve():
        pass

    async with performing(reserve, environ={"TOKEN": "t"}) as performer:
        holds = ("action:reserve", "action:release", "secret:TOKEN", "secret:KEY", "transaction")
        assert [performer.offers(hold) for hold in holds] == [True, False, True, False, False]


# -- injected parameters
async def test_the_context():
    seen = []

    def release(context: StepContext):
        seen.append(context)

    await answer_of(release, key="k/undo", attempt=3, undo=True, undoes="k", started_at=1_500_000)
    assert seen == [
        StepContext(
            run="checkout/o-1",
            run_id=RUN,
            saga="checkout",
            step="reserve",
            key="k/undo",
            attempt=3,
            undo=True,
            undoes="k",
            started_at=datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
        )
    ]


async def test_an_argument_takes_the_place_of_an_injected_parameter():
    async def name_it(context, tx):
        return [context, tx]

    assert await answer_of(name_it, {"context": "mine", "tx": "also mine"}) == Ok(["mine", "also mine"])


class Opened:
    """An open transaction, as the store's port has it."""

    def __init__(self, connection):
        self.connection = connection


async def test_a_function_with_tx_works_in_the_callers_transaction(database_url):
    async def book(amount, tx):
        await tx.execute("insert into booking values ($1)", amount)
        return await tx.fetchval("select sum(amount) from booking")

    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("create table booking (amount bigint)")

        async def opened():
            await outside.start()
            return Opened(connection)

        async with performing(book) as performer:
            outside = connection.transaction()
            assert await performer.perform(attempt_of("book", {"amount": 3}), opened) == Ok(3)
            await outside.rollback()
            outside = connection.transaction()
            assert await performer.perform(attempt_of("book", {"amount": 4}), opened) == Ok(4)
            await outside.commit()
            insert = Action(Verb.SQL, NOTHING, statement=SqlStatement("insert into booking values (:amount)"))
            outside = connection.transaction()
            answer = await performer.perform(attempt(insert, {"amount": 5}), opened)
            assert answer == Ok({"rows": [], "count": 1})
            await outside.commit()
        assert await connection.fetchval("select array_agg(amount) from booking") == [4, 5]
    finally:
        await connection.close()


async def test_without_transactions_such_actions_are_not_tried():
    async def book(tx):
        raise AssertionError

    missing = Missing("transaction", "this step commits with the journal: it needs a run on Postgres")
    assert await answer_of(book) == missing
    async with performing() as performer:
        assert (
            await performer.perform(attempt(Action(Verb.SQL, NOTHING, statement=SqlStatement("select 1")))) == missing
        )


async def test_what_opening_the_transaction_raises_is_the_callers():
    async def book(tx):
        raise AssertionError

    async def opened():
        raise LookupError("database away")

    async with performing(book) as performer:
        with pytest.raises(LookupError, match="database away"):
            await performer.perform(attempt_of("book"), opened)


async def test_requests_are_performed_and_their_secrets_missed():
    request = HttpRequest("GET", compile_template("${{ env.SHIPPING_URL }}/x"))
    async with performing() as performer:
        answer = await performer.perform(attempt(Action(Verb.HTTP, NOTHING, request=request)))
    assert isinstance(answer, Missing)
    assert answer.hold == "secret:SHIPPING_URL"


# -- threads
async def test_threads_are_bounded_and_reused():
    lock = threading.Lock()
    running, most, names = 0, 0, set()
    full = threading.Barrier(3, timeout=120)

    def work(wait):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            names.add(threading.current_thread().name)
        if wait:
            full.wait()
        with lock:
            running -= 1

    async with performing(work, threads=3) as performer:
        attempts = [performer.perform(attempt_of("work", {"wait": number < 3})) for number in range(12)]
        assert await asyncio.gather(*attempts) == [Ok(None)] * 12
    assert most == 3
    assert len(names) == 3


async def test_a_cancelled_function_that_waits_for_a_thread_never_starts():
    go_on = threading.Event()
    began = threading.Event()
    called = []

    def work(name):
        called.append(name)
        began.set()
        go_on.wait(120)

    async with performing(work, threads=1) as performer:
        first = asyncio.create_task(performer.perform(attempt_of("work", {"name": "first"})))
        second = asyncio.create_task(performer.perform(attempt_of("work", {"name": "second"})))
        await asyncio.to_thread(began.wait, 120)
        for task in (second, first):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        go_on.set()
        assert await performer.perform(attempt_of("work", {"name": "third"})) == Ok(None)
    assert called == ["first", "third"]


# -- speed
