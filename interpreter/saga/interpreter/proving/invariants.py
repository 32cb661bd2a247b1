"""The author's invariants, asked at every end of a run.

An invariant is an expression over ``done(step)``, ``undone(step)``, ``tried(step)``, ``outcome``, ``input`` and the
outputs of steps. It must hold whenever a run has ended: `completed` or `compensated`. On the way there it need not, for
a rollback takes its time. In a loop ``done`` and ``tried`` mean any iteration, ``undone`` all that were done. This room
must not know how states are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.state import State
from saga.interpreter.proving.conditions import Oracle, freed
from saga.interpreter.proving.ledger import Ledger
from saga.schema.definition import Definition, Invariant
from saga.schema.expressions import OF_STEPS, Expression, ExpressionFailed


class Invariants:
    """Those of one saga, made abstract. ``tracked``: the steps whose story they ask for."""

    def __init__(self, definition: Definition, invariants: tuple[Invariant, ...], oracle: Oracle) -> None:
        self._definition = definition
        self._all: tuple[tuple[Invariant, Expression], ...] = tuple(
            (invariant, freed(invariant.condition, oracle)) for invariant in invariants
        )
        self.tracked = frozenset(
            definition.indices[path[1]]
            for invariant in invariants
            for path in invariant.condition.paths
            if path[0] in OF_STEPS and len(path) > 1 and path[1] in definition.indices
        )
        self.paths = tuple(path for invariant in invariants for path in invariant.condition.paths)

    def broken(self, state: State, ledger: Ledger) -> Iterator[tuple[Invariant, str]]:
        """Those that do not hold at an end, and why one could not be evaluated."""
        if not self._all:
            return
        names = scope(
            self._definition,
            state,
            done=self._facts({place.step for place in ledger.done}),
            tried=self._facts({place.step for place in ledger.tried}),
            undone=self._facts(self._undone(ledger)),
        )
        for invariant, condition in self._all:
            try:
                if not condition.holds(names):
                    yield invariant, ""
            except ExpressionFailed as problem:
                yield invariant, str(problem)

    def _undone(self, ledger: Ledger) -> set[int]:
        through = {*ledger.undone, *ledger.nothing}
        return {place.step for place in through} - {place.step for place in ledger.done if place not in through}

    def _facts(self, true: set[int]) -> Mapping[str, bool]:
        return {name: index in true for name, index in self._definition.indices.items()}
