"""Tasks and progress on Postgres: one row a remote action, changed as it is offered, taken and answered.

A task that is over and the message that tells its run so are one commit. It must not know what is to be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.bell import Bell, worker_name
from saga.interpreter.postgres.connections import is_weather, unavailable
from saga.interpreter.postgres.links import Links
from saga.interpreter.postgres.pools import Pools, task_name
from saga.interpreter.task_store import ANSWER_KIND, ANSWER_NAME, Task, queue_of

_OFFER = """
INSERT INTO saga.task AS t (run, key, attempt, project, ref, topic, data, attempt_timeout, heartbeat)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (run, key) DO UPDATE
   SET attempt = excluded.attempt, topic = excluded.topic, data = excluded.data, offered_at = clock_timestamp(),
       attempt_timeout = excluded.attempt_timeout, heartbeat = excluded.heartbeat, state = 0, stopping = false,
       holder = NULL, lease_until = NULL, ends_at = NULL
 WHERE t.attempt < excluded.attempt
RETURNING 1"""

_COLUMNS = """t.run, t.key, t.attempt, t.project, t.ref, t.topic, t.data, t.attempt_timeout, t.heartbeat, t.details,
  t.state, t.holder, saga.micros(t.lease_until)"""

_TAKE = f"""
UPDATE saga.task t
   SET state = 1, holder = $5, lease = coalesce(t.heartbeat, $4),
       ends_at = clock_timestamp() + t.attempt_timeout * interval '1 microsecond',
       lease_until = clock_timestamp() + least(t.attempt_timeout, coalesce(t.heartbeat, $4)) * interval '1 microsecond'
  FROM (SELECT run, key FROM saga.task WHERE project = $1 AND topic = ANY($2::text[]) AND state = 0
         ORDER BY offered_at LIMIT $3 FOR UPDATE SKIP LOCKED) x
 WHERE t.run = x.run AND t.key = x.key
RETURNING {_COLUMNS}"""

_BEAT = """
UPDATE saga.task t
   SET details = coalesce($4, t.details),
       lease_until = least(t.ends_at, clock_timestamp() + coalesce($5, t.lease) * interval '1 microsecond')
 WHERE run = $1 AND key = $2 AND attempt = $3 AND state = 1
RETURNING stopping"""

_ANSWER = """
UPDATE saga.task SET state = 2, lease_until = NULL WHERE run = $1 AND key = $2 AND attempt = $3 AND state = 1
RETURNING run, key || '#' || attempt, $4::jsonb || jsonb_build_object('ref', ref, 'attempt', attempt)"""

_WHY_NOT_ANSWERED = f"""
SELECT t.state = 2 AND t.attempt = $3 AND i.data = $4::jsonb || jsonb_build_object('ref', t.ref, 'attempt', t.attempt)
  FROM saga.task t
  LEFT JOIN saga.inbox i ON i.run = t.run AND i.name = '{ANSWER_NAME}' AND i.key = t.key || '#' || t.attempt
 WHERE t.run = $1 AND t.key = $2"""

_WITHDRAW = """
UPDATE saga.task t SET stopping = true, state = CASE WHEN t.state = 0 THEN 2 ELSE t.state END
  FROM (SELECT run, key, state FROM saga.task WHERE run = $1 AND key = $2 AND attempt = $3 AND state < 2
           FOR UPDATE) x
 WHERE t.run = x.run AND t.key = x.key
RETURNING t.run, t.key || '#' || t.attempt,
          jsonb_build_object('ref', t.ref, 'attempt', t.attempt, 'how', 'rejected', 'code', 'not_tried'), x.state = 0"""

_EXPIRE = """
UPDATE saga.task t SET state = 2, lease_until = NULL
  FROM (SELECT run, key, lease_until FROM saga.task
         WHERE state = 1 AND lease_until < clock_timestamp() AND project = $1
         ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED) x
 WHERE t.run = x.run AND t.key = x.key
