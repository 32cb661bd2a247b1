"""How long a saga can take at worst, by the times that its file allows.

Every attempt takes its whole `attempt_timeout`, every retry is used, every wait runs out, every loop makes all its
rounds, and steps that may run side by side do. ``None`` is "as long as it takes". This room must not know runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from saga.schema.definition import ROOT, Action, Child, Definition, Retry, Step, UndoKind, Wait
from saga.schema.durations import parse_duration
from saga.schema.expressions import Template

Span = int | None
"""Microseconds; None: without a limit that the file states."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The longest that a run can take. The endless name the steps that state no limit."""

    forward: Span
    backward: Span
    """Undoing everything, until it is done or the run is stuck."""
    endless: tuple[str, ...]


def plan(definition: Definition, others: Mapping[str, Definition] = MappingProxyType({})) -> Plan:
    """The worst case of a saga. ``deadline`` cuts the way forward, not the way back.

    ``others``: the sagas that it may run, by name; a child of another saga is without a limit.
    """
    longest = _Longest(definition, others)
    forward = longest.of_members(ROOT)
    if definition.deadline is not None:
        forward = definition.deadline if forward is None else min(forward, definition.deadline)
    final = [longest.of_step(step) for step in definition.final_steps]
    return Plan(_sum([forward, *final]), longest.backward(), tuple(longest.endless))


class _Longest:
    def __init__(self, definition: Definition, others: Mapping[str, Definition]) -> None:
        self._definition = definition
        self._others = others
        self._past = _past_the_pivot(definition)
        self.endless: list[str] = []

    def of_members(self, container: int) -> Span:
        """The longest way through the members of a container."""
        ends: dict[int, Span] = {}
        for index in self._definition.members[container]:
            step = self._definition.steps[index]
            before = _most([ends[need] for need in step.needs])
            ends[index] = _sum([before, self.of_step(step)])
        return _most(list(ends.values()))

    def of_step(self, step: Step) -> Span:
        """The longest that one step can take, with everything in it."""
        found: Span = 0
        if step.action is not None:
            stuck = self._definition.compensation.stuck_after if step.index in self._past else None
            found = _tries(step.action, step.retry, stuck)
        elif step.wait is not None:
            found = _waiting(step.wait)
        elif step.block is not None:
            found = self._of_block(step)
        elif step.child is not None:
            child = self._of_child(step.child)
            found = None if child is None else _sum([child.forward, child.backward])
        if found is None and step.block is None:
            self.endless.append(step.name)
        return found

    def _of_child(self, child: Child) -> Plan | None:
        """Of a child's saga; None if it is not known, or runs this one again."""
        known = self._others.get(child.saga)
        others = {name: each for name, each in self._others.items() if name not in (child.saga, self._definition.name)}
        return None if known is None or known.name == self._definition.name else plan(known, others)

    def _of_block(self, step: Step) -> Span:
        assert step.block is not None
        inside = self.of_members(step.index)
        loop = step.block.loop
        if loop is not None and inside is not None:
            most = loop.max.value if loop.max.constant else None
            if not isinstance(most, int):
                self.endless.append(step.name)
                return None
            rounds = -(-most // loop.at_once) if loop.items is not None else most
            delay = _written(loop.delay) if loop.delay is not None else 0
            inside = None if delay is None else rounds * inside + max(0, rounds - 1) * delay
        limit = None if step.block.timeout is None else _written(step.block.timeout)
        return inside if limit is None else limit if inside is None else min(limit, inside)

    def backward(self) -> Span:
        """All undos one after the other, each until it is stuck."""
        rule = self._definition.compensation
        spans: list[Span] = []
        for step in self._definition.steps:
            if step.index in self._past or step.undo.kind is UndoKind.NONE:
                continue
            mine = [_tries(part.action, part.retry or rule.retry, rule.stuck_after) for part in step.undo.actions]
            if step.undo.kind is UndoKind.CHILD:
                child = None if step.child is None else self._of_child(step.child)
                mine.append(None if child is None else child.backward)
            spans.append(_times(self._turns(step), _sum(mine)))
        return _sum(spans)

    def _turns(self, step: Step) -> int | None:
        """How often a step may be done, by the loops around it; None: the file does not say."""
        found = 1
        for loop in self._definition.loops[step.index]:
            block = self._definition.steps[loop].block
            assert block is not None
            assert block.loop is not None
            most = block.loop.max.value if block.loop.max.constant else None
            if not isinstance(most, int):
                return None
            found *= most
        return found


def _past_the_pivot(definition: Definition) -> frozenset[int]:
    """The steps that only come once the pivot has passed."""
    past: set[int] = set()
    for step in definition.steps:
        needs = {*step.needs, *(() if step.parent is None else (step.parent,))}
        if any(need in past or definition.steps[need].pivot for need in needs):
            past.add(step.index)
    return frozenset(past)


def _tries(action: Action, retry: Retry, stuck_after: int | None) -> Span:
    """All attempts of an action, and the pauses between them. ``stuck_after``: it is tried until the run is stuck."""
    if stuck_after is not None:
        return stuck_after + action.attempt_timeout
    if retry.attempts is None:
        return None if retry.give_up_after is None else retry.give_up_after + action.attempt_timeout
    pauses = sum(
        int(min(retry.first_delay * retry.factor ** min(number, 64), float(retry.max_delay)))
        for number in range(retry.attempts - 1)
    )
    found = retry.attempts * action.attempt_timeout + pauses
    return found if retry.give_up_after is None else min(found, retry.give_up_after + action.attempt_timeout)


def _waiting(wait: Wait) -> Span:
    """Until the first clock of a wait that is written in the file; None where there is none."""
    clocks = [_written(part) for part in (wait.timeout, wait.duration) if part is not None]
    clocks += [_written(branch.after) for branch in wait.branches if branch.after is not None]
    known = [clock for clock in clocks if clock is not None]
    return min(known) if known else None


def _written(template: Template) -> Span:
    return parse_duration(template.value) if template.constant else None


def _times(count: int | None, span: Span) -> Span:
    return 0 if span == 0 else None if count is None or span is None else count * span


def _sum(spans: list[Span]) -> Span:
    known = [span for span in spans if span is not None]
    return sum(known) if len(known) == len(spans) else None


def _most(spans: list[Span]) -> Span:
    known = [span for span in spans if span is not None]
    return max(known, default=0) if len(known) == len(spans) else None
