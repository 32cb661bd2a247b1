"""How a server is set up: what the operator decides, with defaults that are safe on one machine."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """The decisions. Times in seconds, sizes in bytes."""

    project: int
    """The number of the project whose runs are served; no other project's can be reached."""
    local: bool = False
    """It listens on this machine alone: a project that never had a token is open to everybody here."""
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """Host names that it answers to, without ports; ``*``: all, where something before it checks them."""
    origins: tuple[str, ...] = ()
    """Sites beside its own whose pages may change something, such as https://shop.example.com."""
    rate: float = 2000.0
    """Requests a second of one client, over longer times."""
    burst: int = 4000
    """Requests of one client at once."""
    body_limit: int = MIB
    body_seconds: float = 10.0
    """A request's body must have arrived by then."""
    longest_wait: float = 60.0
    """The longest ``?wait=``."""
    poll: float = 0.15
    """Between two looks at runs that somebody waits for."""
    ping: float = 15.0
    """Between two signs of life on a stream of events."""
    send_seconds: float = 20.0
    """A stream whose reader takes nothing for so long is ended."""
