"""Tasks and progress in memory. Plain data and its small rules; it must not know what is to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from saga.interpreter.stored import Message
from saga.interpreter.task_store import ANSWER_KIND, ANSWER_NAME, Task
from saga.schema.values import dump, load

Key = tuple[UUID, str]


@dataclass(slots=True)
class _Kept:
    """A task, and what its taker does not see."""

    task: Task
    lease: int = 0
    ends_at: int = 0
    stopping: bool = False
    answer: str | None = None


class TaskTable:
    """The latest attempt of each remote action. ``send`` stores a message to a run."""

    def __init__(self, clock: Callable[[], int], send: Callable[[Message], object]) -> None:
        self._clock = clock
        self._send = send
        self._kept: dict[Key, _Kept] = {}
        self.progress: dict[Key, str] = {}

    def offer(self, task: Task) -> bool:
        """See `TaskStore.offer_task`; whether it is news."""
        key = (task.run, task.key)
        old = self._kept.pop(key, None)
        if old is not None and old.task.attempt >= task.attempt:
            self._kept[key] = old
            return False
        self._kept[key] = _Kept(replace(task, details=None if old is None else old.task.details))
        return True

    def withdraw(self, run: UUID, key: str, attempt: int) -> None:
        """See `TaskStore.withdraw_task`."""
        kept = self._of_attempt(run, key, attempt)
        if kept is not None and kept.task.state == "offered":
            self._end(kept, {"how": "rejected", "code": "not_tried"})
        elif kept is not None:
            kept.stopping = True

    def take(self, project: int, topics: Sequence[str], limit: int, lease: int, holder: str) -> list[Task]:
        """See `TaskStore.take_tasks`."""
        now, taken = self._clock(), list[Task]()
        for kept in self._kept.values():
            task = kept.task
            if len(taken) < limit and task.state == "offered" and task.project == project and task.topic in topics:
                kept.lease = lease if task.heartbeat is None else task.heartbeat
                kept.ends_at = now + task.attempt_timeout
                task.state, task.holder = "taken", holder
                task.lease_until = min(now + kept.lease, kept.ends_at)
                taken.append(replace(task))
        return taken

    def beat(self, run: UUID, key: str, attempt: int, details: str | None, lease: int | None) -> str:
        """See `TaskStore.beat_task`."""
        kept = self._of_attempt(run, key, attempt)
        if kept is None or kept.task.state != "taken":
            return "late"
        kept.task.details = kept.task.details if details is None else details
        kept.task.lease_until = min(self._clock() + (kept.lease if lease is None else lease), kept.ends_at)
        return "stop" if kept.stopping else "go_on"

    def answer(self, run: UUID, key: str, attempt: int, answer: str) -> str:
        """See `TaskStore.answer_task`."""
        if (run, key) not in self._kept:
            return "unknown"
        kept = self._of_attempt(run, key, attempt)
        if kept is None or kept.task.state == "offered":
            return "late"
        if kept.task.state == "over":
            return "accepted" if kept.answer == answer else "late"
        self._end(kept, load(answer))
        kept.answer = answer
        return "accepted"

    def expire(self, project: int) -> int:
        """See `TaskStore.expire_tasks`."""
        now = self._clock()
        silent = [
            kept
            for kept in self._kept.values()
            if kept.task.state == "taken" and kept.task.project == project and (kept.task.lease_until or 0) < now
        ]
        for kept in silent:
            code = "lost" if kept.task.heartbeat is None else "heartbeat"
            if (kept.task.lease_until or 0) >= kept.ends_at:
                code = "attempt_timeout"
            self._end(kept, {"how": "unknown", "code": code, "message": f"nothing was heard of {kept.task.holder}"})
        return len(silent)

    def of(self, run: UUID) -> list[Task]:
        """See `TaskStore.tasks`."""
        return [replace(kept.task) for key, kept in self._kept.items() if key[0] == run]

    def _of_attempt(self, run: UUID, key: str, attempt: int) -> _Kept | None:
        kept = self._kept.get((run, key))
        return kept if kept is not None and kept.task.attempt == attempt else None

    def _end(self, kept: _Kept, answer: object) -> None:
        task = kept.task
        task.state, task.lease_until = "over", None
        assert isinstance(answer, dict)
        data = dump({**answer, "ref": load(task.ref), "attempt": task.attempt})
        self._send(Message(task.run, ANSWER_KIND, ANSWER_NAME, f"{task.key}#{task.attempt}", data))
