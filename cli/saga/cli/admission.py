"""Who a server lets in: the options of ``serve`` and ``dev`` about it, and the refusal to stand open to the world.

It must not know how a server serves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from saga.cli.exits import Exit
from saga.cli.failures import Failure, usage
from saga.cli.wiring import Here

if TYPE_CHECKING:
    from saga.server.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+")


class Admission(NamedTuple):
    """What an operator says about who may come in."""

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()


def admission_options(function: F) -> F:
    """``--allow-host``, ``--allow-origin``, ``--trust-proxy``."""
    options = (
        click.option(
            "--allow-host",
            "hosts",
            multiple=True,
            metavar="NAME",
            help="A host name it answers to, beside this machine's own; * for all. May be given more than once.",
        ),
        click.option(
            "--allow-origin",
            "origins",
            multiple=True,
            metavar="URL",
            help="A site whose pages may change something, such as https://shop.example.com.",
        ),
        click.option(
            "--trust-proxy",
            "proxies",
            multiple=True,
            metavar="ADDRESS",
            help="A proxy (address or network) whose word counts for who asks and over which scheme.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def checked(hosts: tuple[str, ...], origins: tuple[str, ...], proxies: tuple[str, ...]) -> Admission:
    """The options, if they make sense. Raises Failure."""
    for host in hosts:
        if host != "*" and re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]", host) is None:
            raise usage(f"--allow-host {host!r} is no host name", "write it without scheme and port: shop.example.com")
    for origin in origins:
        if _ORIGIN.fullmatch(origin) is None:
            raise usage(f"--allow-origin {origin!r} is no origin", "write scheme and host: https://shop.example.com")
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise usage(f"--trust-proxy {proxy!r} is no address or network", "write such as 10.0.0.0/8") from None
    return Admission(hosts, origins, proxies)


async def settings_for(here: Here, project: int, host: str, admission: Admission) -> Settings:
    """How a server on that address is set up. Raises Failure: none but this machine without any token."""
    from saga.server.settings import Settings

    local = is_loopback(host)
    if not local and not any(token.is_good for token in await here.store.access.tokens(project)):
        raise Failure(
            Exit.NOT_ALLOWED,
            "public_without_tokens",
            f"it does not listen on {host}: this project has no token, so whoever reaches that address could start, "
            "signal and cancel its runs",
            "make a token first: saga token create NAME --scope start --scope signal; "
            "or leave --host out to serve this machine alone",
        )
    own = () if ":" in host or host in _LOOPBACK_NAMES else (host,)
    return Settings(project, local=local, hosts=(*_LOOPBACK_NAMES, *own, *admission.hosts), origins=admission.origins)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
