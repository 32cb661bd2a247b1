"""The compiled saga: plain, frozen data that the machine walks and the pictures draw.

One subject: what a validated saga *is*, once every default is filled in and every block is lowered to a flat list of
steps. It must not know YAML, clocks, stores, or how a saga is executed.

Durations are ``int`` **microseconds**, points in time microseconds since the Unix epoch by the database's clock.
``None`` for a limit means "no limit".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from saga.schema.expressions import Expression, Template, compile_template
from saga.schema.values import Value

MOST_TURNS = 50_000
"""The most items or rounds of one loop, as a run has no more events (semantics.md 22)."""

ROOT = -1
"""Stands for the saga itself where an index of a container is asked for."""

Validator = Callable[[Value], str | None]
"""Checks one value against a JSON Schema; the answer is None (fits) or one sentence naming the place and the cause."""


class Verb(StrEnum):
    """What a step does. One verb a step."""

    CALL = "call"
    HTTP = "http"
    SQL = "sql"
    TASK = "task"
    WAIT = "wait"
    SAGA = "saga"
    START = "start"
    SIGNAL = "signal"
    EMIT = "emit"
    SET = "set"
    GROUP = "group"
    PARALLEL = "parallel"
    SWITCH = "switch"
    EACH = "each"
    REPEAT = "repeat"
    FAIL = "fail"
    END = "end"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the YAML text. ``line`` and ``column`` count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon an action is tried again (semantics.md 2 and 6)."""

    attempts: int | None = 3
    first_delay: int = 1_000_000
    factor: float = 2.0
    max_delay: int = 60_000_000
    jitter: str = "full"
    """``none`` or ``full``."""
    give_up_after: int | None = None
    """Counted from the first attempt."""
    excepted: frozenset[str] = frozenset()
    """Codes in ``retry.except``: an error with such a code is a rejection; a built-in code only ends the retries."""
    also: frozenset[str] = frozenset()
    """Codes in ``retry.also``: these rejections are tried again under the same key."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An `http` action. ``address``, ``headers`` and ``bearer`` may name secrets; they are read at each attempt."""

    method: str
    """Upper case."""
    address: Template
    headers: Mapping[str, Template] = field(default_factory=dict)
    bearer: str | None = None
    """Name of the secret that holds the token, never its value."""


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """An `sql` action: one statement with ``:name`` placeholders, committed with the journal row."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something done in the outside world: a registered function, a request or a statement, with its arguments."""

    verb: Verb
    """CALL, HTTP, SQL or TASK."""
    arguments: Template
    """Evaluates to a map: the keyword arguments, the JSON body, the statement's parameters, what the task is told."""
    function: str | None = None
    """CALL: the registered name, such as ``inventory.reserve``. TASK: the kind of work that is offered."""
    request: HttpRequest | None = None
    statement: SqlStatement | None = None
    attempt_timeout: int = 60_000_000
    heartbeat: int | None = None
    """An attempt that has not been heard of for so long is cut off."""
    queue: str | None = None
    """Who performs it (semantics.md 35). None: whoever works on the run."""
    limit: int | None = None
    """How many of it may run at once, over all runs and workers."""

    @property
    def remote(self) -> bool:
        """Whether somebody else performs it: it is offered, and its answer comes through the run's inbox."""
        return self.verb is Verb.TASK or self.queue is not None


@dataclass(frozen=True, slots=True)
class UndoAction:
    """One action of a compensation. ``label`` is empty for a compensation of one action, else the step's name in it."""

    label: str
    action: Action
    retry: Retry | None = None
    """None: the saga-wide ``compensation.retry``."""
    done_on: frozenset[str] = frozenset()
    """Rejections that mean nothing is left to undo."""


class UndoKind(StrEnum):
    """What stands in ``compensate:``."""

    NONE = "none"
    IMPOSSIBLE = "impossible"
    ACTIONS = "actions"
    CHILD = "child"
    """A `saga` step: a linked undo run of the child (semantics.md 34)."""


@dataclass(frozen=True, slots=True)
class Undo:
    """How a step is undone (semantics.md 4 and 12)."""

    kind: UndoKind = UndoKind.NONE
    actions: tuple[UndoAction, ...] = ()
    when: Expression | None = None
    """False or null: nothing to undo."""
    go_on_after_failure: bool = False
    """``on_failure: continue``."""


