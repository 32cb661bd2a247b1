"""Secrets, by name only: where their values are looked up, and how they are kept out of every text.

A value is read at the moment of the call and is never part of a run's state. This room must not know who asks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from json import dumps
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit
from weakref import WeakSet

from saga.interpreter.tokens import without_tokens
from saga.schema.values import Value, dump

DIRECTORY = "SAGA_SECRETS_DIR"
"""The environment variable that names the folder of mounted secrets, one file each, as Kubernetes mounts them."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_BY_CHANCE = 16
"""Characters. Anything shorter may be part of a text by chance."""


class SecretMissing(Exception):
    """No place has a usable value for this name. ``str()`` names the places and never a value."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(cause)
        self.name = name


class Secrets:
    """Looks secrets up, remembers which values it gave away, and takes them out of texts again.

    A name is looked up as the environment variable NAME, as the file that NAME_FILE names, as a file of that name in
    the folder SAGA_SECRETS_DIR; the first that has a value wins. One line break at the end of a file does not count. An
    empty value counts as none. ``environ`` is read anew at each call.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._seen: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        _MADE.add(self)

    def get(self, name: str) -> str:
        """The value now; from here on `scrub` takes it out. Raises SecretMissing."""
        value = self._look_up(name)
        self._remember(name, value)
        return value

    def has(self, name: str) -> bool:
        """Whether a secret of that name can be read now."""
        try:
            return bool(self._look_up(name))
        except SecretMissing:
            return False

    def setting(self, name: str) -> str:
        """As `get`, for ``env.NAME``: a plain http(s) address is no secret and stays readable in messages."""
        value = self._look_up(name)
        if not _is_plain_address(value):
            self._remember(name, value)
        return value

    def scrub(self, text: str) -> str:
        """The text with ``***NAME***`` for every value given away so far, also where it is URL- or JSON-encoded."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: f"***{self._seen[found[0]]}***", text)

    def without(self, value: Value) -> Value:
        """A value with long secrets taken out of its texts, as `scrub` does: some services echo what they are sent.

        Values shorter than 16 characters stay: they may stand in a text by chance, and data must not be changed by it.
        """
        if self._pattern is None or self._pattern.search(dump(value)) is None:
            return value
        return self._without(value)

    def _without(self, value: Value) -> Value:
        if isinstance(value, str):
            assert self._pattern is not None
            return self._pattern.sub(
                lambda found: found[0] if len(found[0]) < _BY_CHANCE else f"***{self._seen[found[0]]}***", value
            )
        if isinstance(value, list):
            return [self._without(item) for item in value]
        if isinstance(value, dict):
            return {str(self._without(key)): self._without(item) for key, item in value.items()}
        return value

    def _look_up(self, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            raise SecretMissing(name, f"{name!r} cannot be the name of a secret; use letters, digits and _")
        if value := self._environ.get(name):
            return value
        if (file := self._environ.get(f"{name}_FILE")) and (value := _read(name, Path(file))):
            return value
        if (folder := self._environ.get(DIRECTORY)) and (value := _read(name, Path(folder, name))):
            return value
        raise SecretMissing(
            name,
            f"{name} has no value here; for every worker set the environment variable {name}, or {name}_FILE to the "
            f"path of a file that holds it, or put a file {name} into the folder that {DIRECTORY} names",
        )

    def _remember(self, name: str, value: str) -> None:
        if value in self._seen:
            return
        for form in (value, quote(value, safe=""), quote(value), quote_plus(value), dumps(value)[1:-1]):
            self._seen.setdefault(form, name)
        longest_first = sorted(self._seen, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))


_MADE: WeakSet[Secrets] = WeakSet()


def scrubbed(text: str) -> str:
    """A text without any secret that this process has read, and without tokens: for logs and for people."""
    for secrets in _MADE:
        text = secrets.scrub(text)
    return without_tokens(text)


class Settings(Mapping[str, str]):
    """``env`` of the expression language: every name that is asked for is looked up at once. Raises SecretMissing."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __getitem__(self, name: str) -> str:
        return self._secrets.setting(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _read(name: str, path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise SecretMissing(name, f"{name}: the file {path} is not UTF-8 text; store text, or base64") from None
    except OSError as error:
        raise SecretMissing(name, f"{name}: cannot read {path}: {error.strerror}") from None
    return text.removesuffix("\n").removesuffix("\r")


def _is_plain_address(value: str) -> bool:
    """Whether it is ``http(s)://host[:port][/path]`` with no password, query or path long enough to hold a token."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and not parts.query and len(parts.path) < 20