RETURNING t.run, t.key || '#' || t.attempt,
          jsonb_build_object('ref', t.ref, 'attempt', t.attempt, 'how', 'unknown',
            'message', 'nothing was heard of ' || t.holder,
            'code', CASE WHEN x.lease_until >= t.ends_at THEN 'attempt_timeout' WHEN t.heartbeat IS NOT NULL
                         THEN 'heartbeat' ELSE 'lost' END)"""

_ALL = f"SELECT {_COLUMNS} FROM saga.task t WHERE t.run = $1 ORDER BY t.offered_at, t.key"

_NOTE = """
WITH f AS MATERIALIZED (SELECT worker FROM saga.fence WHERE worker = $1 FOR KEY SHARE)
INSERT INTO saga.progress (run, key, details) SELECT $2, $3, $4 FROM f
ON CONFLICT (run, key) DO UPDATE SET details = excluded.details, at = clock_timestamp()"""

_PROGRESS = "SELECT details FROM saga.progress WHERE run = $1 AND key = $2"

_STATES = ("offered", "taken", "over")


class Tasks:
    """Tasks, through a few connections. Everything raises StoreUnavailable."""

    def __init__(self, links: Links, bell: Bell, pools: Pools) -> None:
        self._links = links
        self._bell = bell
        self._pools = pools

    async def offer(self, task: Task) -> None:
        """See `TaskStore.offer_task`."""
        offered = await self._links.ask(
            *(_OFFER, task.run, task.key, task.attempt, task.project, task.ref, task.topic, task.data),
            *(task.attempt_timeout, task.heartbeat),
        )
        queue = queue_of(task.topic)
        if offered and queue is not None:
            self._bell.ring([task_name(task.project, queue)])

    async def withdraw(self, run: UUID, key: str, attempt: int) -> None:
        """See `TaskStore.withdraw_task`."""
        await self._ended(_WITHDRAW, run, key, attempt)

    async def take(self, project: int, topics: Sequence[str], limit: int, lease: int, holder: str) -> list[Task]:
        """See `TaskStore.take_tasks`."""
        return [_task(row) for row in await self._links.ask(_TAKE, project, list(topics), limit, lease, holder)]

    async def beat(self, run: UUID, key: str, attempt: int, details: str | None, lease: int | None) -> str:
        """See `TaskStore.beat_task`."""
        beaten = await self._links.ask(_BEAT, run, key, attempt, details, lease)
        if not beaten:
            return "late"
        return "stop" if beaten[0][0] else "go_on"

    async def answer(self, run: UUID, key: str, attempt: int, answer: str) -> str:
        """See `TaskStore.answer_task`."""
        if await self._ended(_ANSWER, run, key, attempt, answer):
            return "accepted"
        found = await self._links.ask(_WHY_NOT_ANSWERED, run, key, attempt, answer)
        if not found:
            return "unknown"
        return "accepted" if found[0][0] else "late"

    async def expire(self, project: int) -> int:
        """See `TaskStore.expire_tasks`."""
        return await self._ended(_EXPIRE, project)

    async def of(self, run: UUID) -> list[Task]:
        """See `TaskStore.tasks`."""
        return [_task(row) for row in await self._links.ask(_ALL, run)]

    async def note(self, worker: int, run: UUID, key: str, details: str) -> None:
        """See `TaskStore.note_progress`."""
        await self._links.ask(_NOTE, worker, run, key, details)

    async def progress(self, run: UUID, key: str) -> str | None:
        """See `TaskStore.progress`."""
        rows = await self._links.ask(_PROGRESS, run, key)
        return rows[0][0] if rows else None

    async def _ended(self, sql: str, *arguments: object) -> int:
        """Ends tasks and tells their runs, in one commit; how many. Runs that have ended are told nothing."""
        try:
            async with self._links.transaction() as fetch:
                over = await fetch(sql, *arguments)
                told = sorted((row for row in over if len(row) == 3 or row[3]), key=lambda row: row[0].bytes)
                if not told:
                    return len(over)
                runs, keys, data = ([row[at] for row in told] for at in range(3))
                kinds, names = [ANSWER_KIND] * len(told), [ANSWER_NAME] * len(told)
                stored = await fetch(statements.SEND, runs, kinds, names, keys, data)
        except Exception as error:
            if is_weather(error):
                raise unavailable(self._links.url, error) from error
            raise
        self._bell.ring({worker_name(owner) for _, _, owner, _ in stored if owner is not None})
        self._bell.ring(await self._pools.names(pool for _, _, owner, pool in stored if owner is None))
        return len(over)


def _task(row: Any) -> Task:
    run, key, attempt, project, ref, topic, data, limit, heartbeat, details, state, holder, lease_until = row
    return Task(
        *(run, key, attempt, project, ref, topic, data, limit, heartbeat, details),
        *(_STATES[state], holder, lease_until),
    )
