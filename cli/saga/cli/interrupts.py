"""Ctrl-C and SIGTERM: asked once, a command leaves tidily; asked twice, at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_ASKS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """An event that is set when the process is asked to stop. A second time it ends at once, as without this."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def asked(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in _ASKS:
        loop.add_signal_handler(number, asked, number)
    try:
        yield stop
    finally:
        for number in _ASKS:
            loop.remove_signal_handler(number)


@contextmanager
def asking() -> Iterator[None]:
    """While a person is asked something Ctrl-C raises KeyboardInterrupt: the event loop would only note it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
