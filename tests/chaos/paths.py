"""The runs that are walked along: a saga each, how its actions behave, and how it must end whatever is broken once.

This room must not know how a walk goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from shapes import Letter, Part, Shape, shape_of


@dataclass(frozen=True)
class Path:
    """A saga to walk along, how its actions behave, and how it must end."""

    shape: Shape
    plans: dict[str, str]
    letters: tuple[Letter, ...]
    end: tuple[str, str]


def _path(shape: Shape, bad: dict[str, str], letters: tuple[Letter, ...], end: tuple[str, str]) -> Path:
    plans = {f"plan_{part.name}": "ok" for part in shape.parts if part.acts}
    plans |= {f"undo_{part.name}": "ok" for part in shape.parts if part.undo}
    return Path(shape, plans | bad, letters, end)


PATHS = {
    "forward": _path(
        shape_of(
            "forward",
            [
                Part("s0", "call", "call"),
                Part("s1", "wait", "http", timeout=60.0, on_timeout="fail"),
                Part("s2", "sql", "sql"),
                Part("s3", "http", "call", pivot=True),
                Part("s4", "tx"),
            ],
            "call",
        ),
        {},
        (Letter("sig_s1", "walk-1", "early", 2),),
        ("completed", "completed"),
    ),
    "backward": _path(
        shape_of(
            "backward",
            [
                Part("s0", "call", "http"),
                Part("s1", "sql", "sql"),
                Part("s2", "tx", "tx"),
                Part("s3", "http", "sync"),
                Part("s4", "call", "call"),
            ],
        ),
        {"plan_s3": "commit500 ok", "plan_s4": "reject:declined"},
        (),
        ("compensated", "failed"),
    ),
    "waiting": _path(
        shape_of(
            "waiting",
            [
                Part("s0", "pause", timeout=0.3),
                Part("s1", "wait", "call", timeout=0.4, on_timeout="go on"),
                Part("s2", "call", "call", optional=True),
                Part("s3", "wait", "sql", timeout=None),
                Part("s4", "pause", timeout=0.05),
            ],
            "http",
        ),
        {"plan_s2": "commit500 500 close"},
        (Letter("sig_s3", "walk-1", "early", 1), Letter("sig_s3", "walk-2", "early", 1)),
        ("completed", "completed"),
    ),
    "short": _path(shape_of("short", [Part("s0", "call", "call")]), {}, (), ("completed", "completed")),
    "database": _path(
        shape_of(
            "database",
            [Part("s0", "sql", "sql"), Part("s1", "tx", "sql"), Part("s2", "sql", "tx"), Part("s3", "tx", "tx")],
        ),
        {"plan_s3": "reject:declined"},
        (),
        ("compensated", "failed"),
    ),
    "requests": _path(
        shape_of("requests", [Part(f"s{number}", "http", "http") for number in range(3)], "http"),
        {"plan_s0": "close ok", "plan_s1": "commitclose ok"},
        (),
        ("completed", "completed"),
    ),
    "threads": _path(
        shape_of("threads", [Part(f"s{number}", "sync", "sync") for number in range(3)]),
        {"plan_s2": "reject:declined", "undo_s1": "500 ok"},
        (),
        ("compensated", "failed"),
    ),
    "silence": _path(
        shape_of(
            "silence",
            [Part("s0", "call", "call", pivot=True), Part("s1", "wait", timeout=0.3, on_timeout="end")],
            "call",
        ),
        {},
        (),
        ("completed", "gone_quiet"),
    ),
    "too_slow": _path(
        shape_of(
            "slow",
            [Part("s0", "http", "call"), Part("s1", "tx", "tx"), Part("s2", "wait", timeout=0.3, on_timeout="fail")],
        ),
        {},
        (),
        ("compensated", "too_slow"),
    ),
    "letters": _path(
        shape_of(
            "letters",
            [Part("s0", "wait", "call", timeout=None), Part("s1", "sql", "sql"), Part("s2", "wait", timeout=None)],
        ),
        {},
        (Letter("sig_s0", "walk-1", "early", 2), Letter("sig_s2", "walk-2", "early", 2)),
        ("completed", "completed"),
    ),
    "beyond": _path(
        shape_of(
            "beyond",
            [Part("s0", "call", "call"), Part("s1", "sql", pivot=True), Part("s2", "call"), Part("s3", "http")],
        ),
        {"plan_s2": "500 commit500 500 500 500 ok", "plan_s3": "close 500 close 500 ok"},
        (),
        ("completed", "completed"),
    ),
    "declined": _path(
        shape_of(
            "declined",
            [
                Part("s0", "call", "sql"),
                Part("s1", "http", "call"),
                Part("s2", "call", "call", pivot=True),
                Part("s3", "tx"),
            ],
        ),
        {"plan_s2": "reject:declined", "undo_s1": "commit500 ok"},
        (),
        ("compensated", "failed"),
    ),
}
