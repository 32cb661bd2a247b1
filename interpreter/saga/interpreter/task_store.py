"""The port to what is done by others: tasks that runs offer, and the progress of long actions. Part of `Store`.

A task is one attempt of a remote action. Nobody's clock but the store's counts: how long a taker may be silent begins
when it takes the task. This room must not know the machine: an answer is JSON text here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

QUEUE_TOPIC = "queue:"
TASK_TOPIC = "task:"
"""What topics begin with: for workers of saga, and for all others."""


def queue_of(topic: str) -> str | None:
    """Whose workers shall be woken."""
    return topic.split(":")[1] if topic.startswith(QUEUE_TOPIC) else None


ANSWER_KIND = 31
ANSWER_NAME = "task"
"""Kind and name of the inbox rows that are answers. Their data: ``ref`` and ``attempt`` of the task, and the answer."""


@dataclass(slots=True)
class Task:
    """One attempt of a remote action, offered to whoever asks for its topic.

    ``topic``: ``task:billing.charge``, or ``queue:gpu:video.cut`` for workers of saga. ``ref`` and ``data`` are JSON
    text: which action it is of its run, and what is to be done. The times are microseconds, counted from the moment
    somebody took it; ``heartbeat`` None: the taker says how long it may be silent. ``details``: JSON text, the progress
    that an attempt before noted.
    """

    run: UUID
    key: str
    attempt: int
    project: int
    ref: str
    topic: str
    data: str
    attempt_timeout: int
    heartbeat: int | None = None
    details: str | None = None
    state: str = "offered"
    """``offered``, ``taken`` or ``over``."""
    holder: str | None = None
    lease_until: int | None = None


class TaskStore(Protocol):
    """Every method may raise StoreUnavailable; those that take a worker may raise Fenced."""

    async def offer_task(self, task: Task) -> None:
        """Offers an attempt; of an action that was offered before only a later attempt counts. Progress stays."""
        ...

    async def withdraw_task(self, run: UUID, key: str, attempt: int) -> None:
        """The run does not want it any more: it is told ``rejected``, ``not_tried`` if nobody has taken it.

        Else its taker is told, at the next heartbeat.
        """
        ...

    async def take_tasks(self, project: int, topics: Sequence[str], limit: int, lease: int, holder: str) -> list[Task]:
        """Takes offered tasks, oldest first.

        ``lease``: microseconds that the taker may be silent, if the task does not say so itself.
        """
        ...

    async def beat_task(
        self, run: UUID, key: str, attempt: int, details: str | None = None, lease: int | None = None
    ) -> str:
        """The taker is alive. ``lease``: for how long it may be silent from now on, this once.

        Answers ``go_on``, ``stop`` (the run wants it stopped) or ``late`` (the attempt is over, or there is none).
        """
        ...

    async def answer_task(self, run: UUID, key: str, attempt: int, answer: str) -> str:
        """Ends an attempt and sends its answer to the run: ``accepted``, ``late`` (it is over) or ``unknown``.

        ``answer``: JSON text, what a `TaskAnswered` says besides ``ref`` and ``attempt``. The same answer to the same
        attempt may be given again.
        """
        ...

    async def expire_tasks(self, worker: int) -> int:
        """Ends the attempts of this project whose takers have been silent for too long; how many.

        Their runs are told ``unknown``, with the code ``attempt_timeout``, ``heartbeat`` or ``lost``.
        """
        ...

    async def tasks(self, run: UUID) -> list[Task]:
        """What the run has offered, oldest first."""
        ...

    async def note_progress(self, worker: int, run: UUID, key: str, details: str) -> None:
        """Keeps how far an action of a run in hand has got, as JSON text."""
        ...

    async def progress(self, run: UUID, key: str) -> str | None:
        """What `note_progress` kept last."""
        ...
