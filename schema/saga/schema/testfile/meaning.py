"""What a test file says of its saga: names that it has, signals that it declares, values that fit.

One subject: mistakes in a test that can be found before it is played. It must not know how a test is played.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from saga.schema.checks.findings import Finding, describe, did_you_mean, listed
from saga.schema.definition import Definition, Verb
from saga.schema.durations import Timestamp
from saga.schema.problems import quoted
from saga.schema.testfile.names import ANY, ELSE, all_actions, of_saga, plain, senders, undoable
from saga.schema.testfile.written import Answer, Case, Event, Expectation, TestFile
from saga.schema.ticks import cron_of
from saga.schema.values import Value, ValueProblem
from saga.schema.yaml_text.nodes import Pointer

ENDINGS = ("ok", "rejected", "unknown", "later")
REQUESTS = ("cancel", "retry", "pause", "resume", "terminate", "skip", "resolve")
VERBS = ("signal", *REQUESTS, "expect")
_ONLY_WITH = {
    **dict.fromkeys(("with", "key", "to", "answer"), "signal"),
    **dict.fromkeys(("ok", "rejected", "undone"), "resolve"),
}
"""Key of an event -> the verb it belongs to."""


def check_meaning(file: TestFile, main: Definition, others: Mapping[str, Definition]) -> list[Finding]:
    """All mistakes. ``others``: the sagas by name that may take part, such as handlers of late signals."""
    return list(_Check(file, main, others).run())


class _Check:
    def __init__(self, file: TestFile, main: Definition, others: Mapping[str, Definition]) -> None:
        self._file = file
        self._main = main
        self._sagas = {**others, main.name: main}
        self._actions = all_actions(main, others)
        self._own = all_actions(main, {})
        self._tasks = {
            step.name if saga is main else of_saga(step.name, saga.name)
            for saga in self._sagas.values()
            for step in saga.steps
            if step.verb is Verb.TASK
        }
        self._steps = set(main.indices)

    def run(self) -> Iterator[Finding]:
        file = self._file
        yield from self._answers(file.actions, ("actions",))
        for number, name in enumerate(file.stuck_at or ()):
            yield from self._known(name, self._places(), ("stuck_at", number))
        told = set[Pointer]()
        for name, case in file.cases.items():
            for finding in self._case(case, ("cases", name)):
                if finding.at not in told:  # what all cases share is told of the first one
                    yield finding
                if finding.at[:1] == ("input",):
                    told.add(finding.at)

    def _places(self) -> set[str]:
        """Where a run can be stuck: at steps and undos, also of other sagas that take part."""
        others = [saga for saga in self._sagas.values() if saga is not self._main]
        return self._actions | self._steps | {of_saga(name, saga.name) for saga in others for name in saga.indices}

    def _case(self, case: Case, at: Pointer) -> Iterator[Finding]:
        refused = isinstance(case.expect, Expectation) and case.expect.refused is not None
        if case.tick is not None:
            yield from self._tick(case, case.tick, at)
        elif not refused:
            yield from self._input(case, at)
        if case.now is not None:
            try:
                Timestamp.parse(case.now)
            except ValueError as problem:
                yield Finding("SAGA703", f"now of {describe(at)}: {problem}", (*at, "now"))
        yield from self._answers(case.actions, (*at, "actions"))
        for moment, events in (case.at or {}).items():
            here = (*at, "at", moment)
            several = isinstance(events, list)
            for number, event in enumerate(events if isinstance(events, list) else [events]):
                if isinstance(event, Event):
                    yield from self._event(event, (*here, number) if several else here)
        yield from self._expect(case.expect, (*at, "expect"))

    def _tick(self, case: Case, text: str, at: Pointer) -> Iterator[Finding]:
        """A tick is one of the schedule's, and leaves nothing else to say about the start."""
        here, schedule = (*at, "tick"), self._main.schedule
        for key, said in (("input", case.input), ("id", case.id), ("now", case.now)):
            if said is not None:
                message = f"{describe(at)} has tick and {key}: a schedule says how its run starts"
                yield Finding("SAGA703", message, (*at, key), "keep one of the two", on_key=True)
        if schedule is None:
            message = f'tick of {describe(at)}: the saga "{self._main.name}" has no schedule'
            yield Finding("SAGA703", message, here, "leave it out, and give the case an input")
            return
        try:
            tick, cron = Timestamp.parse(text).microseconds, cron_of(schedule)
        except ValueError as problem:
            yield Finding("SAGA703", f"tick of {describe(at)}: {problem}", here)
            return
        following = cron.next(tick - 1)
        if following != tick:
            message = f"tick of {describe(at)}: the schedule does not start a run then"
            yield Finding("SAGA703", message, here, f"the next time is {cron.spell(following)}")

    def _input(self, case: Case, at: Pointer) -> Iterator[Finding]:
        given: dict[str, Value] = {**(self._file.input or {}), **(case.input or {})}
        try:
            self._main.input.prepare(given)
        except ValueProblem as problem:
            field = problem.pointer.split("/")[1] if problem.pointer else ""
            if case.input is not None and (field in case.input or self._file.input is None):
                place: Pointer = (*at, "input", *_keys(problem.pointer))
            elif self._file.input is not None:
                place = ("input", *_keys(problem.pointer))
            else:
                place = at
            yield Finding("SAGA703", f"{describe(at)} does not start: {problem.message}", place, on_key=place == at)

    # -- answers

    def _answers(self, actions: object, at: Pointer) -> Iterator[Finding]:
        if not isinstance(actions, dict):
            return
        for name, answers in actions.items():
            here = (*at, name)
            if name != ELSE:
                yield from self._known(name, self._actions, here, on_key=True)
            for number, answer in enumerate(answers if isinstance(answers, list) else [answers]):
                place: Pointer = (*here, number) if isinstance(answers, list) else here
                if isinstance(answer, Answer):
                    yield from _answer(answer, place)
                elif answer == "real" and plain(name) in self._tasks:
                    message = f"the task {quoted(name)} is done by a worker that is no part of the project"
                    yield Finding("SAGA701", message, place, "plan its answer")

    # -- events

    def _event(self, event: Event, at: Pointer) -> Iterator[Finding]:
        verbs = _written(event, VERBS)
        if len(verbs) != 1:
            yield _not_one(verbs, VERBS, at)
            return
        for key in event.model_fields_set:
            word = "with" if key == "with_" else key
            belongs = _ONLY_WITH.get(word)
            if belongs not in (None, verbs[0]):
                message = f'"{word}" has no place in {describe(at)}'
                yield Finding("SAGA108", message, (*at, word), f"it belongs to {belongs}", on_key=True)
        if event.signal is not None:
            yield from self._signal(event, event.signal, at)
        if event.skip is not None:
            yield from self._known(event.skip, self._steps, (*at, "skip"))
        if event.resolve is not None:
            yield from self._known(event.resolve, self._steps, (*at, "resolve"))
            how = _written(event, ("ok", "rejected", "undone"))
            if len(how) != 1:
                yield _not_one(how, ("ok", "rejected", "undone"), at)
        yield from self._expect(event.expect, (*at, "expect"))

    def _signal(self, event: Event, name: str, at: Pointer) -> Iterator[Finding]:
        saga = self._main
        if event.to is not None:
            named = event.to.partition("/")[0]
            found = self._sagas.get(named)
            if found is None:
                message = f"there is no saga {quoted(named)}"
                yield Finding("SAGA701", message, (*at, "to"), did_you_mean(named, self._sagas))
                return
            saga = found
        declared = saga.signals.get(name)
        if declared is None:
            message = f'saga "{saga.name}" declares no signal {quoted(name)}'
            hint = did_you_mean(name, saga.signals, "" if saga.signals else "it declares none")
            yield Finding("SAGA702", message, (*at, "signal"), hint)
            return
        try:
            declared.prepare(event.with_ or {})
        except ValueProblem as problem:
            place = (*at, "with", *_keys(problem.pointer)) if event.with_ is not None else at
            yield Finding("SAGA703", f"signal {name}: {problem.message}", place, on_key=event.with_ is None)

    # -- expectations

    def _expect(self, expect: object, at: Pointer) -> Iterator[Finding]:
        if not isinstance(expect, Expectation):
            return
        yield from self._list(expect.calls or (), self._own, (*at, "calls"))
        yield from self._list(expect.sent or (), None, (*at, "sent"))
        yield from self._undone(expect.undone or (), (*at, "undone"))
        for number, name in enumerate(expect.not_called or ()):
            yield from self._known(name, self._own, (*at, "not_called", number))
        for name in expect.attempts or {}:
            yield from self._known(name, self._own, (*at, "attempts", name), on_key=True)
        for number, name in enumerate(expect.waiting or ()):
            if name not in self._main.signals:
                message = f'saga "{self._main.name}" declares no signal {quoted(name)}'
                yield Finding("SAGA702", message, (*at, "waiting", number), did_you_mean(name, self._main.signals))
        if expect.stuck is not None:
            yield from self._known(expect.stuck, self._own | self._steps, (*at, "stuck"))
        for address, other in (expect.runs or {}).items():
            yield from self._run(address, other, (*at, "runs", address))

    def _list(
        self, items: Sequence[str | dict[str, dict[str, Value]]], known: set[str] | None, at: Pointer
    ) -> Iterator[Finding]:
        """``known``: the actions that may stand there; None: the steps that send something."""
        for number, item in enumerate(items):
            here: Pointer = (*at, number)
            if isinstance(item, dict) and len(item) != 1:
                yield Finding("SAGA107", f"{describe(here)} must be one call", here, "write each on a line of its own")
            for name in [item] if isinstance(item, str) else item:
                place: Pointer = here if isinstance(item, str) else (*here, name)
                if name != ANY and known is None:
                    yield from self._sender(name, place)
                elif name != ANY and known is not None:
                    yield from self._known(name, known, place)

    def _sender(self, name: str, at: Pointer) -> Iterator[Finding]:
        known = sorted(senders(self._main))
        if plain(name) not in known:
            message = f'saga "{self._main.name}" has no step {quoted(name)} that sends anything'
            yield Finding("SAGA701", message, at, did_you_mean(name, known, "" if known else "none of its steps does"))

    def _run(self, address: str, expect: object, at: Pointer) -> Iterator[Finding]:
        name = address.partition("/")[0]
        saga = self._sagas.get(name)
        if saga is None or "/" not in address:
            message = f"{quoted(address)} is no run of a saga that takes part"
            hint = did_you_mean(name, self._sagas, "write it as saga/id")
            yield Finding("SAGA701", message, at, hint, on_key=True)
        else:
            yield from _Check(self._file, saga, self._sagas)._expect(expect, at)

    def _undone(self, names: Sequence[str], at: Pointer) -> Iterator[Finding]:
        known = undoable(self._main)
        for number, name in enumerate(names):
            if name == ANY or plain(name) in known:
                continue
            if plain(name) in self._steps:
                message = f'step "{plain(name)}" has no undo action'
                hint = f"steps that have one: {listed(sorted(known))}" if known else "no step of it has one"
                yield Finding("SAGA701", message, (*at, number), hint)
            else:
                yield from self._known(name, known, (*at, number))

    def _known(self, name: str, known: Iterable[str], at: Pointer, *, on_key: bool = False) -> Iterator[Finding]:
        if plain(name) in known:
            return
        message = f'saga "{self._main.name}" has no action {quoted(name)}'
        if plain(name) in self._steps:
            yield Finding("SAGA701", message, at, "this step calls nothing: it has no answer to plan", on_key=on_key)
        else:
            yield Finding("SAGA701", message, at, did_you_mean(name, known), on_key=on_key)


def _answer(answer: Answer, at: Pointer) -> Iterator[Finding]:
    endings = _written(answer, ENDINGS)
    if len(endings) > 1 or not answer.model_fields_set:
        yield _not_one(endings, ENDINGS, at)
    elif answer.message is not None and endings not in (["rejected"], ["unknown"]):
        message = f'"message" has no place in {describe(at)}'
        yield Finding("SAGA108", message, (*at, "message"), "it belongs to rejected and unknown", on_key=True)


def _written(part: Answer | Event, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key in part.model_fields_set]


def _not_one(found: Sequence[str], keys: Sequence[str], at: Pointer) -> Finding:
    if not found:
        return Finding("SAGA106", f"{describe(at)} says nothing", at, f"write one of {listed(keys, 'or')}", on_key=True)
    message = f'{describe(at)} has both "{found[0]}" and "{found[1]}"'
    return Finding("SAGA107", message, (*at, found[1]), f"keep one of {listed(keys, 'or')}", on_key=True)


def _keys(pointer: str) -> tuple[str | int, ...]:
    """The keys of a JSON pointer; a number may be an index."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return tuple(int(part) if part.isdigit() else part for part in parts)
