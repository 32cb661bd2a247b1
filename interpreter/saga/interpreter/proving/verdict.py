"""The answer of a proof: plain data for those who print, draw and judge it. It must not know how it was found."""

from __future__ import annotations

from dataclasses import dataclass, field

from saga.schema.definition import Place
from saga.schema.values import Value


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold."""

    promise: str
    """A stable word, such as ``undo_lacks_output``; ``invariant`` for the author's own."""
    message: str
    step: str | None
    place: Place
    """Where in the file the cause stands."""
    story: tuple[str, ...]
    """The shortest way there; empty where there is none, because nothing leads there."""
    path: str = ""
    """The file of ``place``; empty: the saga's own."""
    hint: str = ""
    looks: tuple[tuple[str, str], ...] = ()
    """Step and state at the end of the story, in the words of `saga.schema.drawing.StepState`."""
    status: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know that is no mistake: a wait that may last for ever, a place where people are needed."""

    kind: str
    message: str
    step: str
    place: Place
    story: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way in which a saga ends, or stays stuck. ``cause``: why it came to this."""

    status: str
    outcome: str
    cause: str
    done: tuple[str, ...]
    """Steps that took effect, or may have, in order of start."""
    undone: tuple[str, ...]
    """In the order in which they are undone."""
    left: tuple[str, ...]
    """Done, and neither undone nor passed over."""
    caller: Value
    """The output; ``<path>`` stands for a value that comes from outside."""
    causes: tuple[tuple[str, str], ...] = ()
    """The step and the sentence of each cause."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything a proof found out about one saga."""

    saga: str
    states: int
    turns: int
    """Transitions made."""
    broken: tuple[Broken, ...]
    notes: tuple[Note, ...]
    invariants: tuple[str, ...]
    """Names of those that were checked at every end."""
    cut: str
    """Why not everything was looked at; empty: everything was."""
    outcomes: tuple[Outcome, ...] = ()
    bounds: tuple[str, ...] = field(default=())
    """What the search does not go beyond, in words."""

    @property
    def proved(self) -> bool:
        """Whether every promise holds, and everything was looked at."""
        return not self.broken and not self.cut
