"""What the language has but this version does not run: refused by name, never ignored, never called unknown.

One subject: the list of those keys, by the kind of map they stand in (the map's ``title`` in the schema).
"""

from __future__ import annotations

_ACTION = {
    "heartbeat": "actions that report while they work",
    "at_most_once": "actions that are tried once only",
    "queue": "steps on another queue",
}
_BLOCKS = {
    "needs": "a graph of steps",
    "parallel": "branches side by side",
    "switch": "branches by condition",
    "each": "a loop over a list",
    "repeat": "a bounded loop",
    "as": "a loop's variable",
    "max": "a loop's bound",
    "at_once": "a loop's concurrency",
    "delay": "a loop's pause",
    "on_max": "what follows a loop's bound",
    "cases": "what follows a race",
    "catch": "handling an error",
    "steps": "a group of steps",
}
_VERBS = {
    "saga": "a child saga",
    "start": "starting another saga",
    "signal": "signalling another run",
    "emit": "an event to the world",
    "set": "a computed value",
    "task": "a task for a person",
}

NOT_BUILT: dict[str, dict[str, str]] = {
    "saga file": {
        "schedule": "starting by the clock",
        "invariants": "proved invariants",
        "needs": "a graph of steps",
        "catch": "handling an error",
    },
    "step": {
        **_BLOCKS,
        **_VERBS,
        **_ACTION,
        "id": "a child's id",
        "invariants": "proved invariants",
    },
    "finally step": {"emit": _VERBS["emit"], "signal": _VERBS["signal"], "set": _VERBS["set"], **_ACTION},
    "wait": {
        "any": "a race of signals and clocks",
        "all": "waiting for several signals",
        "after": "a branch of a race",
    },
    "compensate": {**_ACTION, "child": "undoing a child saga", "set": _VERBS["set"], "emit": _VERBS["emit"]},
    "undo": {**_ACTION, "set": _VERBS["set"], "emit": _VERBS["emit"]},
    "body": {"undo": "undoing a block"},
    "defaults": {"heartbeat": _ACTION["heartbeat"], "queue": _ACTION["queue"], "at_most_once": _ACTION["at_most_once"]},
}
"""Title of the map -> key -> what it is for."""

NOT_BUILT_VALUES: dict[str, dict[str, str]] = {"compensate": {"child": "undoing a child saga"}}
"""Title of the value -> the word -> what it is for."""
