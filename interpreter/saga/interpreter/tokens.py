"""The text of a token: how one is made, taken apart and compared. It must not know where tokens are kept or used.

``saga_<id>_<secret>``: the id is shown in lists and finds the row; the secret is 160 random bits, of which only a hash
is kept. A fast hash is enough for what nobody can guess. The prefix lets scanners of leaked secrets find them.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256

PREFIX = "saga"
SCOPES = ("read", "start", "signal", "cancel", "operate", "work", "deploy", "admin")
"""What a token can allow (promises.md; ``work``: decision 47). ``admin`` allows everything."""

_TEXT = re.compile(rf"{PREFIX}_([0-9a-f]{{10}})_[0-9a-f]{{40}}")
_LEAKED = re.compile(rf"{PREFIX}_([0-9a-f]{{10}})_[0-9a-f]{{8,40}}")


def new_token() -> tuple[str, str]:
    """A new token: its id, and its whole text, which is shown once."""
    number = secrets.token_hex(5)
    return number, f"{PREFIX}_{number}_{secrets.token_hex(20)}"


def token_hash(text: str) -> bytes:
    """What is kept of a token's text."""
    return sha256(text.encode()).digest()


def token_id(text: str) -> str | None:
    """The id in what may be a token's text; None if it is none."""
    found = _TEXT.fullmatch(text)
    return None if found is None else found[1]


def is_token(text: str, kept: bytes) -> bool:
    """Whether a text is the token of which this hash is kept; takes the same time for any text."""
    return hmac.compare_digest(token_hash(text), kept)


def without_tokens(text: str) -> str:
    """A text with the secret part of every token in it taken out, for logs and messages."""
    return _LEAKED.sub(rf"{PREFIX}_\1_***", text)
