"""The page of `saga explain` for what is not built yet. It must not know how problems are found."""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA401",
        "not built yet",
        """The language has this, but this version does not run it: needs, parallel, switch, each, repeat, catch,
        groups, child sagas, signal, emit, set, start and task as verbs, races, schedules, queues, heartbeats,
        at_most_once, invariants and limits. It is refused by name, never ignored.""",
    ),
)