@dataclass(frozen=True, slots=True)
class WaitBranch:
    """One line of ``any`` or ``all``: exactly one of ``signal``, ``after`` and ``until``; in `all` only signals."""

    name: str
    signal: str | None = None
    fits: Expression | None = None
    after: Template | None = None
    """As ``Wait.duration``."""
    until: Template | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What a `wait` step waits for: exactly one of ``signal``, ``duration`` (`for`), ``until`` and ``branches``."""

    signal: str | None = None
    fits: Expression | None = None
    """`if:`: takes only a signal for which this is true; sees ``payload``."""
    duration: Template | None = None
    """Evaluates to a duration text such as ``10m``."""
    until: Template | None = None
    """Evaluates to a timestamp text (RFC 3339)."""
    timeout: Template | None = None
    """As ``duration``; None means ``timeout: never``."""
    branches: tuple[WaitBranch, ...] = ()
    """`any` and `all`, in file order."""
    every: bool = False
    """`all`: takes its signals together, when the last is there."""

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals it can take, in file order."""
        if self.signal is not None:
            return (self.signal,)
        return tuple(branch.signal for branch in self.branches if branch.signal is not None)


ON_TIMEOUT = "on_timeout"
ON_MAX = "on_max"


def case(name: str) -> str:
    """The way by which a `switch` or a race with that winner ends."""
    return f"case.{name}"


@dataclass(frozen=True, slots=True)
class Guard:
    """A body's condition: the step opens only if ``step`` (an index) ended by that way, else it is skipped.

    Ways: ``on_timeout`` (WAIT, GROUP), ``on_max`` (REPEAT), ``case.NAME`` (a race; inside a SWITCH the chosen branch),
    ``catch.CODE``, ``catch.any``. ``step`` is a sibling or, in a SWITCH, the container itself.
    """

    step: int
    way: str


@dataclass(frozen=True, slots=True)
class Catch:
    """One line of ``catch``. The body stands behind the step, guarded by ``way``."""

    code: str
    """Or ``any``."""
    undo: bool = False
    """What the block started is undone first, newest first."""

    @property
    def way(self) -> str:
        """The way by which the step ends then."""
        return f"catch.{self.code}"


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of PARALLEL or SWITCH. Its steps are members of the block; in a SWITCH guarded by ``case(name)``."""

    name: str
    when: Expression | None = None
    """SWITCH: None is `else`."""
    last: int | None = None
    """The step whose output is the branch's: the last one written. None: it has no steps."""


_HUNDRED = compile_template(100)


@dataclass(frozen=True, slots=True)
class Loop:
    """How a block is gone through several times. EACH has ``items``, REPEAT has ``until``."""

    items: Template | None = None
    """Evaluates to a list, or null for an empty one; asked once."""
    until: Expression | None = None
    """Asked after each round, with the round's names in sight."""
    variable: str = "item"
    max: Template = _HUNDRED
    """Evaluates to a whole number: the longest list taken; the most rounds made."""
    at_once: int = 1
    """EACH: how many items are worked on together."""
    delay: Template | None = None
    """REPEAT: between two rounds; evaluates to a duration text."""


@dataclass(frozen=True, slots=True)
class Block:
    """What makes a step a container of the steps whose ``parent`` it is."""

    branches: tuple[Branch, ...] = ()
    """PARALLEL and SWITCH, in file order."""
    last: int | None = None
    """GROUP, EACH, REPEAT: the member whose output is the block's (an element of it, in a loop)."""
    loop: Loop | None = None
    timeout: Template | None = None
    """GROUP: evaluates to a duration text."""


@dataclass(frozen=True, slots=True)
class Child:
    """The run that a SAGA step starts and waits for."""

    saga: str
    id: Template | None
    """Evaluates to its id; None: that saga's own `id:`, else ``<run's id>/<step>[<iteration>]``."""
    arguments: Template
    """Evaluates to its input."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a START, SIGNAL or EMIT step sends off, without waiting for anything."""

    name: str
    """START: the saga. SIGNAL: the signal. EMIT: the topic."""
    arguments: Template
    """Evaluates to the input, the payload, the data: a map."""
    target: Template | None = None
    """SIGNAL: evaluates to the other run's ``name/id``."""
    id: Template | None = None
    """START: as in `Child`."""
    key: Template | None = None
    """SIGNAL: signals with the same key count once; None: the step's key."""
    subject: Template | None = None
    """EMIT: what it is about; None: the run's ``name/id``."""


