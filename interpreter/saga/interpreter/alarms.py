"""Timers of runs in hand, on the event loop, by the database's clock. A hint to look: what is due the state says.

This room must not know what a timer means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from saga.interpreter.clock import Clock
from saga.interpreter.live import LiveRun
from saga.interpreter.machine.events import Timer


class Alarms:
    """``ring(run, timer)`` is called once a timer of the run's state is due."""

    def __init__(self, clock: Clock, ring: Callable[[LiveRun, Timer], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._loop = asyncio.get_running_loop()

    def set(self, run: LiveRun, timer: Timer, due: int) -> None:
        """Starts an alarm, or moves it. A timer that the state has dropped meanwhile needs none."""
        self.cancel(run, timer)
        if timer in run.state.timers:
            delay = max(0, due - self._clock.now()) / 1_000_000
            run.timers[timer] = self._loop.call_later(delay, self._due, run, timer, due)

    def set_all(self, run: LiveRun) -> None:
        """Starts an alarm for every timer of the run's state."""
        for timer, due in run.state.timers.items():
            self.set(run, timer, due)

    def cancel(self, run: LiveRun, timer: Timer) -> None:
        """Forgets an alarm."""
        handle = run.timers.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def drop(self, run: LiveRun) -> None:
        """Forgets all alarms of a run."""
        for handle in run.timers.values():
            handle.cancel()
        run.timers.clear()

    def _due(self, run: LiveRun, timer: Timer, due: int) -> None:
        run.timers.pop(timer, None)
        if run.gone or run.closing or run.state.timers.get(timer) != due:
            return
        if self._clock.now() < due:  # the loop's clock is ahead of the database's
            self.set(run, timer, due)
        else:
            self._ring(run, timer)
