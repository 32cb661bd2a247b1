"""Following a run from its journal until it ends: polls, and tells a view what is new.

A worker in the same process is only a hint to look sooner. This room must not know how a view shows things.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from saga.cli.wiring import Here
from saga.interpreter import machine
from saga.interpreter.beginning import beginning_of, texts_of
from saga.interpreter.others import NOBODY, others_of
from saga.interpreter.standing import standing
from saga.interpreter.status import Status
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import RunRow
from saga.interpreter.timeline import Entry, Timeline
from saga.schema.values import Value, load

_TICK = 0.08
"""Seconds between two looks at the hint, and two frames of a live view."""
_POLL = 0.3
"""Seconds between two questions to the database while nothing hints at news."""

Hint = Callable[[], object]


class Why(Enum):
    """Why following ended."""

    ENDED = "ended"
    STUCK = "stuck"
    HELD = "held"
    STOPPED = "stopped"
    """Whoever follows was asked to stop."""


class View(Protocol):
    """Shows a run while it is followed."""

    def happened(self, story: Following, entry: Entry) -> None:
        """A row came in, and the timeline has just been told on with it."""

    def news(self, story: Following) -> None:
        """The run was looked at anew."""

    def frame(self, story: Following) -> None:
        """Time has passed."""

    def trouble(self, message: str) -> None:
        """The database is out of reach for now."""


class Following:
    """One run being followed: its row, its timeline, and the database's time."""

    def __init__(self, here: Here, run: RunRow, timeline: Timeline, now: int) -> None:
        self.run = run
        self.timeline = timeline
        self.others = NOBODY
        """Child runs and tasks, as they stood at the last poll."""
        self._here = here
        self._offset = now - time.time_ns() // 1000

    @classmethod
    async def begin(cls, here: Here, run: RunRow) -> Following:
        """A run at its beginning; `poll` reads what happened to it."""
        rows = await here.store.journal(run.id)
        beginning = await beginning_of(here.store, here.client.definitions, run, rows)
        return cls(here, run, Timeline(beginning), await here.store.now())

    @property
    def now(self) -> int:
        """The database's time, about."""
        return self._offset + time.time_ns() // 1000

    @property
    def status(self) -> Status:
        """Where the run stands: by its journal while somebody works on it."""
        if self.run.status.ended or self.run.hold is not None:
            return self.run.status
        status = machine.status(self.timeline.state)
        return standing(self.run) if status.ended or self.run.status is Status.STUCK else status

    @property
    def input(self) -> Value:
        """The run's input, its keys as the author ordered them; the database keeps another order."""
        return _in_order(load(self.run.input), self.timeline.definition.input.schema.get("properties"))

    @property
    def output(self) -> Value:
        """The run's output, its keys as the author ordered them."""
        template = self.timeline.definition.output
        names = None if template is None else template.value
        return None if self.run.output is None else _in_order(load(self.run.output), names)

    async def poll(self, view: View | None = None) -> None:
        """Reads the run anew, then what its journal has more. Raises StoreUnavailable."""
        run = await self._here.store.run(self.run.id)
        rows = await self._here.store.journal(self.run.id, self.timeline.seq)
        self.timeline.know(await texts_of(self._here.client.definitions, rows))
        self.run = run or self.run
        self.others = await others_of(self._here.store, self.run, self.timeline.definition)
        for row in rows:
            entry = self.timeline.feed(row)
            if view is not None:
                view.happened(self, entry)
        if view is not None:
            view.news(self)

    async def follow(self, view: View, stop: asyncio.Event, *, patient: bool, hint: Hint = lambda: None) -> Why:
        """Shows the run until it ends or ``stop`` is set. Not ``patient``: also until a person has to act."""
        hinted, polled = hint(), time.monotonic()
        await self.poll(view)
        while (why := self._over(patient=patient)) is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await stop.wait()
            if stop.is_set():
                return Why.STOPPED
            if hint() != hinted or time.monotonic() - polled >= _POLL:
                hinted = hint()
                try:
                    await self.poll(view)
                except StoreUnavailable as problem:
                    view.trouble(str(problem))
                polled = time.monotonic()
            view.frame(self)
        return why

    def _over(self, *, patient: bool) -> Why | None:
        if self.run.status.ended:
            return Why.ENDED
        if patient or self.run.owner is not None:
            return None
        if self.run.hold is not None:
            return Why.HELD
        return Why.STUCK if self.run.status is Status.STUCK else None


def _in_order(value: Value, names: Value) -> Value:
    if not isinstance(value, dict) or not isinstance(names, dict):
        return value
    return {name: value[name] for name in (*names, *(value.keys() - names.keys())) if name in value}
