"""What the expressions of a saga can see of a run (semantics.md 23 to 25).

This room must not know what is done with the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saga.interpreter.machine.events import ROOT, Ref
from saga.interpreter.machine.places import outer, outwards, spelled
from saga.interpreter.machine.state import Progress, State, StepState
from saga.schema.definition import Definition
from saga.schema.durations import Timestamp

_UNTOUCHED = StepState()


def key(definition: Definition, state: State, ref: Ref) -> str:
    """The idempotency key of an action: the same for all its attempts, another for each iteration and undo."""
    step = definition.node(ref.step)
    where = spelled(definition, ref) if ref.iteration else step.name
    if ref.undo < 0:
        return f"{state.run}/{where}"
    label = step.undo.actions[ref.undo].label if step.undo.actions else ""
    return f"{state.run}/{where}/undo" + (f"/{label}" if label else "")


class _Steps(Mapping[str, object]):
    """``steps`` of the expression language, read lazily, as seen from a place: inside a loop names mean its iteration.

    ``own``: the step whose undo is asking; it sees its answer.
    """

    __slots__ = ("_definition", "_iteration", "_own", "_state")

    def __init__(self, definition: Definition, state: State, ref: Ref | None) -> None:
        self._definition = definition
        self._state = state
        self._own = ref.step if ref is not None and ref.undo >= 0 else -1
        self._iteration = () if ref is None else ref.iteration

    def __getitem__(self, name: str) -> object:
        index = self._definition.indices[name]
        place = Ref(index, self._iteration[: len(self._definition.loops[index])])
        found = self._state.found(place) or _UNTOUCHED
        ok = found.progress is Progress.OK or index == self._own
        return {
            "output": found.output if ok else None,
            "response": found.response if ok else None,
            "error": found.error,
            "last": None if found.block is None or not found.block.outputs else found.block.outputs[-1],
            "status": found.progress.name.lower(),
            "key": key(self._definition, self._state, place),
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._definition.indices)

    def __len__(self) -> int:
        return len(self._definition.indices)


class _Names(dict[str, object]):
    """The root names of an expression; what costs something is made when it is read."""

    __slots__ = ("_definition", "_ref", "_state")

    def __init__(self, definition: Definition, state: State, ref: Ref | None, more: Mapping[str, object]) -> None:
        super().__init__(more, input=state.input, outcome=state.outcome)
        self._definition = definition
        self._state = state
        self._ref = ref

    def __missing__(self, name: str) -> object:
        state, ref = self._state, self._ref
        if name == "steps":
            return _Steps(self._definition, state, ref)
        if name == "run":
            return {"id": state.address.partition("/")[2], "started_at": Timestamp(state.started_at)}
        if name == "error":
            return _caught(self._definition, state, ref) or state.error
        if ref is not None:
            if name == "step":
                return {"key": key(self._definition, state, ref)}
            loops = self._definition.loops[ref.step]
            around = (*loops, ref.step) if len(ref.iteration) > len(loops) else loops
            for depth in reversed(range(len(around))):
                found = self._of_loop(Ref(around[depth], ref.iteration[:depth]), ref.iteration[depth], name)
                if found is not None:
                    return found[0]
        raise KeyError(name)

    def _of_loop(self, loop: Ref, number: int, name: str) -> tuple[object] | None:
        """What a loop around an expression calls by that name."""
        rule, mine = self._definition.steps[loop.step].block, self._state.found(loop)
        assert rule is not None
        assert rule.loop is not None
        if mine is None or mine.block is None:
            return None
        if name == "index":
            return (number,)
        if name == "previous":
            return (mine.block.outputs[number - 1] if 0 < number <= len(mine.block.outputs) else None,)
        if name == rule.loop.variable and rule.loop.items is not None:
            return (mine.block.items[number],)
        return None


def _caught(definition: Definition, state: State, ref: Ref | None) -> dict[str, object] | None:
    """The error that the innermost catch body around a place is about."""
    if ref is None:
        return None
    for place in outwards(definition, Ref(ref.step, ref.iteration)):
        guards = list(definition.node(place.step).guards)
        while guards:
            guard = guards.pop(0)
            if guard.way.startswith("catch."):
                found = state.found(Ref(guard.step, place.iteration))
                return None if found is None else dict(found.error or {})
            if guard.step != outer(definition, place).step:
                guards += definition.steps[guard.step].guards
    return None


def scope(definition: Definition, state: State, ref: Ref | None = None, **more: object) -> Mapping[str, object]:
    """The names an expression sees. ``ref``: the action it stands in; ``more``: ``output``, ``payload`` where there."""
    return _Names(definition, state, None if ref == ROOT else ref, more)
