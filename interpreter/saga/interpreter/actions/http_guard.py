"""Which addresses an `http` action may reach (promises.md, security bar).

A name is resolved once and the connection goes to the very addresses that were judged, so a name cannot change its mind
in between. This room must not know requests, answers or sagas.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult
    from yarl import URL

SETTING = "[http] allow"
"""Where an operator allows more, in saga.toml."""

_REFUSED_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_REFUSED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "reserved"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)

Address = IPv4Address | IPv6Address


class AddressRefused(Exception):
    """The address may not be reached. ``str()`` says why and what an operator can set."""


class Guard:
    """Judges addresses, and resolves names for aiohttp (it has the shape of its resolvers)."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        """``allow``: addresses, networks and host names that may be reached although they are not public.

        Such as ``127.0.0.1``, ``10.0.0.0/8``, ``shipping.internal``. Raises ValueError for anything else.
        """
        self._networks: list[IPv4Network | IPv6Network] = []
        self._hosts: set[str] = set()
        for entry in allow:
            self._allow(entry)

    def _allow(self, entry: str) -> None:
        try:
            self._networks.append(ip_network(entry))
        except ValueError:
            if not re.search(r"[A-Za-z]", entry) or _HOST.fullmatch(entry.rstrip(".")) is None:
                raise ValueError(
                    f"{SETTING}: {entry!r} is no address, network or host name; "
                    f"write such as 127.0.0.1, 10.0.0.0/8 or shipping.internal"
                ) from None
            self._hosts.add(_bare(entry))

    def check(self, url: URL) -> None:
        """Refuses what needs no look-up: other schemes, no host, a password inside, a refused address written out.

        Raises AddressRefused.
        """
        if url.scheme not in ("http", "https"):
            raise AddressRefused("the address must begin with http:// or https://; correct it")
        host = url.raw_host
        if not host:
            raise AddressRefused("the address names no host; correct it")
        if url.raw_user is not None or url.raw_password is not None:
            raise AddressRefused("the address holds a user or password; use `auth` or a header with a secret's name")
        try:
            literal = ip_address(host)
        except ValueError:
            if ":" in host or host.replace(".", "").isdigit():  # 2130706433 and 127.1 would be connected to unjudged
                raise AddressRefused(f"{host} is no complete IP address; write all its parts") from None
            return
        self._judge(host, literal)

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        """The addresses of a host that may be reached. Raises AddressRefused if it has others only, OSError if none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        good: list[ResolveResult] = []
        refused: AddressRefused | None = None
        for kind, _, protocol, _, place in found:
            address = str(place[0])
            try:
                self._judge(host, ip_address(address))
            except AddressRefused as problem:
                refused = problem
                continue
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            good.append(
                {"hostname": host, "host": address, "port": port, "family": kind, "proto": protocol, "flags": flags}
            )
        if refused is not None and not good:
            raise refused
        return good

    async def close(self) -> None:
        """Nothing to close; aiohttp asks."""

    def _judge(self, host: str, address: Address) -> None:
        """Raises AddressRefused."""
        kind = refused_kind(address)
        if kind is None or _bare(host) in self._hosts or any(address in network for network in self._networks):
            return
        what = host if host == str(address) else f"{host} ({address})"
        raise AddressRefused(
            f"{what} is not a public address ({kind}); if it is meant, an operator allows it in saga.toml: "
            f'{SETTING} = ["{host}"]'
        )


def refused_kind(address: Address) -> str | None:
    """What kind of address it is that is not reached without leave, or None for a public one."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _REFUSED_V4 if address in network), None)
    kind = next((kind for network, kind in _REFUSED_V6 if address in network), None)
    return kind or (None if address in _PUBLIC_V6 else "reserved")


def _bare(host: str) -> str:
    return host.rstrip(".").lower()
