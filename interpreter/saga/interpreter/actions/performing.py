"""Performing one attempt of an action, of whichever kind, and turning whatever happens into an answer.

This is where user code is called, and where its exceptions end. This room must not know runs, journals, retries or
time: the engine cancels an attempt whose time is up.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from traceback import format_exception
from typing import Any
from uuid import UUID

import asyncpg

from saga.interpreter.actions.answers import (
    Answer,
    Later,
    Missing,
    Ok,
    Postponed,
    Refusal,
    Rejected,
    Unkeepable,
    Unknown,
    is_code,
)
from saga.interpreter.actions.http import Http
from saga.interpreter.actions.registry import CONTEXT, TRANSACTION, Actions, Registered, StepContext
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.actions.sql import execute, refused
from saga.interpreter.actions.threads import Threads
from saga.interpreter.store import Transaction
from saga.schema.definition import Action, Verb
from saga.schema.values import Value, ValueProblem, normalise

LONGEST_MESSAGE = 2_000
"""Characters of an error's message that are kept."""

OpenTransaction = Callable[[], Awaitable[Transaction]]
"""Opens the transaction of an attempt; called at most once. What it raises passes through `Performer.perform`."""

_SHARED = frozenset((list, dict))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

log = logging.getLogger("saga.actions")


@dataclass(slots=True)
class Attempt:
    """One attempt of one action, with all that whoever performs it may know."""

    run: UUID
    address: str
    saga: str
    step: str
    """With its iteration, such as ``pack[0]``; for an undo, the step it undoes."""
    key: str
    attempt: int
    undo: bool
    action: Action
    arguments: dict[str, Value]
    started_at: int
    """When the run started: microseconds since the Unix epoch, by the database's clock."""
    undoes: str | None = None
    """An undo of a `call` step: the key of that step's own action. Else None (see `saga.sdk.barrier`)."""
    scope: Mapping[str, object] = field(default_factory=dict)
    """What expressions see (semantics.md 23); used for the address and headers of `http`, which add ``env``."""
    details: Value = None
    """The progress that an attempt before noted."""
    beat: Callable[[Value], None] | None = None
    """Told of each heartbeat, in the event loop, with the progress noted or None."""


