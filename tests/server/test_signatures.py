"""Signatures of webhooks: vectors of every scheme, another library as a judge, and everything that must be refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from saga.server.webhooks.signatures import PRESETS, BadSignature, Headers, Plain, Scheme, SecretUnfit, scheme_of

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("signature_vectors.json").read_text())
KEY = b"k" * 32
OTHER = b"o" * 32
BODY = b'{"order_id": "o-1"}'
NOW = 1_700_000_000
SCHEMES = PRESETS | {"plain": Plain("X-Signature", "hex"), "base64": Plain("X-Sig", "base64", "sha256=")}


def wire(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI gives them."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def signed(scheme: Scheme, at: int = NOW, key: bytes = KEY, body: bytes = BODY) -> list[tuple[bytes, bytes]]:
    return wire(scheme.headers(body, key, at, "msg_1"))


def refused(scheme: Scheme, headers: Headers, body: bytes = BODY, now: int = NOW) -> str:
    with pytest.raises(BadSignature) as caught:
        scheme.verify(headers, body, [KEY], now)
    return str(caught.value)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["from"] for vector in VECTORS])
def test_vectors(vector: dict[str, Any]) -> None:
    scheme, body = scheme_of(vector["verify"]), vector["body"].encode()
    keys = [scheme.key(vector["secret"])]
    scheme.verify(wire(vector["headers"]), body, keys, vector["now"])
    with pytest.raises(BadSignature):
        scheme.verify(wire(vector["headers"]), body + b" ", keys, vector["now"])
    with pytest.raises(BadSignature):
        scheme.verify(wire(vector["headers"]), body, [OTHER], vector["now"])


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_what_we_sign_we_accept_under_either_of_two_secrets(scheme: Scheme) -> None:
    for key in (KEY, OTHER):
        scheme.verify(signed(scheme, key=key), BODY, [KEY, OTHER], NOW)
    with pytest.raises(BadSignature):
        scheme.verify(signed(scheme, key=b"x" * 32), BODY, [KEY, OTHER], NOW)
    with pytest.raises(BadSignature):
        scheme.verify(signed(scheme), BODY, [], NOW)


@pytest.mark.parametrize("preset", ["standard", "stripe", "slack"])
@pytest.mark.parametrize(("age", "good"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_times_are_tolerated_for_300_seconds(preset: str, age: int, good: bool) -> None:
    scheme = PRESETS[preset]
    if good:
        scheme.verify(signed(scheme, NOW - age), BODY, [KEY], NOW)
    else:
        assert "300 seconds" in refused(scheme, signed(scheme, NOW - age))


@pytest.mark.parametrize("preset", ["standard", "stripe", "slack"])
def test_the_time_is_part_of_what_is_signed(preset: str) -> None:
    scheme = PRESETS[preset]
    headers = [(name, value.replace(b"1700000000", b"1700000001")) for name, value in signed(scheme)]
    assert "no signature fits" in refused(scheme, headers)


def test_the_judgement_of_another_library_is_the_same() -> None:
    secret = "whsec_" + b64encode(KEY).decode()
    judge, ours = Webhook(secret), PRESETS["standard"]
    at = int(datetime.now(UTC).timestamp())
    theirs = {
        "webhook-id": "msg_9",
        "webhook-timestamp": str(at),
        "webhook-signature": judge.sign("msg_9", datetime.fromtimestamp(at, UTC), BODY.decode()),
    }
    ours.verify(wire(theirs), BODY, [ours.key(secret)], at)
    assert judge.verify(BODY, ours.headers(BODY, ours.key(secret), at, "msg_1")) == {"order_id": "o-1"}
    bad = theirs | {"webhook-signature": judge.sign("msg_8", datetime.fromtimestamp(at, UTC), BODY.decode())}
    with pytest.raises(WebhookVerificationError):
        judge.verify(BODY, bad)
    assert "no signature fits" in refused(ours, wire(bad), now=at)


HEX = "0" * 64
B64 = b64encode(bytes(32)).decode()
MALFORMED = [
    ("plain", {}),
    ("plain", {"X-Signature": ""}),
    ("plain", {"X-Signature": "0" * 63}),
    ("plain", {"X-Signature": "g" * 64}),
    ("plain", {"X-Signature": HEX + "00"}),
    ("plain", {"X-Signature": "0x" + "0" * 62}),
    ("plain", {"X-Signature": "é" * 64}),
    ("plain", {"X-Signature": "٠".encode().decode("latin-1") * 32}),
    ("plain", {"X-Signature": "0" * 5000}),
    ("base64", {"X-Sig": B64}),
    ("base64", {"X-Sig": "sha256="}),
    ("base64", {"X-Sig": "sha256=" + B64[:-4]}),
    ("base64", {"X-Sig": "sha256=" + B64[:-1] + "!"}),
    ("base64", {"X-Sig": "sha256=" + B64[:10] + "\n" + B64[10:]}),
    ("github", {"X-Hub-Signature": "sha1=" + "0" * 40}),
    ("github", {"X-Hub-Signature-256": HEX}),
    ("github", {"X-Hub-Signature-256": "sha1=" + HEX}),
    ("slack", {"X-Slack-Signature": "v0=" + HEX}),
    ("slack", {"X-Slack-Signature": "v1=" + HEX, "X-Slack-Request-Timestamp": str(NOW)}),
    ("slack", {"X-Slack-Signature": HEX, "X-Slack-Request-Timestamp": str(NOW)}),
    ("slack", {"X-Slack-Signature": "v0=" + HEX, "X-Slack-Request-Timestamp": "now"}),
    ("slack", {"X-Slack-Signature": "v0=" + HEX, "X-Slack-Request-Timestamp": "-1"}),
    ("slack", {"X-Slack-Signature": "v0=" + HEX, "X-Slack-Request-Timestamp": "1e9"}),
    ("slack", {"X-Slack-Signature": "v0=" + HEX, "X-Slack-Request-Timestamp": "9" * 40}),
    ("stripe", {"Stripe-Signature": "t=,v1=" + HEX}),
    ("stripe", {"Stripe-Signature": "v1=" + HEX}),
    ("stripe", {"Stripe-Signature": f"t={NOW}"}),
    ("stripe", {"Stripe-Signature": f"t={NOW},t={NOW},v1={HEX}"}),
    ("stripe", {"Stripe-Signature": f"t={NOW},v1={HEX},v1=zz"}),
    ("stripe", {"Stripe-Signature": f"t={NOW}" + f",v1={HEX}" * 17}),
    ("stripe", {"Stripe-Signature": ",,,==="}),
    ("standard", {"webhook-id": "a", "webhook-timestamp": str(NOW)}),
    ("standard", {"webhook-id": "", "webhook-timestamp": str(NOW), "webhook-signature": f"v1,{B64}"}),
    ("standard", {"webhook-id": "a b", "webhook-timestamp": str(NOW), "webhook-signature": f"v1,{B64}"}),
    ("standard", {"webhook-id": "a", "webhook-timestamp": "0" + str(NOW), "webhook-signature": f"v1,{B64}"}),
    ("standard", {"webhook-id": "a", "webhook-timestamp": str(NOW), "webhook-signature": f"v2,{B64}"}),
    ("standard", {"webhook-id": "a", "webhook-timestamp": str(NOW), "webhook-signature": "v1"}),
    ("standard", {"webhook-id": "a", "webhook-timestamp": str(NOW), "webhook-signature": "v1,###"}),
]


@pytest.mark.parametrize(("name", "headers"), MALFORMED)
def test_malformed_headers_are_bad_signatures(name: str, headers: dict[str, str]) -> None:
    refused(SCHEMES[name], wire(headers))


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_a_header_that_is_there_twice_is_refused(scheme: Scheme) -> None:
    headers = signed(scheme)
    assert "more than once" in refused(scheme, [*headers, headers[-1]])


@given(
    st.sampled_from(sorted(SCHEMES)),
    st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=80), min_size=3, max_size=3),
)
def test_no_header_makes_it_fail_otherwise(name: str, texts: list[str]) -> None:
    scheme = SCHEMES[name]
    names = dict(signed(scheme))
    refused(scheme, [(header, text.encode("latin-1")) for header, text in zip(names, texts, strict=False)])


def test_the_right_body_only() -> None:
    scheme = SCHEMES["plain"]
    assert "no signature fits" in refused(scheme, signed(scheme), b'{"order_id":"o-1"}')


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_short_secrets_are_refused(scheme: Scheme) -> None:
    short = b64encode(b"s" * 23).decode() if scheme is PRESETS["standard"] else "s" * 23
    with pytest.raises(SecretUnfit, match="has 23 bytes, and webhooks need 24 or more; make one with `openssl rand"):
        scheme.key(short)
    good = b64encode(b"s" * 24).decode() if scheme is PRESETS["standard"] else "s" * 24
    assert scheme.key(good) == b"s" * 24


def test_a_standard_secret_is_base64() -> None:
    with pytest.raises(SecretUnfit, match="is not base64"):
        PRESETS["standard"].key("whsec_this is no base64 at all, is it?")
