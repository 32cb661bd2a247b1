"""Whether a command printed what a page says: times, ids and durations do not count, ``...`` stands for any lines."""

from __future__ import annotations

import re

_ANY = "..."
_PASSING = re.compile(
    r"runs are kept in the embedded Postgres in .*|\[\d+\]( .*)?|(bash|.*/bash): line \d+: +\d+ (Killed|Terminated).*"
)
"""Lines that depend on the machine: where the embedded Postgres lives, and what a shell says of its jobs."""
_CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b|\b\d{16}\b"), "<time>"),
    (re.compile(r"\b(\d+d \d+h|\d+h \d\dm|\d+m \d\ds|\d+\.\d+s|\d+(?:ms|s|m))\b"), "<span>"),
    (re.compile(r"\bworker \d+\b"), "worker <n>"),
    (re.compile(r"\bthe database at \S+"), "the database at <place>"),
    (re.compile(r"\b(upgraded to version|this program needs) \d+"), r"\1 <n>"),
    (re.compile(r" {2,}"), " "),
)


def is_passing(line: str) -> bool:
    """Whether a line says nothing of the command itself."""
    return _PASSING.fullmatch(line.strip()) is not None


def settled(text: str) -> list[str]:
    """The lines of an output without what changes from run to run."""
    lines: list[str] = []
    for line in text.splitlines():
        if is_passing(line):
            continue
        kept = line
        for pattern, word in _CHANGING:
            kept = pattern.sub(word, kept)
        lines.append(kept.rstrip())
    while lines and not lines[-1]:
        lines.pop()
    return lines


def fits(said: str, printed: str) -> bool:
    """Whether ``printed`` is what a page has said."""
    wanted = "".join(_pattern(line) for line in settled(said))
    return re.fullmatch(wanted, "".join(f"{line}\n" for line in settled(printed))) is not None


def _pattern(line: str) -> str:
    return r"(?:.*\n)*" if line.strip() == _ANY else re.escape(line) + r"\n"
