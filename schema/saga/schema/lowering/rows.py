"""The flat list of steps: rows inside rows become members of containers and guarded bodies behind their step.

One subject: indices, needs, guards and containment (see `saga.schema.definition.Step`). It must not know what a single
step does; that is lowered in `steps`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from saga.schema import definition as compiled
from saga.schema.checks.survey import Kind, Placed, Row, Survey
from saga.schema.definition import ON_MAX, ON_TIMEOUT, Branch, Guard, Place, Verb, case
from saga.schema.language.steps import CaseMap, SwitchStep
from saga.schema.lowering.actions import Defaults, maybe_expression
from saga.schema.lowering.steps import lower_block, lower_step
from saga.schema.yaml_text.nodes import Pointer

Places = Callable[[Pointer], Place]
"""Where the key at a pointer stands in the text."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the steps of a row have in common. ``needs``: of those that need no other of the row."""

    parent: int | None = None
    needs: tuple[int, ...] = ()
    guards: tuple[Guard, ...] = ()
    path: tuple[str, ...] = ()


class Rows:
    """Gathers the flat list. ``found`` is complete when `lower` has returned."""

    def __init__(self, survey: Survey, defaults: Defaults, places: Places) -> None:
        self.found: list[compiled.Step] = []
        self._defaults = defaults
        self._places = places
        self._survey = survey
        self._parts: dict[Placed, list[Row]] = {}
        for row in survey.rows:
            if row.owner is not None:
                self._parts.setdefault(row.owner, []).append(row)

    def lower(self) -> tuple[compiled.Step, ...]:
        """All forward steps of the file."""
        self._add_row(self._survey.rows[0], _Setting())
        return tuple(self.found)

    def _add_row(self, row: Row, setting: _Setting) -> tuple[int, ...]:
        """Adds the steps of a row, in file order; the answer is what comes after the whole row needs."""
        tails: dict[str, tuple[int, ...]] = {}
        first: dict[str, int] = {}
        for placed in self._survey.members(row):
            first[placed.name] = len(self.found)
            tails[placed.name] = self._add_step(placed, setting)
        for name, needed in row.order.needs.items():
            needs = tuple(sorted({index for each in needed for index in tails[each]})) or setting.needs
            self.found[first[name]] = replace(self.found[first[name]], needs=needs)
        needed_by_others = {each for needed in row.order.needs.values() for each in needed}
        last = tuple(sorted({index for name in tails if name not in needed_by_others for index in tails[name]}))
        return self._add_last(row, replace(setting, needs=last or setting.needs)) or last

    def _add_last(self, row: Row, setting: _Setting) -> tuple[int, ...]:
        """The `end` or `fail` of a body, as a step of its own."""
        for verb, outcome in ((Verb.END, row.end), (Verb.FAIL, row.fail)):
            if outcome is not None:
                last = compiled.Step(
                    index=len(self.found),
                    name=setting.path[-1],
                    verb=verb,
                    place=self._places((*row.at, verb.value)),
                    needs=setting.needs,
                    guards=setting.guards,
                    path=setting.path,
                    parent=setting.parent,
                    outcome=outcome,
                )
                self.found.append(last)
                return (last.index,)
        return ()

    def _add_step(self, placed: Placed, setting: _Setting) -> tuple[int, ...]:
        """Adds a step, what stands inside it, and the bodies behind it; the answer is what needs all of that."""
        index = len(self.found)
        step = lower_step(placed, index, self._places(placed.at), self._defaults)
        step = replace(step, guards=setting.guards, path=setting.path, parent=setting.parent)
        self.found.append(step)
        branches: list[Branch] = []
        tails: tuple[int, ...] = (index,)
        for row in self._parts.get(placed, ()):
            if row.kind.inside:
                self._add_row(row, _inside(row, placed, index, setting))
                branches.append(self._branch(row, placed))
            else:
                tails += self._add_row(row, _behind(row, placed, index, setting))
        if branches:
            self.found[index] = replace(self.found[index], block=lower_block(placed, tuple(branches)))
        return tails

    def _branch(self, row: Row, placed: Placed) -> Branch:
        members = self._survey.members(row)
        last = None
        if members:
            last = next(step.index for step in reversed(self.found) if step.name == members[-1].name)
        body = placed.step.switch[row.label] if isinstance(placed.step, SwitchStep) else None
        return Branch(row.label, maybe_expression(body.when) if isinstance(body, CaseMap) else None, last)


def _inside(row: Row, placed: Placed, index: int, setting: _Setting) -> _Setting:
    if row.kind is Kind.CASE:
        way = case(row.label)
        return _Setting(index, (), (Guard(index, way),), (*setting.path, f"{placed.name}.{way}"))
    name = f"{placed.name}.{row.label}" if row.kind is Kind.BRANCH else placed.name
    return _Setting(index, (), (), (*setting.path, name))


def _behind(row: Row, placed: Placed, index: int, setting: _Setting) -> _Setting:
    ways = {Kind.TIMEOUT: ON_TIMEOUT, Kind.MAX: ON_MAX, Kind.CHOSEN: case(row.label)}
    way = ways.get(row.kind) or compiled.Catch(row.label).way
    path = (*setting.path, f"{placed.name}.{way}")
    return _Setting(setting.parent, (index,), (Guard(index, way),), path)
