"""The workloads: what is run, how much of it at once, and what is timed. The same for every system.

This room runs in the process of the system under test, in whatever environment that needs: standard library only. It
must not know any system, nor CPU, WAL or memory: the conductor looks at those from outside, whenever a script yields.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

STEPS = ("reserve", "charge", "confirm", "notify", "email")
"""The steps of a saga. Each is a no-op whose output is `{"ok": true, "step": name, "i": number}`: about 40 bytes."""

WARM_UP = 50
SIGNAL_PAUSE = 0.02
"""Seconds between a run's parking and its signal: the system is idle then."""

Report = dict[str, Any]
Script = Callable[["System", "Order"], AsyncIterator[Report]]


@dataclass(frozen=True)
class Order:
    """What one process of a system is to do.

    ``first``: the number of its first saga, so that two processes have different ones. ``url``: a fresh database.
    ``folder``: an empty one, for systems with a store of their own.
    """

    workload: str
    count: int
    in_flight: int
    first: int
    url: str
    folder: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> range:
        """Of the sagas to measure."""
        return range(self.first, self.first + self.count)

    @property
    def warm_up(self) -> range:
        """Of the sagas to run before."""
        return range(self.first + self.count, self.first + self.count + min(WARM_UP, self.count))

    def as_text(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


class System:
    """A system under test, in a process of its own. An adapter implements what its workloads need."""

    group = 1
    """Signals sent in one call."""
    server: int | None = None
    """The process that stores for this system, where that is not the Postgres."""
    stores_in: str | None = None
    """The folder of that server's data."""

    def __init__(self, order: Order) -> None:
        self.order = order

    async def begin(self) -> None:
        """Connects, registers the sagas, starts working."""

    async def end(self) -> None:
        """Stops what `begin` started."""

    async def run(self, kind: str, number: int) -> None:
        """Runs a saga to its end. ``five``: five steps. ``failing``: the fifth fails, the other four are undone."""
        raise NotImplementedError

    async def park(self, number: int, *, attended: bool) -> None:
        """Starts a saga of a step, a wait for the signal ``go``, and a step; returns when it waits.

        ``attended``: somebody will ask when it has ended.
        """
        raise NotImplementedError

    async def park_all(self, numbers: Sequence[int], in_flight: int, *, attended: bool) -> None:
        """As `park`, many."""
        await at_once(in_flight, numbers, lambda number: self.park(number, attended=attended))

    def address(self, number: int) -> str:
        """What a client in another process needs to signal a parked saga."""
        raise NotImplementedError

    async def signal(self, numbers: Sequence[int]) -> None:
        """Signals parked sagas, at most ``group`` of them."""
        raise NotImplementedError

    async def ended(self, number: int) -> None:
        """Returns when an attended saga has ended."""
        raise NotImplementedError

    async def write(self, rows: int) -> None:
        """Writes so many rows, as fast as it can: for those that are no saga engine."""
        raise NotImplementedError


async def at_once(most: int, items: Iterable[Any], work: Callable[[Any], Awaitable[None]]) -> None:
    """Works on all items, on so many at the same time."""
    queue = iter(items)

    async def lane() -> None:
        for item in queue:
            await work(item)

    await asyncio.gather(*(lane() for _ in range(most)))


def now() -> int:
    """Nanoseconds of a clock that all processes of this machine share."""
    return time.monotonic_ns()


# -- the scripts: each yields when it is ready, and when it is through; then the conductor looks and says go


async def flat_out(system: System, order: Order) -> AsyncIterator[Report]:
    """Rows written as fast as possible."""
    await system.write(order.count // 20)
    yield {}
    begun = now()
    await system.write(order.count)
    yield {"begun": begun, "ended": now()}


def _throughput(kind: str) -> Script:
    async def script(system: System, order: Order) -> AsyncIterator[Report]:
        await at_once(order.in_flight, order.warm_up, lambda number: system.run(kind, number))
        yield {}
        begun = now()
        await at_once(order.in_flight, order.numbers, lambda number: system.run(kind, number))
        yield {"begun": begun, "ended": now()}

    return script


async def one_at_a_time(system: System, order: Order) -> AsyncIterator[Report]:
    """Each saga when the one before has ended."""
    for number in order.warm_up:
        await system.run("five", number)
    yield {}
    begun, times = now(), []
    for number in order.numbers:
        started = now()
        await system.run("five", number)
        times.append(now() - started)
    yield {"begun": begun, "ended": now(), "times": times}


async def signal_to_end(system: System, order: Order) -> AsyncIterator[Report]:
    """One saga at a time: parked, then signalled; from the sending to its end."""
    for number in order.warm_up:
        await _parked_and_signalled(system, number)
    yield {}
    begun = now()
    times = [await _parked_and_signalled(system, number) for number in order.numbers]
    yield {"begun": begun, "ended": now(), "times": times}


async def _parked_and_signalled(system: System, number: int) -> int:
    await system.park(number, attended=True)
    await asyncio.sleep(SIGNAL_PAUSE)
    sent = now()
    await system.signal([number])
    await system.ended(number)
    return now() - sent


async def signal_from_outside(system: System, order: Order) -> AsyncIterator[Report]:
    """The same, signalled by the conductor: it hears an address, sends, and hears when the saga ended."""
    for number in order.warm_up:
        await _parked_and_signalled(system, number)
    yield {}
    for number in order.numbers:
        await system.park(number, attended=True)
        yield {"parked": system.address(number)}
        await system.ended(number)
        yield {"over": now()}


async def signal_many(system: System, order: Order) -> AsyncIterator[Report]:
    """All sagas are parked, then signalled as fast as possible; until the last has ended."""
    await system.park_all(order.warm_up, order.in_flight, attended=True)
    await _signalled(system, order.warm_up, order.in_flight)
    await system.park_all(order.numbers, order.in_flight, attended=True)
    await asyncio.sleep(0.5)
    yield {}
    begun = now()
    await _signalled(system, order.numbers, order.in_flight)
    yield {"begun": begun, "ended": now()}


async def _signalled(system: System, numbers: Sequence[int], in_flight: int) -> None:
    groups = [numbers[at : at + system.group] for at in range(0, len(numbers), system.group)]
    await at_once(max(1, in_flight // system.group), groups, system.signal)
    for number in numbers:
        await system.ended(number)


async def parking(system: System, order: Order) -> AsyncIterator[Report]:
    """Sagas that are parked and stay so."""
    await system.park_all(order.warm_up, order.in_flight, attended=False)
    yield {}
    begun = now()
    await system.park_all(order.numbers, order.in_flight, attended=False)
    yield {"begun": begun, "ended": now()}


@dataclass(frozen=True)
class Workload:
    """``unit``: what is counted. ``steps``: step bodies run for one of these while it is measured."""

    title: str
    unit: str
    steps: int
    script: Script


WORKLOADS = {
    "raw": Workload("raw limit: rows in batches", "steps", 1, flat_out),
    "w1": Workload("W1: 5 steps", "steps", 5, _throughput("five")),
    "w2": Workload("W2: 5 steps, one saga at a time", "steps", 5, one_at_a_time),
    "w3": Workload("W3: signal to end, one at a time", "signals", 2, signal_to_end),
    "w3-outside": Workload("W3: signal to end, one at a time", "signals", 2, signal_from_outside),
    "w3t": Workload("W3t: waiting sagas signalled", "signals", 1, signal_many),
    "w4": Workload("W4: 5th step fails, 4 undone", "sagas", 9, _throughput("failing")),
    "w5": Workload("W5: parking", "runs", 1, parking),
}


# -- a process of a system


class _Channel:
    """Lines of JSON to the conductor, a bare line from it. What else is printed goes to stderr."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._loop = asyncio.get_running_loop()
        self._words: asyncio.Queue[str] = asyncio.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._words.put_nowait, line)
        os.killpg(0, signal.SIGKILL)  # the conductor is gone: so is this process, with the server it may have started

    def say(self, report: Report) -> None:
        print(json.dumps(report), file=self._out, flush=True)

    async def hear(self) -> None:
        await self._words.get()


async def _play(system: System, order: Order) -> None:
    channel = _Channel()
    await system.begin()
    try:
        async for report in WORKLOADS[order.workload].script(system, order):
            channel.say({"server": system.server, "stores_in": system.stores_in, **report})
            await channel.hear()
    finally:
        await system.end()


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where the environment has it, as saga's command line does."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def play(make: Callable[[Order], System]) -> None:
    """The main program of an adapter; its order is the first argument."""
    order = Order(**json.loads(sys.argv[1]))
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_play(make(order), order))
    sys.stderr.flush()
    os._exit(0)  # some systems leave threads behind that never end
