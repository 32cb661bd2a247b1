"""Who sent a webhook: signatures over the raw bytes of a request, checked before anything of it is read.

A scheme says where a request carries its signatures and what exactly they sign. The check is the same for all: every
signature is compared with the one each active secret gives, in constant time, none left out. This room must not know
sagas, runs or HTTP servers; it never reads a body.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Headers = Sequence[tuple[bytes, bytes]]
"""As ASGI gives them: lower-case names, in the order they came."""

TOLERANCE = 300
"""Seconds that a signature's time may differ from ours, either way (promises.md)."""
SHORTEST_SECRET = 24
"""Bytes of key."""

_MOST_SIGNATURES = 16
_LONGEST_HEADER = 2048
_TIME = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9a-fA-F]*")
_MESSAGE_ID = re.compile(r"[!-~]{1,256}")
_WHSEC = "whsec_"


class BadSignature(Exception):
    """The request is not known to be from whom it says. ``str()`` says what is amiss, never what would be right."""


class SecretUnfit(Exception):
    """A secret's value cannot be used with this scheme. ``str()`` says why and never the value."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the headers of a request say: signatures over ``prefix`` and the body, made at ``at`` (Unix seconds)."""

    signatures: tuple[bytes, ...]
    prefix: bytes = b""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Scheme(ABC):
    """How a sender signs."""

    algorithm: str = field(default="sha256", kw_only=True)
    """Of `hashlib`."""

    @abstractmethod
    def claim(self, headers: Headers) -> Claim:
        """What the headers say. Raises BadSignature for every header that is missing, there twice or malformed."""

    @abstractmethod
    def headers(self, body: bytes, key: bytes, at: int, message: str) -> dict[str, str]:
        """The headers of a request signed now, as the sender would. ``message``: its id, where the scheme has one."""

    def key(self, secret: str) -> bytes:
        """The key that a secret's value stands for. Raises SecretUnfit if it is shorter than 24 bytes."""
        return _long_enough(secret.encode())

    def verify(self, headers: Headers, body: bytes, keys: Sequence[bytes], now: int) -> None:
        """Whether one of the active keys signed this. ``now``: Unix seconds. Raises BadSignature."""
        claim = self.claim(headers)
        fits = False
        for key in keys:
            right = self._digest(key, claim.prefix, body)
            for signature in claim.signatures:
                fits |= hmac.compare_digest(right, signature)
        if not fits:
            raise BadSignature("no signature fits the body and the secret")
        if claim.at is not None and abs(now - claim.at) > TOLERANCE:
            raise BadSignature(f"it was signed more than {TOLERANCE} seconds away from this server's time")

    def _digest(self, key: bytes, prefix: bytes, body: bytes) -> bytes:
        signing = hmac.new(key, prefix, self.algorithm)
        signing.update(body)
        return signing.digest()

    def _from_hex(self, text: str, where: str) -> bytes:
        if _HEX.fullmatch(text) is None or len(text) != 2 * hashlib.new(self.algorithm).digest_size:
            raise BadSignature(f"{where} holds no {self.algorithm} signature in hex")
        return bytes.fromhex(text)

    def _from_base64(self, text: str, where: str) -> bytes:
        try:
            found = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            found = b""
        if len(found) != hashlib.new(self.algorithm).digest_size:
            raise BadSignature(f"{where} holds no {self.algorithm} signature in base64")
        return found


@dataclass(frozen=True, slots=True)
class Plain(Scheme):
    """``verify: {hmac: …, header: …, encoding: …, prefix: …}``: one signature of the body in one header."""

    header: str
    encoding: str
    """``hex`` or ``base64``."""
    prefix: str = ""
    """What stands before the signature, such as ``sha256=``."""

    def claim(self, headers: Headers) -> Claim:
        """See `Scheme.claim`."""
        text = _one(headers, self.header)
        if not text.startswith(self.prefix):
            raise BadSignature(f"{self.header} does not begin with {self.prefix}")
        decode = self._from_hex if self.encoding == "hex" else self._from_base64
        return Claim((decode(text[len(self.prefix) :], self.header),))

    def headers(self, body: bytes, key: bytes, at: int, message: str) -> dict[str, str]:
        """See `Scheme.headers`."""
        digest = self._digest(key, b"", body)
        return {self.header: self.prefix + (digest.hex() if self.encoding == "hex" else b64encode(digest).decode())}


