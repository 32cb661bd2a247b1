"""Errands: performing what runs offer on this worker's queues, whoever works on those runs (semantics.md 35).

Each is a task, taken with a lease that is renewed for as long as this process lives; a step with ``heartbeat:`` renews
it itself. This room must not know rules: it performs one attempt and says what came of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from saga.interpreter.actions.answers import Answer, Missing, Postponed, Unknown
from saga.interpreter.actions.performing import Attempt, Performer
from saga.interpreter.client import Client
from saga.interpreter.definitions import Definitions
from saga.interpreter.machine.events import FORWARD, Ref
from saga.interpreter.machine.scope import scope
from saga.interpreter.outgoing import action_of, queue_topic
from saga.interpreter.store import Store, StoreUnavailable
from saga.interpreter.task_store import Task
from saga.interpreter.tasks import TaskName, Tasks, name_of
from saga.schema.definition import Verb
from saga.schema.values import Value, load

log = logging.getLogger("saga.errands")

LEASE = 15_000_000
"""Microseconds that a worker of saga may be silent before its errand is lost."""
_RENEW = 2.0
_AT_ONCE = 100
_LACKING = 30_000_000
"""Microseconds until an attempt is offered again that could not be made here for want of something."""
_WEATHER = 0.2


class Errands:
    """The errands of one worker."""

    def __init__(
        self, store: Store, definitions: Definitions, performer: Performer, project: int, queues: Sequence[str]
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._performer = performer
        self._project = project
        self._queues = queues
        self._tasks = Tasks(store)
        self._woken = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Something may have been offered."""
        self._woken.set()

    async def run(self, holder: str, idle: float) -> None:
        """Performs until it is cancelled; ``idle``: seconds between two looks. What is under way then is given up."""
        try:
            while True:
                self._woken.clear()
                if not await self._look(holder):
                    try:
                        async with asyncio.timeout(idle):
                            await self._woken.wait()
                    except TimeoutError:
                        continue
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _look(self, holder: str) -> bool:
        room = _AT_ONCE - len(self._under_way)
        topics = [queue_topic(queue, name) for queue in self._queues for name in self._performer.performs()]
        try:
            taken = await self._store.take_tasks(self._project, topics, room, LEASE, holder)
        except StoreUnavailable as problem:
            log.warning("%s; trying again", problem)
            return False
        for task in taken:
            errand = asyncio.get_running_loop().create_task(self._perform(task))
            self._under_way.add(errand)
            errand.add_done_callback(self._under_way.discard)
        return bool(taken)

    async def _perform(self, task: Task) -> None:
        name = name_of(task)
        try:
            answer = await self._answer(task, name)
        except asyncio.CancelledError:
            answer = Unknown("stopped", "the worker was stopped")
        except StoreUnavailable as problem:
            log.warning("%s; it is offered again", problem)
            answer = Postponed(_LACKING)
        except Exception as error:  # one errand must not end this worker, and then the next one
            log.exception("task %s", task.key)
            answer = Unknown("defect", f"{type(error).__name__}: {error}")
        if isinstance(answer, Missing):
            log.warning("%s: %s", cast(dict[str, Any], load(task.data))["run"], answer.message)
            answer = Postponed(_LACKING)
        while True:
            try:
                await self._tasks.answer(name, answer)
                return
            except StoreUnavailable as problem:
                log.warning("%s; trying again", problem)
                await asyncio.sleep(_WEATHER)

    async def _answer(self, task: Task, name: TaskName) -> Answer:
        attempt = await attempt_of(self._store, self._definitions, task)
        heard: asyncio.Queue[Value] = asyncio.Queue()
        attempt.beat = heard.put_nowait
        performing = asyncio.ensure_future(self._performer.perform(attempt))
        alive = asyncio.ensure_future(self._stay_alive(task, name, heard, performing))
        try:
            async with asyncio.timeout(task.attempt_timeout / 1_000_000):
                return await performing
        except TimeoutError:
            return Unknown("attempt_timeout", "the attempt took longer than its attempt_timeout")
        except asyncio.CancelledError:
            if not performing.cancelled():
                performing.cancel()
                raise
            return Unknown("stopped", "the attempt was asked to stop")
        finally:
            alive.cancel()

    async def _stay_alive(
        self, task: Task, name: TaskName, heard: asyncio.Queue[Value], performing: asyncio.Future[Answer]
    ) -> None:
        """Renews the lease: by itself or, where the step says ``heartbeat:``, when the function does."""
        while True:
            details: Value = None
            if task.heartbeat is None:
                await asyncio.sleep(_RENEW)
            else:
                details = await heard.get()
            while not heard.empty():
                details = heard.get_nowait() or details
            try:
                if await self._tasks.heartbeat(name, details) != "go_on":
                    performing.cancel()
                    return
            except StoreUnavailable as problem:
                log.warning("%s; trying again", problem)
                await asyncio.sleep(_WEATHER)


async def attempt_of(store: Store, definitions: Definitions, task: Task) -> Attempt:
    """The attempt that a task is. Raises StoreUnavailable."""
    work = cast(dict[str, Any], load(task.data))
    if "definition" in work:
        number = work["definition"]
    else:  # a `task` is told to workers that know no sagas
        row = await store.run(task.run)
        assert row is not None
        number = row.definition
    _, definition = await definitions.get(number)
    step, iteration, undo = cast("list[Any]", load(task.ref))
    ref = Ref(step, tuple(iteration), undo)
    action = action_of(definition, ref)
    return Attempt(
        task.run,
        work["run"],
        work["saga"],
        work["step"],
        task.key,
        task.attempt,
        undo != FORWARD,
        action,
        work["arguments"],
        work["started_at"],
        work.get("undoes"),
        await _scope(store, definitions, task, ref) if action.verb is Verb.HTTP else {},
        None if task.details is None else load(task.details),
    )


async def _scope(store: Store, definitions: Definitions, task: Task, ref: Ref) -> Any:
    """What the address and headers of a request see."""
    run = await store.run(task.run)
    assert run is not None
    story = await Client(store, definitions).story(run)
    return scope(story.definition, story.state, ref)
