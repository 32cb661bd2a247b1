"""An event loop whose clock jumps to the next due time, never while something real is under way.

Real work is of two kinds. While an action of the user's runs (`flowing`) the clock goes at its usual pace, so that its
own sleeps and its time limit work. While the database is asked (`frozen`) it stands still. Otherwise, when nothing is
ready, it jumps. This room must not know runs.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

EPOCH = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds: when a rehearsal begins unless its script says otherwise."""

_SILENCE = 10.0
"""Seconds without input after which a frozen clock goes on: what is waited for may be asleep.

Longer than a busy database is ever silent: a clock that goes on then makes a case go another way than in memory.
"""


class NothingLeft(RuntimeError):
    """Somebody waits for what can never come: nothing is ready, under way or due."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the top of the file.

    ``begins``: what its clock shows first, microseconds since the Unix epoch. ``grace``: before it jumps it really
    waits for so many seconds, for work in the background that nobody counts, such as a doorbell of the database.
    """

    def __init__(self, begins: int = EPOCH, grace: float = 0.0) -> None:
        self._grace = grace
        self._passed = 0.0
        self._since: float | None = None
        self._flowing = 0
        self._frozen = 0
        self._thawed = ExitStack()
        self.begins = begins
        self._real = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds since the rehearsal began."""
        return self._passed if self._since is None else self._passed + time.monotonic() - self._since

    def now(self) -> int:
        """The moment, in microseconds since the Unix epoch: a `saga.interpreter.clock.Clock`."""
        return self.begins + round(self.time() * 1_000_000)

    @property
    def real(self) -> int:
        """How much of the time that has passed was real, because real actions were running: microseconds."""
        return round((self._real + self.time() - self._passed) * 1_000_000)

    @property
    def moment(self) -> int:
        """Now, without the real time: it moves by jumps only. Microseconds since the Unix epoch."""
        return self.begins + round((self._passed - self._real) * 1_000_000)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """While something real runs that has a sense of time."""
        if not self._flowing:
            self._since = time.monotonic()
        self._flowing += 1
        try:
            yield
        finally:
            self._flowing -= 1
            if not self._flowing:
                now = self.time()
                self._real += now - self._passed
                self._passed, self._since = now, None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While something real runs that takes no time in the story.

        If it is silent for long, it may be waiting for the clock itself: from then on that goes at its usual pace.
        """
        self._frozen += 1
        try:
            yield
        finally:
            self._frozen -= 1
            if not self._frozen:
                self._thawed.close()

    def patience(self, seconds: float | None) -> float | None:
        """How long to wait really for input when timers are due after so many seconds; None: for ever."""
        if seconds is not None and (seconds <= 0 or self._flowing):
            return seconds
        if self._frozen and not self._flowing:
            return _SILENCE
        if self._flowing:
            return None
        if seconds is None:
            raise NothingLeft("a rehearsal waits for something that cannot come")
        return min(self._grace, seconds)

    def silent(self, seconds: float) -> None:
        """Nothing came although it was waited for: on to the next timer, or, while frozen, the clock goes after all."""
        if self._frozen and not self._flowing:
            self._thawed.enter_context(self.flowing())
        elif not self._flowing:
            self._passed += seconds


class _Selector(selectors.DefaultSelector):
    """Waits for real input only where there can be any; else the loop's clock jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector.select`."""
        ready = super().select(self._loop.patience(timeout))
        if not ready and timeout is not None and timeout > 0:
            self._loop.silent(timeout)
        return ready


@contextmanager
def play(loop: VirtualLoop) -> Iterator[asyncio.Runner]:
    """A runner on that loop; leaving it closes the loop. Threads of real actions are waited for in their own time."""
    runner = asyncio.Runner(loop_factory=lambda: loop)
    try:
        yield runner
    finally:
        with loop.flowing():
            runner.close()
        loop.close()  # the runner does not know it until it has run something
