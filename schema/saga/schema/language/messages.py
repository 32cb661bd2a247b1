"""What a run tells others, as written: `start`, `signal` and `emit`, with what they pass on.

One subject: the keys of messages, shared by steps and `finally`. It must not know where they stand.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from saga.schema.language.actions import Arguments
from saga.schema.language.words import Name, Part, TemplateText, Topic


class Starting(Arguments):
    """Starts a run of a saga, whose input is `with`."""

    id: TemplateText | None = Field(None, description="The id of that run; left out, that saga's own `id:` says it.")


class Signalling(Arguments):
    """Sends a signal to another run, with `with` as its payload."""

    signal: Name = Field(description="The signal, as the saga of that run declares it.")
    to: TemplateText = Field(description="The run: its id, or saga/id.")
    key: TemplateText | None = Field(None, description="Signals with the same key count once. Default: the step's key.")


class Event(Part):
    """What an event says about itself; `with`, beside `emit`, is its data."""

    model_config = ConfigDict(title="emit")
    topic: Topic = Field(description="What happened, such as order.shipped; who listens, chooses by it.")
    subject: TemplateText | None = Field(None, description="What it is about. Default: the run, saga/id.")


class Emitting(Arguments):
    """Writes an event for the world, in the commit that passes the step (semantics.md 36)."""

    emit: Event = Field(description="{topic: order.shipped}; `with` is the event's data.")
