"""What a schedule starts at a tick: the input and the id that it computes, and when it ticks.

It must not know what becomes of them: nothing is checked here but the moment.
"""

from __future__ import annotations

from saga.schema.cron import Cron
from saga.schema.definition import Schedule
from saga.schema.values import Value


def cron_of(schedule: Schedule) -> Cron:
    """The moments of a schedule."""
    return Cron(schedule.cron, schedule.timezone)


def begun_by(schedule: Schedule, tick: int) -> tuple[Value, str | None]:
    """The input and the id of the run of a tick; None: the saga's own id. Raises ExpressionFailed.

    ``tick``: microseconds since the Unix epoch, by whole minutes.
    """
    names: dict[str, Value] = {"schedule": cron_of(schedule).names(tick)}
    given = schedule.arguments.evaluate(names)
    return given, None if schedule.id is None else str(schedule.id.evaluate(names))
