"""What a run sends off and forgets: events, signals to other runs, runs of other sagas.

Told in the words of the saga file, with what they came to. This room must not know how anything is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from saga.interpreter.machine.commands import Command, Emit, SendSignal, StartRun
from saga.interpreter.machine.events import Ref
from saga.schema.values import Value


@dataclass(slots=True)
class Sent:
    """One thing that a step has sent."""

    at: int
    name: str
    """Of the step, with its iteration."""
    what: str
    """In a word or three: ``emits order.paid``."""
    arguments: Mapping[str, Value]
    """As the step says it: ``{emit: order.paid, subject: …, with: {…}}``."""


def sent_by(commands: Sequence[Command]) -> Iterator[tuple[Ref, str, dict[str, Value]]]:
    """What commands send: the step, ``what`` and ``arguments`` of a `Sent`."""
    for command in commands:
        match command:
            case Emit():
                said: dict[str, Value] = {"emit": command.topic, "subject": command.subject, "with": command.data}
                yield command.ref, f"emits {command.topic}", said
            case SendSignal():
                said = {"signal": command.name, "to": command.target, "with": command.payload, "key": command.key}
                yield command.ref, f"signals {command.name} to {command.target}", said
            case StartRun():
                said = {"start": command.saga, "id": command.id or command.fallback, "with": command.input}
                yield command.ref, f"starts {command.saga}", said
            case _:
                pass
