"""Which addresses are reached. The addresses are those of IANA's special-purpose registries."""

import asyncio
import socket
from ipaddress import ip_address

import pytest
from yarl import URL

from saga.interpreter.actions.http_guard import AddressRefused, Guard, refused_kind


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "unspecified"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.127.255.255", "carrier-grade NAT"),
        ("127.0.0.1", "loopback"),
        ("127.255.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "reserved"),
        ("192.88.99.1", "6to4"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "reserved"),
        ("198.51.100.1", "reserved"),
        ("203.0.113.1", "reserved"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::127.0.0.1", "reserved"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("100::1", "reserved"),
        ("2001::1", "reserved"),
        ("2001:db8::1", "reserved"),
        ("2002:7f00:1::", "6to4"),
        ("3fff::1", "reserved"),
        ("5f00::1", "reserved"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "reserved"),
        ("ff02::1", "multicast"),
        ("8.8.8.8", None),
        ("100.63.255.255", None),
        ("172.32.0.1", None),
        ("223.255.255.255", None),
        ("2606:4700::1111", None),
        ("2001:4860:4860::8888", None),
    ],
)
def test_kinds_of_addresses(address, kind):
    assert refused_kind(ip_address(address)) == kind


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("ftp://example.com/", "the address must begin with http:// or https://; correct it"),
        ("file:///etc/passwd", "the address must begin with http:// or https://; correct it"),
        ("/shipments", "the address must begin with http:// or https://; correct it"),
        ("http:///shipments", "the address names no host; correct it"),
        (
            "https://user:word@example.com/",
            "the address holds a user or password; use `auth` or a header with a secret's ",
        ),
        ("https://@127.0.0.1/", "127.0.0.1 is not a public address (loopback)"),
        ("http://127.1/", "127.1 is no complete IP address; write all its parts"),
        ("http://2130706433/", "2130706433 is no complete IP address; write all its parts"),
        ("http://[::ffff:127.0.0.1]/", f"{ip_address('::ffff:127.0.0.1')} is not a public address (IPv4-mapped)"),
        ("http://[fe80::1%25eth0]/", "fe80::1%"),
        (
            "http://169.254.169.254/latest/meta-data",
            "169.254.169.254 is not a public address (link-local); if it is meant, an operator allows it in saga.toml: "
            '[http] allow = ["169.254.169.254"]',
        ),
    ],
)
def test_what_is_refused_unresolved(url, cause):
    with pytest.raises(AddressRefused) as caught:
        Guard().check(URL(url))
    assert str(caught.value).startswith(cause)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("10.0.0.0/8", "http://10.255.0.1/"),
        ("::1", "http://[::1]:8000/"),
        ("fd00::/8", "http://[fd12::1]/"),
    ],
)
def test_what_an_operator_allows(allow, url):
    Guard([allow]).check(URL(url))
    with pytest.raises(AddressRefused):
        Guard(["192.168.0.0/16", "shipping.internal"]).check(URL(url))


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "10.0.0.1/8", "http://a", "a b", "", "a:80", "1.2.3", "*.internal", "-a"]
)
def test_a_bad_entry_is_refused(entry):
    with pytest.raises(ValueError) as caught:
        Guard([entry])
    assert str(caught.value) == (
        f"[http] allow: {entry!r} is no address, network or host name; "
        "write such as 127.0.0.1, 10.0.0.0/8 or shipping.internal"
    )


@pytest.mark.parametrize("host", ["localhost", "0x7f.0.0.1", "0177.0.0.1"])
async def test_a_name_is_judged_by_what_it_resolves_to(host):
    with pytest.raises(AddressRefused, match=rf"{host} \(.*\) is not a public address \(loopback\); if it is meant"):
        await Guard().resolve(host, 80, socket.AF_INET)
    (found,) = await Guard(["127.0.0.0/8"]).resolve(host, 80, socket.AF_INET)
    assert (found["hostname"], found["host"], found["port"]) == (host, "127.0.0.1", 80)


async def test_a_name_may_be_allowed_whatever_it_resolves_to():
    (found,) = await Guard(["LocalHost."]).resolve("localhost", 80, socket.AF_INET)
    assert found["host"] == "127.0.0.1"
    with pytest.raises(AddressRefused):
        await Guard(["localhost"]).resolve("0x7f.0.0.1", 80, socket.AF_INET)


async def test_of_a_mixed_name_only_what_may_be_reached_is_left(monkeypatch):
    async def lookup(host, port, **_):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("10.0.0.1", "93.184.216.34")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    assert [found["host"] for found in await Guard().resolve("mixed.example", 443)] == ["93.184.216.34"]


async def test_a_name_that_does_not_resolve():
    with pytest.raises(OSError):
        await Guard().resolve("no-such-host.invalid", 80)
