"""Holding what happened against what a test expects: every difference, with its place in the test.

The one rule of comparing: a map is compared by the keys that are written; lists and single values as a whole. This
room must not know how differences are printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import cast

from saga.interpreter.rehearsal.answers import Called
from saga.interpreter.rehearsal.sent import Sent
from saga.interpreter.rehearsal.story import Rehearsed, RunStory, offset
from saga.schema.durations import format_duration, parse_duration
from saga.schema.testfile.names import ANY, plain
from saga.schema.testfile.written import Expectation
from saga.schema.values import Value, ValueProblem, dump, normalise
from saga.schema.yaml_text.nodes import Pointer

_EXACT = 500
"""Microseconds: times are compared as exactly as they are shown. Where real actions ran, their time may come on top."""
UNKNOWN: object = object()
"""Stands for what cannot be written at the place of a miss."""


@dataclass(slots=True)
class Miss:
    """One expectation that did not hold. ``diff``: lines that begin with ``-`` (expected), ``+`` (came) or a space.

    ``came``: the value that would have held at ``at``, or `UNKNOWN`.
    """

    at: Pointer
    message: str
    diff: list[str] = field(default_factory=list)
    code: str = "SAGA710"
    came: object = UNKNOWN
    hint: str = ""


def judge(expect: object, story: RunStory | None, whole: Rehearsed, at: Pointer, *, final: bool) -> list[Miss]:
    """All misses of an expectation about one run. ``final``: nothing comes any more."""
    if story is None:
        return list(_refusal(expect, whole, at))
    if isinstance(expect, str):
        expectation, short = Expectation.model_validate({"outcome": expect}), True
    else:
        expectation = expect if isinstance(expect, Expectation) else Expectation.model_validate({})
        short = False
    found = _Judge(expectation, story, whole, at, short)
    misses = list(found.run())
    open_on_purpose = {"status", "stuck", "waiting"} & expectation.model_fields_set
    if final and not misses and not story.row.status.ended and not open_on_purpose:
        message = f"it did not end: it is {standing(story)}"
        misses.append(Miss(at, message, code="SAGA710"))
    return misses


def standing(story: RunStory) -> str:
    """Where a run stands, in words: ``completed, delivered``, ``stuck at charge_payment``."""
    row = story.row
    if story.stuck is not None:
        return f"stuck at {story.stuck}"
    if row.status.ended:
        return row.status.word if row.outcome in (None, row.status.word) else f"{row.status.word}, {row.outcome}"
    return f"{row.status.word} for {', '.join(row.waiting)}" if row.waiting else row.status.word


def _refusal(expect: object, whole: Rehearsed, at: Pointer) -> Iterator[Miss]:
    wanted = expect.refused if isinstance(expect, Expectation) else None
    if wanted is None:
        yield Miss(at, f"the run was refused ({whole.refused}): {whole.message}")
    elif wanted != whole.refused:
        yield Miss((*at, "refused"), f"refused with {whole.refused} ({whole.message}), expected {wanted}")


class _Judge:
    def __init__(self, expect: Expectation, story: RunStory, whole: Rehearsed, at: Pointer, short: bool) -> None:
        self._expect = expect
        self._story = story
        self._whole = whole
        self._at = at
        self._short = short

    def run(self) -> Iterator[Miss]:
        expect, story, row = self._expect, self._story, self._story.row
        if expect.refused is not None:
            yield self._miss("refused", f"the run was not refused: it is {standing(story)}")
        yield from self._word("outcome", row.outcome, f" ({standing(story)})" if row.outcome is None else "")
        yield from self._word("status", row.status.word, f" ({standing(story)})" if story.stuck else "")
        yield from self._word("error", story.error)
        yield from self._word("stuck", story.stuck, f" ({standing(story)})" if story.stuck is None else "")
        yield from self._word("rollback", "incomplete" if row.incomplete else "complete")
        yield from self._shown()
        if "output" in expect.model_fields_set:
            yield from self._value(expect.output, story.output, (*self._at, "output"), "output{}")
        if expect.calls is not None:
            yield from self._list("calls", "calls were made", expect.calls, self._story.actions())
        if expect.sent is not None:
            yield from self._list("sent", "things were sent", expect.sent, self._story.sent)
        if expect.undone is not None:
            yield from self._names("undone", expect.undone, story.undone())
        if expect.waiting is not None:
            yield from self._names("waiting", expect.waiting, list(row.waiting))
        yield from self._not_called()
        for name, wanted in (expect.attempts or {}).items():
            made = story.attempts(name) if plain(name) != name else _times(story, name)
            if made != wanted:
                yield self._miss(
                    "attempts", f"{name} was tried {_often(made)}, expected {_often(wanted)}", name, came=made
                )
        yield from self._ended()
        for address, other in (expect.runs or {}).items():
            yield from self._run(address, other)

    def _miss(self, key: str, message: str, *more: str | int, came: object = UNKNOWN, diff: Sequence[str] = ()) -> Miss:
        at = self._at if self._short else (*self._at, key, *more)
        return Miss(at, message, list(diff), came=UNKNOWN if came is None else came)

    def _word(self, key: str, came: str | None, more: str = "") -> Iterator[Miss]:
        wanted = getattr(self._expect, key)
        if wanted is not None and wanted != came:
            yield self._miss(key, f"{key} is {came or 'none'}{more}, expected {wanted}", came=came)

    def _shown(self) -> Iterator[Miss]:
        wanted, story = self._expect.shown, self._story
        if isinstance(wanted, list):
            yield from self._names("shown", wanted, story.shown)
        elif wanted is not None and wanted != (story.shown[-1] if story.shown else None):
            came = story.shown[-1] if story.shown else "none"
            message = f"the business status is {came}, expected {wanted}"
            yield self._miss("shown", message, came=came if story.shown else None)

    def _ended(self) -> Iterator[Miss]:
        wanted, came = self._expect.ended, self._story.ended
        if wanted is None:
            return
        if came is None:
            yield self._miss("ended", f"it has not ended (it is {standing(self._story)}), expected after {wanted}")
        elif not 0 <= came - parse_duration(wanted) + _EXACT <= self._whole.real + 2 * _EXACT:
            message = f"it ended after {offset(came)}, expected after {wanted}"
            yield self._miss("ended", message, came=format_duration(came))

    def _not_called(self) -> Iterator[Miss]:
        for number, name in enumerate(self._expect.not_called or ()):
            call = next((call for call in self._story.calls if name in (call.name, plain(call.name))), None)
            if call is not None:
                at = self._whole.since(call.at)
                yield self._miss("not_called", f"{call.name} was called, at {at}, expected never", number)

    def _run(self, address: str, expect: object) -> Iterator[Miss]:
        story = self._whole.runs.get(address)
        if story is None:
            others = [name for name in self._whole.runs if name != self._story.row.address]
            came = f"the others are {', '.join(others)}" if others else "there is no other run"
            yield self._miss("runs", f"there is no run {address}; {came}", address)
        else:
            yield from judge(expect, story, self._whole, (*self._at, "runs", address), final=False)

    # -- lists

    def _names(self, key: str, wanted: Sequence[str], came: Sequence[str]) -> Iterator[Miss]:
        if not _fits(wanted, [[name] for name in came]):
            message = f"{key} is {_listed(came)}, expected {_listed(wanted)}"
            yield self._miss(key, message, came=list(came), diff=_diff(wanted, came))

    def _list(
        self, key: str, what: str, wanted: Sequence[str | dict[str, dict[str, Value]]], calls: Sequence[Called | Sent]
    ) -> Iterator[Miss]:
        """Names first, as a whole; then, where they fit, the arguments of each."""
        names = [item if isinstance(item, str) else next(iter(item)) for item in wanted]
        if not _fits(names, [[call.name, plain(call.name)] for call in calls]):
            came = [call.name for call in calls]
            notes = [f"{self._whole.since(call.at)}" for call in calls]
            message = f"other {what} than expected"
            written = [_as_written(wanted, call.name, self._story.readable(dict(call.arguments))) for call in calls]
            yield self._miss(key, message, came=written, diff=_diff(names, came, notes))
            return
        for number, (item, call) in enumerate(_paired(wanted, names, calls)):
            if isinstance(item, dict) and call is not None:
                ((name, arguments),) = item.items()
                at = (*self._at, key, number, name)
                came_with = self._story.readable(dict(call.arguments))
                yield from self._value(arguments, came_with, at, "{} of " + name)

    def _value(self, wanted: object, came: Value, at: Pointer, what: str) -> Iterator[Miss]:
        """``what``: with ``{}`` where the path inside the value stands, such as ``output{}``."""
        try:
            value = normalise(wanted, what="the expected value")
        except ValueProblem as problem:
            yield Miss(at, problem.message)
            return
        for place, expected, there in differences(value, came):
            said = "is not there" if there is UNKNOWN else f"is {dump(cast(Value, there))}"
            name = what.format("".join(f".{key}" for key in place)).removeprefix(".")
            yield Miss((*at, *place), f"{name} {said}, expected {dump(expected)}", came=there)


def differences(wanted: Value, came: Value, at: Pointer = ()) -> Iterator[tuple[Pointer, Value, object]]:
    """Where a value differs from what is expected: the place, what is expected there, and what came or `UNKNOWN`."""
    if isinstance(wanted, dict) and isinstance(came, dict):
        for key, part in wanted.items():
            if key not in came:
                yield (*at, key), part, UNKNOWN
            else:
                yield from differences(part, came[key], (*at, key))
    elif wanted != came or isinstance(wanted, bool) is not isinstance(came, bool):
        yield at, wanted, came


def _fits(wanted: Sequence[str], came: Sequence[Sequence[str]]) -> bool:
    """Whether names are as expected; each that came may go by several names; `ANY` is any number of them."""
    reachable = {0}
    for name in wanted:
        if name == ANY:
            reachable = set(range(min(reachable, default=len(came) + 1), len(came) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(came) and name in came[at]}
    return len(came) in reachable


def _paired(
    wanted: Sequence[str | dict[str, dict[str, Value]]], names: Sequence[str], calls: Sequence[Called | Sent]
) -> Iterator[tuple[str | dict[str, dict[str, Value]], Called | Sent | None]]:
    """Each expected call with the one that it means, from left to right, leaving enough for those behind `ANY`."""
    at = 0
    for number, (item, name) in enumerate(zip(wanted, names, strict=True)):
        if name == ANY:
            rest = names[number + 1 :]
            while not _fits(rest, [[call.name, plain(call.name)] for call in calls[at:]]):
                at += 1
            yield item, None
        else:
            yield item, calls[at]
            at += 1


def _as_written(
    wanted: Sequence[str | dict[str, dict[str, Value]]], name: str, arguments: Value
) -> str | dict[str, Value]:
    """A call that came, with those of its arguments that the test has written for it."""
    for item in wanted:
        if isinstance(item, dict) and isinstance(arguments, dict) and (name in item or plain(name) in item):
            ((written, parts),) = item.items()
            return {written: {key: arguments.get(key) for key in parts}}
    return name if plain(name) not in wanted else plain(name)


def _diff(wanted: Sequence[str], came: Sequence[str], notes: Sequence[str] = ()) -> list[str]:
    lines: list[str] = []
    width = max((len(name) for name in came), default=0)
    noted = [f"{name:{width}}  {notes[number]}" if notes else name for number, name in enumerate(came)]
    matcher = SequenceMatcher(None, wanted, [plain(name) if name not in wanted else name for name in came], False)
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind == "equal":
            lines.extend(f"  {line}".rstrip() for line in noted[begin:end])
        else:
            lines.extend(f"- {name}" for name in wanted[first:last])
            lines.extend(f"+ {line}".rstrip() for line in noted[begin:end])
    return lines


def _times(story: RunStory, name: str) -> int:
    return sum(plain(call.name) == name for call in story.calls)


def _often(times: int) -> str:
    return "never" if times == 0 else "once" if times == 1 else f"{times} times"


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
