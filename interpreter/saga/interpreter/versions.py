"""How a text of a version is shown (semantics.md 31)."""

from __future__ import annotations

from collections.abc import Collection

_SHORTEST = 4
"""Hex digits of the digest in a draft's label, if they tell it from the other drafts."""


def version_label(version: int, digest: bytes, taken: Collection[str]) -> str:
    """The first text of a version is ``1``, another one ``1+3f9a``. ``taken``: the labels this version has so far."""
    if not taken:
        return str(version)
    digits = digest.hex()
    lengths = range(_SHORTEST, len(digits) + 1)
    return next(text for length in lengths if (text := f"{version}+{digits[:length]}") not in taken)
