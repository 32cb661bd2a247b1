"""What runs send out, in memory: rows, who is delivering them, which are postponed, and the positions of events.

Plain data and its small rules. It must not know what a row asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from saga.interpreter.stored import EVENT, OutboxRow
from saga.schema.values import load

_LEASE = 60_000_000
_POSTPONED = 30_000_000


@dataclass(slots=True)
class _Open:
    """A row that is not delivered yet."""

    row: OutboxRow
    project: int
    not_before: int = 0
    taker: int | None = None
    problem: str | None = None


class OutboxTable:
    """Outbox rows of all projects, in the order in which they came."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._rows: dict[tuple[UUID, int, int], OutboxRow] = {}
        self._open: dict[tuple[UUID, int, int], _Open] = {}
        self._events: list[tuple[int, OutboxRow]] = []
        """With their projects; the position is the place in the list, from 1."""

    def post(self, row: OutboxRow, project: int) -> None:
        """Adds a row, once."""
        key = row[:3]
        if key not in self._rows:
            self._rows[key] = row
            self._open[key] = _Open(row, project)

    def of(self, run: UUID) -> list[OutboxRow]:
        """What a run has sent, in its order."""
        return sorted(row for row in self._rows.values() if row.run == run)

    def problems(self, run: UUID) -> list[str]:
        """Why rows of a run could not be delivered the last time."""
        return [item.problem for key, item in self._open.items() if key[0] == run and item.problem is not None]

    def is_owing(self, run: UUID) -> bool:
        """Whether something that a run has sent is not delivered yet."""
        return any(key[0] == run for key in self._open)

    def forget(self, run: UUID) -> None:
        """Removes what a run has sent."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] != run}

    def take(self, worker: int, project: int, limit: int, events: bool) -> list[OutboxRow]:
        """See `Store.take_outbox`."""
        now = self._clock()
        blocked: set[tuple[UUID, str]] = set()
        taken: list[OutboxRow] = []
        for key in sorted(self._open, key=lambda key: (key[0], key[1], key[2])):
            item = self._open[key]
            if item.project != project or (item.row.kind == EVENT) != events:
                continue
            lane = (item.row.run, item.row.lane)
            if item.not_before > now or (item.row.lane and lane in blocked) or len(taken) == limit:
                blocked.add(lane)
                continue
            item.taker, item.not_before = worker, now + _LEASE
            taken.append(item.row)
        order = {key: at for at, key in enumerate(self._rows)}
        return sorted(taken, key=lambda row: order[row[:3]])

    def delivered(self, rows: Iterable[OutboxRow]) -> None:
        """They are through."""
        for row in rows:
            self._open.pop(row[:3], None)

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """They are through and can be read as events."""
        for row in rows:
            item = self._open.pop(row[:3], None)
            if item is not None:
                self._events.append((item.project, row))

    def events(self, project: int, after: int, limit: int, topic: str | None) -> list[tuple[int, OutboxRow]]:
        """See `Store.events`."""
        numbered = enumerate(self._events[after:], after + 1)
        mine = ((position, row) for position, (place, row) in numbered if place == project)
        return [(position, row) for position, row in mine if topic is None or _topic(row) == topic][:limit]

    def postpone(self, row: OutboxRow, problem: str) -> None:
        """It cannot be delivered now."""
        item = self._open.get(row[:3])
        if item is not None:
            item.problem = problem
            item.taker, item.not_before = None, self._clock() + _POSTPONED

    def free(self, worker: int) -> None:
        """A worker is dead: what it was delivering is for others."""
        for item in self._open.values():
            if item.taker == worker:
                item.taker, item.not_before = None, 0


def _topic(row: OutboxRow) -> object:
    event = load(row.data)
    return event.get("topic") if isinstance(event, dict) else None
