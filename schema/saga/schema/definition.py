"""The compiled saga: plain, frozen data that the machine walks and the pictures draw.

One subject: what a validated saga *is*, once every default is filled in and every block is lowered to a flat list of
steps. It must not know YAML, clocks, stores, or how a saga is executed.

Durations are ``int`` **microseconds**, points in time microseconds since the Unix epoch by the database's clock.
``None`` for a limit means "no limit".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from saga.schema.expressions import Expression, Template
from saga.schema.values import Value

Validator = Callable[[Value], str | None]
"""Checks one value against a JSON Schema; the answer is None (fits) or one sentence naming the place and the cause."""


class Verb(StrEnum):
    """What a step does. One verb a step."""

    CALL = "call"
    HTTP = "http"
    SQL = "sql"
    WAIT = "wait"
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
    """CALL, HTTP or SQL."""
    arguments: Template
    """Evaluates to a map: the keyword arguments, the JSON body, or the statement's parameters."""
    function: str | None = None
    """CALL: the registered name, such as ``inventory.reserve``."""
    request: HttpRequest | None = None
    statement: SqlStatement | None = None
    attempt_timeout: int = 60_000_000
    limit: int | None = None
    """How many of it may run at once, over all runs and workers."""


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
class Wait:
    """What a `wait` step waits for. Exactly one of ``signal``, ``duration`` (`for`) and ``until`` is set."""

    signal: str | None = None
    fits: Expression | None = None
    """`if:`: takes only a signal for which this is true; sees ``payload``."""
    duration: Template | None = None
    """Evaluates to microseconds (int) or a duration text such as ``10m``."""
    until: Template | None = None
    """Evaluates to a timestamp text (RFC 3339) or a timestamp of the expression language."""
    timeout: Template | None = None
    """As ``duration``; None means ``timeout: never``."""


class GuardKind(StrEnum):
    """Why a step may open at all."""

    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Guard:
    """A lowered block's condition: the step opens only if ``step`` (an index) ended in this way, else it is skipped."""

    kind: GuardKind
    step: int


@dataclass(frozen=True, slots=True)
class FailWhen:
    """One line of ``fail_when``: the error code and the condition over ``output``."""

    code: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the lowered graph.

    ``needs`` are indices of steps that must be settled (ok, skipped, timed out, failed but optional) before this one
    opens. A step all of whose guards do not hold is skipped, and so is one whose ``when`` is false.
    """

    index: int
    name: str
    """Unique in the file. The `end` or `fail` of a body is called ``<step>.on_timeout``, which no author can write."""
    verb: Verb
    place: Place
    needs: tuple[int, ...] = ()
    guards: tuple[Guard, ...] = ()
    path: tuple[str, ...] = ()
    """Names of the blocks around it, outermost first, such as ``("await_delivery.on_timeout",)``."""
    when: Expression | None = None
    action: Action | None = None
    """CALL, HTTP, SQL."""
    wait: Wait | None = None
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
    can_time_out: bool = False
    """A `wait` with a timeout: its ``on_timeout`` body, if any, is guarded by TIMED_OUT on this step."""


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
class Compensation:
    """The saga-wide rules of undoing."""

    order: str = "reverse"
    """``reverse`` or ``graph``."""
    retry: Retry = Retry(attempts=None, max_delay=600_000_000)
    stuck_after: int = 3_600_000_000


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
    """In file order; ``steps[i].index == i``. Bodies (`on_timeout`) stand right after the step they belong to."""
    final_steps: tuple[Step, ...]
    """The `finally` steps, in file order; their indices go on after ``steps``; never pivots, never undone."""
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
    followers: tuple[tuple[int, ...], ...] = field(init=False, default=())
    """``followers[i]``: the steps that need step i, ascending. Derived."""
    indices: Mapping[str, int] = field(init=False, default_factory=dict)
    """Index of every step and `finally` step by name. Derived."""

    def __post_init__(self) -> None:
        followers: list[list[int]] = [[] for _ in self.steps]
        for step in self.steps:
            for needed in step.needs:
                followers[needed].append(step.index)
        object.__setattr__(self, "followers", tuple(tuple(indices) for indices in followers))
        object.__setattr__(self, "indices", {step.name: step.index for step in (*self.steps, *self.final_steps)})

    def step(self, name: str) -> Step | None:
        """The step (or `finally` step) of that name, or None."""
        index = self.indices.get(name)
        return None if index is None else self.node(index)

    def node(self, index: int) -> Step:
        """The step or `finally` step with that index. Raises IndexError."""
        return self.steps[index] if index < len(self.steps) else self.final_steps[index - len(self.steps)]

    def functions(self) -> frozenset[str]:
        """Names of all Python functions the saga calls, forward, undo and finally."""
        found: set[str] = set()
        for step in (*self.steps, *self.final_steps):
            actions = [undo.action for undo in step.undo.actions]
            if step.action is not None:
                actions.append(step.action)
            found.update(action.function for action in actions if action.function is not None)
        return frozenset(found)
