"""Those who take what runs offer in a rehearsal: workers of other queues, and workers in other languages (`task`).

They answer as planned, like everyone. Each stays alive until it has answered, or dies silently where the plan says
``lost``: then nobody hears of it until its lease is over. This room must not know runs: a task is an attempt here.
Durations and moments are microseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from saga.interpreter.actions.answers import Answer, Missing, Unknown
from saga.interpreter.actions.performing import Attempt
from saga.interpreter.definitions import Definitions
from saga.interpreter.errands import LEASE as ERRAND_LEASE
from saga.interpreter.errands import attempt_of
from saga.interpreter.outgoing import topic_of
from saga.interpreter.rehearsal.answers import Book, Reality, Understudy
from saga.interpreter.rehearsal.virtual import VirtualLoop
from saga.interpreter.store import Store
from saga.interpreter.task_store import Task
from saga.interpreter.tasks import LEASE as TASK_LEASE
from saga.interpreter.tasks import LONGEST_LEASE, TaskName, Tasks, name_of
from saga.schema.definition import Definition, Verb

_AT_ONCE = 100
_HOLDER = "the test"


class Takers:
    """Takes everything that the runs of some sagas may offer."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        book: Book,
        reality: Reality,
        loop: VirtualLoop,
        news: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """``news`` is called when a moment has become `due`, ``failed`` with a defect."""
        self._store = store
        self._definitions = definitions
        self._loop = loop
        self._news = news
        self._failed = failed
        self._understudy = Understudy(book, reality, loop, self._lose)
        self._tasks = Tasks(store)
        self._topics: dict[int, set[str]] = {}
        self._at_work: dict[TaskName, asyncio.Task[None]] = {}
        self._dying: set[TaskName] = set()
        self._silent: dict[TaskName, int] = {}
        self._closing = False

    def take_part(self, definition: Definition) -> None:
        """From now on what runs of this saga offer is taken."""
        for action in definition.actions():
            if action.remote:
                lease = TASK_LEASE if action.verb is Verb.TASK else ERRAND_LEASE
                self._topics.setdefault(lease, set()).add(topic_of(action))

    async def close(self) -> None:
        """Everyone goes home, whatever is under way."""
        self._closing = True
        works = list(self._at_work.values())
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await self._understudy.close()

    @property
    def busy(self) -> bool:
        """Whether somebody is at work."""
        return bool(self._at_work)

    @property
    def due(self) -> int | None:
        """When the lease of one who died is over."""
        return min(self._silent.values(), default=None)

    async def look(self, project: int, worker: int) -> None:
        """Ends the attempts of those who have been silent for too long, and takes what is offered."""
        over = [name for name, due in self._silent.items() if due <= self._loop.now()]
        if over:
            await self._store.expire_tasks(worker)
        for name in over:
            del self._silent[name]
        for lease, topics in self._topics.items():
            for task in await self._store.take_tasks(project, sorted(topics), _AT_ONCE, lease, _HOLDER):
                await self._begin(task)

    async def ask(self) -> None:
        """Everyone at work asks whether to go on, and stops if not."""
        for name, work in list(self._at_work.items()):
            if not await self._stays(name):
                work.cancel()

    async def _begin(self, task: Task) -> None:
        name = name_of(task)
        attempt = await attempt_of(self._store, self._definitions, task)
        await self._stays(name)
        work = asyncio.get_running_loop().create_task(self._perform(name, task.attempt_timeout, attempt))
        self._at_work[name] = work
        work.add_done_callback(partial(self._done, name))

    async def _perform(self, name: TaskName, time_limit: int, attempt: Attempt) -> None:
        answer: Answer
        try:
            async with asyncio.timeout(time_limit / 1_000_000):
                answer = await self._understudy.perform(attempt)
        except TimeoutError:
            answer = Unknown("attempt_timeout", "the attempt took longer than its attempt_timeout")
        except asyncio.CancelledError:
            if self._closing:
                raise
            if name in self._dying:
                await self._fall_silent(name)
                return
            answer = Unknown("stopped", "the attempt was asked to stop")
        if isinstance(answer, Missing):
            answer = Unknown("not_here", answer.message)
        await self._tasks.answer(name, answer)

    async def _stays(self, name: TaskName) -> bool:
        """A sign of life that will do until the attempt is over; whether it is still wanted."""
        return await self._store.beat_task(*name, None, LONGEST_LEASE) == "go_on"

    def _lose(self, attempt: Attempt) -> None:
        name = TaskName(attempt.run, attempt.key, attempt.attempt)
        self._dying.add(name)
        self._at_work[name].cancel()

    async def _fall_silent(self, name: TaskName) -> None:
        """After a last sign of life nobody hears of it any more; when its lease is over, the run is told."""
        await self._store.beat_task(*name)
        for task in await self._store.tasks(name.run):
            if name_of(task) == name and task.lease_until is not None:
                self._silent[name] = task.lease_until + 1
        self._news()

    def _done(self, name: TaskName, work: asyncio.Task[None]) -> None:
        del self._at_work[name]
        if not work.cancelled() and (problem := work.exception()) is not None:
            self._failed(problem)