@dataclass(frozen=True, slots=True)
class Standard(Scheme):
    """``preset: standard``: Standard Webhooks. Secrets are base64, mostly written ``whsec_…``."""

    def key(self, secret: str) -> bytes:
        """See `Scheme.key`."""
        text = secret.removeprefix(_WHSEC)
        try:
            return _long_enough(b64decode(text + "=" * (-len(text) % 4), validate=True))
        except (binascii.Error, ValueError):
            raise SecretUnfit(f"is not base64; Standard Webhooks secrets look like {_WHSEC}MfKQ9r8G…") from None

    def claim(self, headers: Headers) -> Claim:
        """See `Scheme.claim`."""
        message, at = _one(headers, "webhook-id"), _time(headers, "webhook-timestamp")
        if _MESSAGE_ID.fullmatch(message) is None:
            raise BadSignature("webhook-id is malformed")
        parts = [part.partition(",") for part in _one(headers, "webhook-signature").split(" ")]
        texts = [text for version, _, text in parts if version == "v1"]
        return Claim(self._all(texts, "webhook-signature"), f"{message}.{at}.".encode(), at)

    def _all(self, texts: list[str], where: str) -> tuple[bytes, ...]:
        _few_enough(texts, where)
        return tuple(self._from_base64(text, where) for text in texts)

    def headers(self, body: bytes, key: bytes, at: int, message: str) -> dict[str, str]:
        """See `Scheme.headers`."""
        digest = self._digest(key, f"{message}.{at}.".encode(), body)
        signature = f"v1,{b64encode(digest).decode()}"
        return {"webhook-id": message, "webhook-timestamp": str(at), "webhook-signature": signature}


@dataclass(frozen=True, slots=True)
class Stripe(Scheme):
    """``preset: stripe``: ``Stripe-Signature: t=…,v1=…``, with more than one ``v1`` while a secret is rolled."""

    def claim(self, headers: Headers) -> Claim:
        """See `Scheme.claim`."""
        where = "Stripe-Signature"
        parts = [part.partition("=") for part in _one(headers, where).split(",")]
        times = [text for name, _, text in parts if name == "t"]
        texts = [text for name, _, text in parts if name == "v1"]
        if len(times) != 1 or _TIME.fullmatch(times[0]) is None:
            raise BadSignature(f"{where} has no time")
        _few_enough(texts, where)
        at = int(times[0])
        return Claim(tuple(self._from_hex(text, where) for text in texts), f"{times[0]}.".encode(), at)

    def headers(self, body: bytes, key: bytes, at: int, message: str) -> dict[str, str]:
        """See `Scheme.headers`."""
        return {"Stripe-Signature": f"t={at},v1={self._digest(key, f'{at}.'.encode(), body).hex()}"}


@dataclass(frozen=True, slots=True)
class Slack(Scheme):
    """``preset: slack``: ``X-Slack-Signature: v0=…`` over ``v0:time:body``."""

    def claim(self, headers: Headers) -> Claim:
        """See `Scheme.claim`."""
        where = "X-Slack-Signature"
        version, _, text = _one(headers, where).partition("=")
        if version != "v0":
            raise BadSignature(f"{where} does not begin with v0=")
        at = _time(headers, "X-Slack-Request-Timestamp")
        return Claim((self._from_hex(text, where),), f"v0:{at}:".encode(), at)

    def headers(self, body: bytes, key: bytes, at: int, message: str) -> dict[str, str]:
        """See `Scheme.headers`."""
        signature = f"v0={self._digest(key, f'v0:{at}:'.encode(), body).hex()}"
        return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": signature}


PRESETS: Mapping[str, Scheme] = {
    "standard": Standard(),
    "stripe": Stripe(),
    "github": Plain("X-Hub-Signature-256", "hex", "sha256="),
    "slack": Slack(),
}


def scheme_of(verify: Mapping[str, Any]) -> Scheme:
    """The scheme that a webhook's ``verify:`` asks for, as the language allows it (language/signals.py)."""
    if "preset" in verify:
        return PRESETS[verify["preset"]]
    return Plain(verify["header"], verify["encoding"], verify.get("prefix") or "", algorithm=verify["hmac"])


def _one(headers: Headers, name: str) -> str:
    """The value of a header that must be there once, in ASCII."""
    wanted = name.lower().encode()
    found = [value for key, value in headers if key == wanted]
    if not found:
        raise BadSignature(f"the header {name} is missing")
    if len(found) > 1:
        raise BadSignature(f"the header {name} is there more than once")
    if len(found[0]) > _LONGEST_HEADER or not found[0].isascii():
        raise BadSignature(f"the header {name} is malformed")
    return found[0].decode("ascii").strip(" \t")


def _time(headers: Headers, name: str) -> int:
    """The Unix seconds in a header. They are signed as they were written: leading zeros would be another text."""
    text = _one(headers, name)
    if _TIME.fullmatch(text) is None or str(int(text)) != text:
        raise BadSignature(f"the header {name} is no time in Unix seconds")
    return int(text)


def _few_enough(texts: Sequence[str], where: str) -> None:
    if not texts:
        raise BadSignature(f"{where} holds no v1 signature")
    if len(texts) > _MOST_SIGNATURES:
        raise BadSignature(f"{where} holds more than {_MOST_SIGNATURES} signatures")


def _long_enough(key: bytes) -> bytes:
    if len(key) < SHORTEST_SECRET:
        raise SecretUnfit(
            f"has {len(key)} bytes, and webhooks need {SHORTEST_SECRET} or more; "
            "make one with `openssl rand -hex 32` and give it to the sender too"
        )
    return key
