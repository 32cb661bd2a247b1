"""What the expressions of a saga can see of a run (semantics.md 23 and 24).

This room must not know what is done with the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.state import Progress, State, StepState
from saga.schema.definition import Definition
from saga.schema.durations import Timestamp

_UNTOUCHED = StepState()


def key(definition: Definition, state: State, ref: Ref) -> str:
    """The idempotency key of an action: the same for all its attempts, another for each iteration and undo."""
    step = definition.node(ref.step)
    where = "".join(f"[{number}]" for number in ref.iteration)
    if ref.undo < 0:
        return f"{state.run}/{step.name}{where}"
    label = step.undo.actions[ref.undo].label
    return f"{state.run}/{step.name}{where}/undo" + (f"/{label}" if label else "")


class _Steps(Mapping[str, object]):
    """``steps`` of the expression language, read lazily. ``own``: the step whose undo is asking; it sees its answer."""

    __slots__ = ("_definition", "_own", "_state")

    def __init__(self, definition: Definition, state: State, own: int) -> None:
        self._definition = definition
        self._state = state
        self._own = own

    def __getitem__(self, name: str) -> object:
        index = self._definition.indices[name]
        found = self._state.steps[index] or _UNTOUCHED
        ok = found.progress is Progress.OK or index == self._own
        return {
            "output": found.output if ok else None,
            "response": found.response if ok else None,
            "error": found.error,
            "status": found.progress.name.lower(),
            "key": key(self._definition, self._state, Ref(index)),
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._definition.indices)

    def __len__(self) -> int:
        return len(self._definition.indices)


class _Names(dict[str, object]):
    """The root names of an expression; what costs something is made when it is read."""

    __slots__ = ("_definition", "_ref", "_state")

    def __init__(self, definition: Definition, state: State, ref: Ref | None, more: Mapping[str, object]) -> None:
        super().__init__(more, input=state.input, outcome=state.outcome, error=state.error)
        self._definition = definition
        self._state = state
        self._ref = ref

    def __missing__(self, name: str) -> object:
        state, ref = self._state, self._ref
        if name == "steps":
            own = ref.step if ref is not None and ref.undo >= 0 else -1
            return _Steps(self._definition, state, own)
        if name == "run":
            return {"id": state.address.partition("/")[2], "started_at": Timestamp(state.started_at)}
        if name == "step" and ref is not None:
            return {"key": key(self._definition, state, ref)}
        raise KeyError(name)


def scope(definition: Definition, state: State, ref: Ref | None = None, **more: object) -> Mapping[str, object]:
    """The names an expression sees. ``ref``: the action it stands in; ``more``: ``output``, ``payload`` where there."""
    return _Names(definition, state, ref, more)
