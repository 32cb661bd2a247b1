"""A test file as written: the one source of its JSON Schema, of the shape checks and of the typed file.

One subject: the keys and how they stand together. It must not know places or the saga that is tested. Where a key may
be written short, in one word, the word has the meaning of the map with that word as its main key.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.words import DURATION, Anything, DurationText, ErrorCode, Name, Part, kind_of

Moment = Annotated[str, Field(pattern=DURATION, title="duration")]
"""Since the start of the run."""
Address = Annotated[str, Field(min_length=1, title="address of a run")]
ActionName = Annotated[str, Field(min_length=1, title="name of an action")]
"""``reserve``, ``book_car[1]``, ``undo reserve``, ``refund.refund_payment`` (of another saga), ``else``."""

AnswerWord = Annotated[Literal["ok", "unknown", "hangs", "lost", "real"], Field(title="answer")]


class Answer(Part):
    """What one attempt of an action answers: one of ok, rejected, unknown and later."""

    model_config = ConfigDict(title="answer")
    ok: Anything | None = Field(None, description="It works, and this is its output.")
    rejected: ErrorCode | None = Field(None, description="It is refused with this code; nothing happened.")
    unknown: ErrorCode | None = Field(None, description="Nobody knows whether it happened; the code says why.")
    later: DurationText | None = Field(None, description="It asks to be called again after this time.")
    after: DurationText | None = Field(None, description="How long the answer takes. Default: no time.")
    message: str | None = Field(None, description="The words beside the code.")
    response: dict[str, Anything] | None = Field(None, description="{status, headers} of an http step.")


OneAnswer = TypeAliasType(
    "OneAnswer",
    Annotated[
        Annotated[AnswerWord, Tag("string")] | Annotated[Answer, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="answer"),
    ],
)
Answers = TypeAliasType(
    "Answers",
    Annotated[
        Annotated[AnswerWord, Tag("string")]
        | Annotated[Answer, Tag("object")]
        | Annotated[Annotated[list[OneAnswer], Field(min_length=1)], Tag("array")],
        Discriminator(kind_of("string", "object", "array")),
        Field(title="answer"),
    ],
)
"""A list has one answer an attempt; the last one goes for all later attempts."""
Actions = TypeAliasType(
    "Actions",
    Annotated[
        Annotated[Literal["real"], Tag("string")] | Annotated[dict[ActionName, Answers], Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="actions"),
    ],
)
"""``real``: the project's own actions are called. What is not named answers ok, unless ``else`` says otherwise."""

CallItem = TypeAliasType(
    "CallItem",
    Annotated[
        Annotated[ActionName, Tag("string")] | Annotated[dict[ActionName, dict[str, Anything]], Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="call"),
    ],
)
"""A name, or a name with the arguments that must be there. ``...`` stands for any calls."""
StatusWord = Literal["running", "waiting", "compensating", "stuck", "paused", "completed", "compensated", "terminated"]
Shown = TypeAliasType(
    "Shown",
    Annotated[
        Annotated[Name, Tag("string")] | Annotated[list[Name], Tag("array")],
        Discriminator(kind_of("string", "array")),
        Field(title="business status"),
    ],
)


class Expectation(Part):
    """What must be so. A map is compared by the keys that are written; lists and single values as a whole."""

    model_config = ConfigDict(title="expectation")
    outcome: Name | None = Field(None, description="Why it ended: a word of an end or fail, completed, failed, …")
    status: StatusWord | None = Field(None, description="Where it stands.")
    error: ErrorCode | None = Field(None, description="The code of the error that it failed with.")
    shown: Shown | None = Field(None, description="The business status; as a list, all there were, in order.")
    output: Anything | None = Field(None, description="The output.")
    calls: list[CallItem] | None = Field(None, description="Every action that was called, in order, undos too.")
    sent: list[CallItem] | None = Field(None, description="Every emit, signal and start, by its step, in order.")
    undone: list[ActionName] | None = Field(None, description="The steps that were undone, in order.")
    not_called: list[ActionName] | None = Field(None, description="Actions that must not be called.")
    attempts: dict[ActionName, Annotated[int, Field(ge=0)]] | None = Field(
        None, description="How often an action was tried."
    )
    waiting: list[Name] | None = Field(None, description="The signals that it waits for.")
    stuck: ActionName | None = Field(None, description="The step, or undo of a step, at which it is stuck.")
    ended: DurationText | None = Field(None, description="When it ended, since its start.")
    rollback: Literal["complete", "incomplete"] | None = Field(None, description="Whether all was undone.")
    refused: ErrorCode | None = Field(None, description="It does not start: validation, id or conflict.")
    runs: dict[Address, Expect] | None = Field(None, description="Other runs that it started, by saga/id.")