@dataclass(frozen=True, slots=True)
class FailWhen:
    """One line of ``fail_when``: the error code and the condition over ``output``."""

    code: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the lowered graph.

    ``needs`` are indices of siblings (same ``parent``) that must be settled (ok, skipped, timed out, caught, failed but
    optional) before this one opens. It is skipped where one of its guards does not hold, or its ``when`` is false. A
    container's members stand right behind it.
    """

    index: int
    name: str
    """Unique in the file. The `end` or `fail` of a body is called ``<step>.<way>``, such as ``pay.on_timeout``, which
    no author can write; in a branch of a PARALLEL ``<step>.<branch>``."""
    verb: Verb
    place: Place
    needs: tuple[int, ...] = ()
    guards: tuple[Guard, ...] = ()
    path: tuple[str, ...] = ()
    """Names of the blocks around it, outermost first, such as ``("await_delivery.on_timeout",)``."""
    when: Expression | None = None
    parent: int | None = None
    """The container it is a member of."""
    block: Block | None = None
    """GROUP, PARALLEL, SWITCH, EACH, REPEAT."""
    catches: tuple[Catch, ...] = ()
    """In file order."""
    action: Action | None = None
    """CALL, HTTP, SQL, TASK."""
    wait: Wait | None = None
    child: Child | None = None
    """SAGA."""
    message: Message | None = None
    """START, SIGNAL, EMIT."""
    value: Template | None = None
    """SET: evaluates to the output."""
    outcome: str | None = None
    """END and FAIL: the outcome."""
    undo: Undo = Undo()
    retry: Retry = Retry()
    pivot: bool = False
    optional: bool = False
    hold_on_failure: bool = False
    """``on_failure: hold``."""
    fail_when: tuple[FailWhen, ...] = ()
    output_check: Validator | None = None
    status: str | None = None
    """The business status shown from here on."""
    at_most_once: bool = False
    """One attempt and no more, whatever happens to it (semantics.md 8)."""

    @property
    def can_time_out(self) -> bool:
        """Whether it may end by the way ``on_timeout``."""
        limited = self.wait is not None and self.wait.timeout is not None
        return limited or (self.block is not None and self.block.timeout is not None)


@dataclass(frozen=True, slots=True)
class TooLate:
    """What happens with a signal that no step can use any more: start another saga."""

    start: str
    id: Template | None
    arguments: Template
    """Evaluates to the input of that saga; sees ``input`` and ``payload``."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A declared signal."""

    name: str
    schema: Mapping[str, Value]
    """JSON Schema of the payload (an object)."""
    prepare: Callable[[Value], Value]
    """Fills in defaults and validates a payload; raises `saga.schema.values.ValueProblem` (code ``validation``)."""
    too_late: TooLate | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook of the YAML. Checked here; served by the HTTP server."""

    name: str
    source: Mapping[str, Value]
    """The map as written, validated."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A condition that holds whenever a run has ended; `saga verify` proves it."""

    name: str
    condition: Expression
    """Sees ``done``, ``undone`` and ``tried`` as maps by step (see `saga.schema.invariants`)."""
    source: str
    """As written."""
    place: Place
    path: str = ""
    """The file it stands in; empty: the saga's own."""


@dataclass(frozen=True, slots=True)
class Compensation:
    """The saga-wide rules of undoing."""

    order: str = "reverse"
    """``reverse`` or ``graph``."""
    retry: Retry = Retry(attempts=None, max_delay=600_000_000)
    stuck_after: int = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """Starts by the clock, as written and checked."""

    cron: str
    timezone: str
    overlap: str
    """``skip``, ``queue`` or ``allow``."""
    catch_up: str
    """``all``, ``latest`` or ``none``."""
    id: Template | None
    """Evaluates to the run's id; sees ``schedule.time`` and ``schedule.date``. None: the saga's own."""
    arguments: Template
    """Evaluates to the input; sees ``schedule.time`` and ``schedule.date``."""


