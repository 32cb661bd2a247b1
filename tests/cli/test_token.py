"""``saga token``, and the refusal to stand open to the world."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

TOKEN = re.compile(r"saga_[0-9a-f]{10}_[0-9a-f]{40}\n")


async def test_a_token_is_shown_once_and_kept_as_a_hash(saga: Any, rows: Callable[[str], Any]) -> None:
    made = saga("token", "create", "shop", "--scope", "start", "--scope", "signal")
    assert made.code == 0
    assert TOKEN.fullmatch(made.out)
    assert "keep it now: only its hash is stored" in made.err
    assert "from now on every request to its server needs one" in made.err
    listed = saga("token", "list")
    assert "shop" in listed.out
    assert "start signal" in listed.out
    assert "never used" in listed.out
    assert made.out.strip().split("_")[2] not in listed.out
    assert made.out.strip().split("_")[2] not in await rows("SELECT string_agg(t::text, '') FROM saga.token t")


def test_json(saga: Any) -> None:
    assert saga("token", "list", "--json").json == {"tokens": []}
    made = saga("token", "create", "grafana", "--scope", "read", "--expires", "365d", "--json").json
    assert TOKEN.fullmatch(made["token"] + "\n")
    (listed,) = saga("token", "list", "--json").json["tokens"]
    assert listed == {key: value for key, value in made.items() if key != "token"}
    assert (listed["name"], listed["scopes"], listed["state"]) == ("grafana", ["read"], "good")


async def test_a_revoked_token_says_by_whom_and_is_recorded(saga: Any, rows: Callable[[str], Any]) -> None:
    text = saga("token", "create", "shop", "--scope", "admin").out.strip()
    number = text.split("_")[1]
    assert saga("token", "revoke", text).out == "shop is revoked\n"
    again = saga("token", "revoke", number)
    assert (again.code, again.out) == (0, "shop was revoked before\n")
    assert "revoked" in saga("token", "list").out
    told = await rows(
        "SELECT string_agg(via || ' ' || action || ' ' || (what ->> 'name'), ', ' ORDER BY id) FROM saga.audit"
    )
    assert told == "cli create_token shop, cli revoke_token shop, cli revoke_token shop"
    assert text.split("_")[2] not in await rows("SELECT string_agg(a::text, '') FROM saga.audit a")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "shop"), "Missing option '--scope'"),
        (("create", "shop", "--scope", "everything"), "'everything' is not one of 'read', 'start', 'signal'"),
        (("create", "", "--scope", "read"), "NAME has 1 to 60 printable characters"),
        (("create", "a\nb", "--scope", "read"), "NAME has 1 to 60 printable characters"),
        (("create", "shop", "--scope", "read", "--expires", "90"), "--expires: "),
        (("create", "shop", "--scope", "read", "--expires", "0s"), "--expires: "),
    ],
)
def test_wrong_arguments(offline: Any, arguments: tuple[str, ...], said: str) -> None:
    done = offline("token", *arguments)
    assert done.code == 2
    assert said in done.err


def test_an_unknown_token(saga: Any) -> None:
    number = saga("token", "create", "shop", "--scope", "read", "--json").json["id"]
    done = saga("token", "revoke", number[:-1])
    assert done.code == 2
    assert f'this project has no token "{number[:-1]}"' in done.err
    assert f'did you mean "{number}"?' in done.err


def test_without_a_token_the_world_stays_out(saga: Any) -> None:
    done = saga("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.code == 7
    assert (
        "it does not listen on 0.0.0.0: this project has no token, so whoever reaches that address could start, signal "
        "and cancel its runs" in done.err
    )
    assert "make a token first: saga token create NAME --scope start --scope signal" in done.err
    saga("token", "revoke", saga("token", "create", "shop", "--scope", "read").out.strip())
    assert saga("serve", "--host", "0.0.0.0", "--port", "0").code == 7


def test_with_a_token_it_may_listen_to_the_world(saga: Any) -> None:
    saga("token", "create", "shop", "--scope", "read")
    process = saga.begin("serve", "--host", "0.0.0.0", "--port", "0")
    assert "the API is served at http://0.0.0.0:" in saga.until(process, "served at")
    process.terminate()
    assert saga.finish(process).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--allow-host", "https://shop.example.com"), "is no host name"),
        (("--allow-host", "shop.example.com:80"), "is no host name"),
        (("--allow-origin", "shop.example.com"), "is no origin"),
        (("--allow-origin", "https://shop.example.com/"), "is no origin"),
        (("--trust-proxy", "proxy"), "is no address or network"),
    ],
)
def test_wrong_admissions(offline: Any, arguments: tuple[str, ...], said: str) -> None:
    done = offline("serve", *arguments)
    assert done.code == 2
    assert said in done.err
