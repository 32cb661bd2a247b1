"""A port of this machine for a server that a test starts, and perhaps starts again."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_FIRST, _BEHIND = 12_000, 32_000
"""Below the ports that systems give to connections and to servers that ask for any: nobody gets one by chance."""
_given: set[int] = set()


def free_port() -> int:
    """A port on which nobody listens, and which this process was not given before."""
    while True:
        port = random.randrange(_FIRST, _BEHIND)
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