@dataclass(frozen=True, slots=True)
class Input:
    """The saga's input."""

    schema: Mapping[str, Value]
    """JSON Schema (an object) as editors and the HTTP API show it."""
    prepare: Callable[[Value], Value]
    """Fills in defaults and validates; raises `saga.schema.values.ValueProblem` (code ``validation``)."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A validated saga, pinned by the digest of its text."""

    name: str
    version: int
    digest: bytes
    """SHA-256 of ``text`` in UTF-8."""
    text: str
    description: str
    id: Template | None
    """Evaluates to the run's id (text); sees ``input``. None: a random id."""
    input: Input
    steps: tuple[Step, ...]
    """In file order; ``steps[i].index == i``. Members stand right behind their container, bodies right behind the step
    (and its members) they belong to."""
    final_steps: tuple[Step, ...]
    """The `finally` steps, in file order; their indices go on after ``steps``; never pivots, never undone. CALL, HTTP,
    SQL, EMIT, SIGNAL and SET only."""
    signals: Mapping[str, Signal]
    webhooks: tuple[Webhook, ...]
    compensation: Compensation
    output: Template | None
    labels: Mapping[str, Template]
    deadline: int | None
    id_reuse: str = "never"
    """``never`` or ``after_undone``."""
    queue: str | None = None
    """The pool of its runs (semantics.md 35). None: the project's."""
    limit: int | None = None
    """How many of its actions may run at once, over all runs and workers."""
    schedule: Schedule | None = None
    invariants: tuple[Invariant, ...] = ()
    """In file order; one without a name is called by its number."""
    followers: tuple[tuple[int, ...], ...] = field(init=False, default=())
    """``followers[i]``: the steps that need step i, ascending. Derived."""
    members: Mapping[int, tuple[int, ...]] = field(init=False, default_factory=dict)
    """Direct members of each container, ascending; of the saga itself under ``ROOT``. Derived."""
    openers: Mapping[int, tuple[int, ...]] = field(init=False, default_factory=dict)
    """Those of ``members`` that need nothing. Derived."""
    ends: tuple[int, ...] = field(init=False, default=())
    """``ends[i]``: the index behind the last step inside step i; ``i + 1`` where it is no container. Derived."""
    loops: tuple[tuple[int, ...], ...] = field(init=False, default=())
    """``loops[i]``: the loops around step i, outermost first: one number of an iteration each. Derived."""
    waits: tuple[int, ...] = field(init=False, default=())
    """The steps that can take a signal. Derived."""
    pivots: tuple[int, ...] = field(init=False, default=())
    """The steps that are the pivot of a path. Derived."""
    indices: Mapping[str, int] = field(init=False, default_factory=dict)
    """Index of every step and `finally` step by name. Derived."""

    def __post_init__(self) -> None:
        followers: list[list[int]] = [[] for _ in self.steps]
        members: dict[int, list[int]] = {ROOT: []}
        ends = [step.index + 1 for step in self.steps]
        loops: list[tuple[int, ...]] = []
        for step in self.steps:
            for needed in step.needs:
                followers[needed].append(step.index)
            if step.block is not None:
                members[step.index] = []
            if step.parent is None:
                members[ROOT].append(step.index)
                loops.append(())
                continue
            members[step.parent].append(step.index)
            block = self.steps[step.parent].block
            assert block is not None
            loops.append(loops[step.parent] if block.loop is None else (*loops[step.parent], step.parent))
        for step in reversed(self.steps):
            if step.parent is not None:
                ends[step.parent] = max(ends[step.parent], ends[step.index])
        needless = {parent: tuple(i for i in inside if not self.steps[i].needs) for parent, inside in members.items()}
        for name, derived in (
            ("followers", tuple(tuple(indices) for indices in followers)),
            ("members", {parent: tuple(inside) for parent, inside in members.items()}),
            ("openers", needless),
            ("ends", tuple(ends)),
            ("loops", (*loops, *(() for _ in self.final_steps))),
            ("waits", tuple(step.index for step in self.steps if step.wait is not None and step.wait.signals)),
            ("pivots", tuple(step.index for step in self.steps if step.pivot)),
            ("indices", {step.name: step.index for step in (*self.steps, *self.final_steps)}),
        ):
            object.__setattr__(self, name, derived)

    def precedes(self, one: int, other: int) -> bool:
        """Whether step ``other`` needs step ``one``, directly or through others. Both are siblings."""
        waiting, seen = [other], set[int]()
        while waiting:
            for needed in self.steps[waiting.pop()].needs:
                if needed == one:
                    return True
                if needed not in seen:
                    seen.add(needed)
                    waiting.append(needed)
        return False

    def step(self, name: str) -> Step | None:
        """The step (or `finally` step) of that name, or None."""
        index = self.indices.get(name)
        return None if index is None else self.node(index)

    def node(self, index: int) -> Step:
        """The step or `finally` step with that index. Raises IndexError."""
        return self.steps[index] if index < len(self.steps) else self.final_steps[index - len(self.steps)]

    def sagas(self) -> set[str]:
        """Names of all sagas it starts: its children, and the handlers of late signals."""
        found = {signal.too_late.start for signal in self.signals.values() if signal.too_late is not None}
        for step in (*self.steps, *self.final_steps):
            if step.child is not None:
                found.add(step.child.saga)
            if step.verb is Verb.START and step.message is not None:
                found.add(step.message.name)
        return found

    def functions(self) -> frozenset[str]:
        """Names of all Python functions the saga calls, forward, undo and finally."""
        calls = (action.function for action in self.actions() if action.verb is Verb.CALL)
        return frozenset(name for name in calls if name)

    def actions(self) -> Iterator[Action]:
        """All actions: forward, undo and finally."""
        for step in (*self.steps, *self.final_steps):
            if step.action is not None:
                yield step.action
            yield from (undo.action for undo in step.undo.actions)
