"""How much one client may ask: buckets that fill up again with time. It must not know requests."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

_MOST_CLIENTS = 10_000
"""Buckets that are kept; whoever has not asked for longest is forgotten."""


class Buckets:
    """One bucket a client: it holds ``burst`` drops, each request takes one, ``rate`` come back a second."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """Takes a drop: 0, or the seconds after which there is one again."""
        now = self._clock()
        drops, at = self._buckets.pop(client, (float(self._burst), now))
        drops = min(float(self._burst), drops + (now - at) * self._rate)
        wait = 0 if drops >= 1 else max(1, ceil((1 - drops) / self._rate))
        self._buckets[client] = (drops if wait else drops - 1, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait


def client_name(host: str) -> str:
    """Who counts as one client: an IPv4 address, or the network of an IPv6 address that one household has."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)
