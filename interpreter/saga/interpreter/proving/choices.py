"""What nobody knows before a run: values from outside, and the choices that stand for them.

A value from outside is `Unknown`. Where a condition asks for one, a choice is made among the values that could make a
difference, and remembered: the same question gets the same answer for the rest of the run. `every_way` goes through all
choices of one turn. This room must not know expressions or the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from saga.schema.values import Value

Origin = tuple[object, ...]
"""Which value from outside: ``("input",)``, ``("step", index, iteration)``, ``("signal", message number)``,
``("item", list, number)``, ``("set", key of the step, text)``."""
Fact = object
"""The answer to a question: a plain value, a truth value or a length."""


class Question(NamedTuple):
    """What was asked: of which value, and what of it."""

    kind: str
    """``value``: a part of a value; ``holds``: a condition that is more than a test of one value; ``length``."""
    origin: Origin
    about: tuple[object, ...]
    """``value``: the keys below the value. Else what tells the question from others."""


class Unknown(dict[str, Value]):
    """A value from outside. Nothing is known of it but where it came from; to the machine it is an empty map."""

    __slots__ = ("keys_below", "kind", "label", "origin")

    def __init__(self, origin: Origin, kind: str, label: str, keys_below: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.origin = origin
        self.kind = kind
        """Whose schema it follows: ``input``, ``signal NAME``, or a word of no meaning."""
        self.label = label
        """How people call it."""
        self.keys_below = keys_below
        """Where it stands below the value of that origin."""

    def below(self, keys: Sequence[str]) -> Unknown:
        """A part of it."""
        if not keys:
            return self
        return Unknown(self.origin, self.kind, ".".join((self.label, *keys)), (*self.keys_below, *keys))

    def __repr__(self) -> str:
        return f"Unknown({self.label})"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


@dataclass(frozen=True, slots=True)
class Made:
    """One choice that was made in a turn, in words for the story."""

    question: Question
    answer: Fact
    words: str


class Choices:
    """The choices of one turn: facts from before, then a script that says which option to take each time."""

    def __init__(self, facts: Mapping[Question, Fact], script: Sequence[int]) -> None:
        self._before = facts
        self._script = script
        self.made: list[Made] = []
        self.taken: list[int] = []
        self.widths: list[int] = []
        self._new: dict[Question, Fact] = {}

    def known(self, question: Question) -> bool:
        """Whether it was answered before."""
        return question in self._new or question in self._before

    def fact(self, question: Question) -> Fact:
        """The answer given before. Raises KeyError."""
        return self._new[question] if question in self._new else self._before[question]

    def choose(self, question: Question, options: Sequence[Fact], words: Callable[[Fact], str]) -> Fact:
        """The answer: the one from before, or the option whose turn it is."""
        if self.known(question):
            return self.fact(question)
        place = len(self.taken)
        option = self._script[place] if place < len(self._script) else 0
        self.taken.append(option)
        self.widths.append(len(options))
        self._new[question] = answer = options[option]
        self.made.append(Made(question, answer, words(answer)))
        return answer

    def facts(self) -> Mapping[Question, Fact]:
        """Everything answered so far."""
        return {**self._before, **self._new} if self._new else self._before


Result = TypeVar("Result")


def every_way(facts: Mapping[Question, Fact], act: Callable[[Choices], Result]) -> Iterator[tuple[Result, Choices]]:
    """Does something once for each combination of the choices that it asks for."""
    script: list[int] = []
    while True:
        choices = Choices(facts, script)
        yield act(choices), choices
        script = choices.taken
        while script and script[-1] + 1 == choices.widths[len(script) - 1]:
            script = script[:-1]
        if not script:
            return
        script = [*script[:-1], script[-1] + 1]