Expect = TypeAliasType(
    "Expect",
    Annotated[
        Annotated[Name, Tag("string")] | Annotated[Expectation, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="expectation"),
    ],
)
"""In one word: the outcome."""

EventWord = Annotated[Literal["cancel", "retry", "pause", "resume", "terminate", "crash"], Field(title="event")]


class Event(Part):
    """What comes from outside at a moment: one of signal, an operator's request, crash, and expect (a look)."""

    model_config = ConfigDict(title="event")
    signal: Name | None = Field(None, description="The signal that comes.")
    with_: dict[str, Anything] | None = Field(None, alias="with", description="Its payload.")
    key: str | None = Field(None, description="The sender's key: a second signal with it does not count.")
    to: Address | None = Field(None, description="The run it is for, as saga/id. Default: the run of the test.")
    answer: Literal["accepted", "duplicate", "too_late", "refused"] | None = Field(
        None, description="What the sender must be told. Default: anything but refused."
    )
    cancel: str | None = Field(None, description="An operator stops the run, for this reason.")
    retry: str | None = Field(None, description="An operator lets a stuck run go on, for this reason.")
    pause: str | None = Field(None, description="An operator pauses the run, for this reason.")
    resume: str | None = Field(None, description="An operator resumes the run, for this reason.")
    terminate: str | None = Field(None, description="An operator ends the run undoing nothing, for this reason.")
    skip: ActionName | None = Field(None, description="An operator goes on without this step, or without its undo.")
    resolve: ActionName | None = Field(None, description="An operator says how this step ended.")
    ok: Anything | None = Field(None, description="resolve: it was ok, with this output.")
    rejected: ErrorCode | None = Field(None, description="resolve: it was rejected, with this code.")
    undone: Literal[True] | None = Field(None, description="resolve: it is undone.")
    expect: Expect | None = Field(None, description="What must be so at this moment.")


OneEvent = TypeAliasType(
    "OneEvent",
    Annotated[
        Annotated[EventWord, Tag("string")] | Annotated[Event, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="event"),
    ],
)
Events = TypeAliasType(
    "Events",
    Annotated[
        Annotated[EventWord, Tag("string")]
        | Annotated[Event, Tag("object")]
        | Annotated[Annotated[list[OneEvent], Field(min_length=1)], Tag("array")],
        Discriminator(kind_of("string", "object", "array")),
        Field(title="event"),
    ],
)
Input = Annotated[dict[str, Any], Field(title="input")]


class Case(Part):
    """One run from its start to its end."""

    model_config = ConfigDict(title="case")
    about: str | None = Field(None, description="One sentence for people.")
    input: Input | None = Field(None, description="Fields that differ from the file's input.")
    id: Annotated[str, Field(min_length=1, title="id of a run")] | None = Field(
        None, description="The run's id, for a saga that computes none."
    )
    tick: str | None = Field(
        None, description="The schedule starts the run at this moment, a timestamp: with its own input and id."
    )
    now: str | None = Field(None, description="When the run starts. Default 2026-01-01T00:00:00Z.")
    actions: Actions | None = Field(None, description="What actions answer; goes before the file's.")
    at: dict[Moment, Events] | None = Field(None, description="What comes from outside, by the time since the start.")
    expect: Expect | None = Field(None, description="What must be so at the end. Default: the run ends.")


class TestFile(Part):
    """Tests of one saga: runs with planned answers and events in virtual time, and what must come of them."""

    __test__ = False
    model_config = ConfigDict(title="test file")
    test: Literal["v1"] = Field(description="The version of this format: v1.")
    of: Annotated[str, Field(min_length=1, title="path of a saga file")] | None = Field(
        None, description="The saga's file. Default: order.yaml for order.test.yaml."
    )
    about: str | None = Field(None, description="One sentence for people.")
    input: Input | None = Field(None, description="The input of every case, but for what a case says itself.")
    actions: Actions | None = Field(None, description="What actions answer in every case.")
    stuck_at: list[ActionName] | None = Field(
        None, description="For --fail-each-step and --crash-everywhere: where a run may be left to a person."
    )
    cases: Annotated[dict[Annotated[str, Field(min_length=1, title="name of a case")], Case], Field(min_length=1)] = (
        Field(description="The runs, by names of your own.")
    )