class Performer:
    """Performs attempts. One per worker process, used from one event loop."""

    def __init__(self, actions: Actions, secrets: Secrets, http: Http, *, threads: int = 32) -> None:
        """``threads``: how many sync functions may run at once; more of them wait, and their attempt's time runs."""
        self.http = http
        self.secrets = secrets
        self._actions = actions
        self._threads = Threads(threads)

    async def perform(self, attempt: Attempt, transaction: OpenTransaction | None = None) -> Answer:
        """Makes the attempt. Raises only CancelledError, and what ``transaction`` itself raises.

        ``transaction`` is called for `sql` and for functions with a ``tx`` parameter; None: this store has none. The
        caller owns it: commits it together with the journal row after Ok and Unkeepable, rolls it back after all else.
        """
        action = attempt.action
        if action.verb is Verb.CALL:
            assert action.function is not None
            registered = self._actions.get(action.function)
            if registered is None:
                return Missing(f"action:{action.function}", f"no worker here has an action {action.function}")
            arguments = attempt.arguments
            misfit = registered.misfit(arguments)
            if misfit is not None:
                return Missing(f"action:{action.function}", misfit)
            connection = None
            if registered.takes_transaction and TRANSACTION not in arguments:
                if transaction is None:
                    return _NO_TRANSACTION
                connection = (await transaction()).connection
            return await self._call(attempt, registered, connection)
        if action.verb is Verb.HTTP:
            return await self._guarded(attempt, self._request(attempt))
        if transaction is None:
            return _NO_TRANSACTION
        assert action.statement is not None
        connection = (await transaction()).connection
        statement = execute(connection, action.statement.text, attempt.arguments, action.attempt_timeout)
        return await self._guarded(attempt, statement)

    def objection(self, error: Exception) -> Answer | None:
        """What an error means that came when an attempt's transaction was to commit; None: it is not the database's.

        Such as a deferred constraint, or a transaction that a function has broken without saying so.
        """
        if not isinstance(error, asyncpg.PostgresError):
            return None
        answer = refused(error)
        if isinstance(answer, Refusal):
            answer.message = self._clean(answer.message)
        return answer

    def offers(self, hold: str) -> bool:
        """Whether an attempt that was `Missing` for want of this could be made here now."""
        kind, _, name = hold.partition(":")
        if kind == "action":
            return self._actions.get(name) is not None
        return kind == "secret" and self.secrets.has(name)

    def performs(self) -> list[str]:
        """What can be performed here for others: ``http``, and functions by their names."""
        return [Verb.HTTP.value, *sorted(self._actions.functions())]

    async def close(self) -> None:
        """Closes connections and lets idle threads end. Functions still running in threads are not waited for."""
        self._threads.close()
        await self.http.close()

    async def _call(self, attempt: Attempt, registered: Registered, connection: object) -> Answer:
        try:
            arguments = self._arguments(attempt, registered, connection)
            if registered.is_async:
                result = await registered.function(**arguments)
            else:
                result = await self._threads.run(partial(registered.function, **arguments))
                if inspect.isawaitable(result):
                    result = await result
            if result is None:
                return Ok(None)
            try:
                return Ok(normalise(result, what=registered.what))
            except ValueProblem as problem:
                return Unkeepable(problem.code, self._clean(problem.message))
        except BaseException as error:
            return self._caught(attempt, error)

    def _arguments(self, attempt: Attempt, registered: Registered, connection: object) -> Mapping[str, Any]:
        """The keyword arguments: copies of what the function could change, and what it wants injected."""
        given = attempt.arguments
        inject = registered.takes_context or connection is not None
        if not inject and not any(type(value) in _SHARED for value in given.values()):
            return given
        arguments: dict[str, Any] = {name: _copy(value) for name, value in given.items()}
        if registered.takes_context and CONTEXT not in arguments:
            arguments[CONTEXT] = _context(attempt)
        if connection is not None:
            arguments[TRANSACTION] = connection
        return arguments

    async def _request(self, attempt: Attempt) -> Answer:
        action = attempt.action
        assert action.request is not None
        return await self.http.send(
            action.request, attempt.arguments, attempt.key, attempt.scope, action.attempt_timeout
        )

    async def _guarded(self, attempt: Attempt, performed: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            answer = await performed
        except BaseException as error:
            return self._caught(attempt, error)
        if not isinstance(answer, (Ok, Postponed)):
            answer.message = self._clean(answer.message)
        return answer

    def _caught(self, attempt: Attempt, error: BaseException) -> Answer:
        """What an exception means (semantics.md 2). Raises it again if it is none of the action's doing."""
        if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
            raise error
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise error
        if isinstance(error, Later):
            return Postponed(error.delay_us)
        if isinstance(error, Rejected):
            return Refusal(error.code, self._clean(error.message))
        code, message = _code(error), self._clean(_text(error))
        where = {"run": attempt.address, "step": attempt.step}
        log.warning("%s %s attempt %d: %s: %s", *where.values(), attempt.attempt, code, message, extra=where)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", self.secrets.scrub("".join(format_exception(error))), extra=where)
        return Unknown(code, message)

    def _clean(self, text: str) -> str:
        """A message as it may be stored: no secrets, nothing a database cannot hold, not endless."""
        text = self.secrets.scrub(text).replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
        return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


_NO_TRANSACTION = Missing("transaction", "this step commits with the journal: it needs a run on Postgres")


def _context(attempt: Attempt) -> StepContext:
    return StepContext(
        run=attempt.address,
        run_id=attempt.run,
        saga=attempt.saga,
        step=attempt.step,
        key=attempt.key,
        attempt=attempt.attempt,
        undo=attempt.undo,
        undoes=attempt.undoes,
        started_at=_EPOCH + timedelta(microseconds=attempt.started_at),
        details=_copy(attempt.details),
        beat=_unheard if attempt.beat is None else partial(_heard, asyncio.get_running_loop(), attempt.beat),
    )


def _unheard(details: object) -> None:
    """Of an action whose heartbeats nobody counts."""


def _heard(loop: asyncio.AbstractEventLoop, beat: Callable[[Value], None], details: object) -> None:
    """A function's heartbeat, from whichever thread. Raises ValueError."""
    try:
        kept = normalise(details, what="details")
    except ValueProblem as problem:
        raise ValueError(problem.message) from None
    loop.call_soon_threadsafe(beat, kept)


def _copy(value: Value) -> Value:
    """A copy for the function to keep or change: values are shared with the run's state."""
    if type(value) is list:
        return [_copy(item) for item in value]
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return value


def _code(error: BaseException) -> str:
    """The exception's own ``code``, else its class name: CardDeclined is ``card_declined``."""
    try:
        code = getattr(error, "code", None)
    except Exception:  # a property of the user's class
        code = None
    if isinstance(code, str) and is_code(code):
        return code
    name = _WORD_START.sub("_", type(error).__name__).lower().strip("_")
    return name if is_code(name) else "error"


def _text(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # a method of the user's class
        return type(error).__name__
