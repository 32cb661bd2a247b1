"""Putting runs under another version of their saga: what differs, what stands in the way, doing it (semantics.md 33).

It is done from outside, to a run that nobody has in hand: one commit of the journal row and the run. This room must not
know terminals, HTTP, or the rules: which states can move is for the machine to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from saga.interpreter import machine
from saga.interpreter.client import Client, NotNow, RunEnded, Story, UnknownVersion
from saga.interpreter.closing import change_for
from saga.interpreter.codec import encode
from saga.interpreter.live import LiveRun
from saga.interpreter.machine.events import Migrated
from saga.interpreter.machine.migrating import Change, changes, obstacles
from saga.interpreter.outgoing import outbox_for
from saga.interpreter.starting import DEFAULT_QUEUE
from saga.interpreter.status import Status
from saga.interpreter.stored import DefinitionRow, RunRow
from saga.schema.definition import Definition
from saga.schema.values import Value

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a migration of one run comes to."""

    run: RunRow
    target: DefinitionRow
    changes: list[Change]
    obstacles: list[str]
    """Every reason why it cannot be; none if it can."""

    @property
    def is_there(self) -> bool:
        """The run has that text already: nothing is to be done."""
        return self.run.definition == self.target.id


async def target_of(client: Client, project: int, saga: str, version: str) -> DefinitionRow:
    """The definition that is shown as that version, or the ``latest``. Raises UnknownSaga, UnknownVersion."""
    latest, _ = await client.deployed(project, saga)
    found = latest if version == LATEST else await client.store.labelled(project, saga, version)
    if found is None:
        raise UnknownVersion(
            f'saga "{saga}" has no version {version}',
            f"its latest is {latest.label}; a worker registers the files of its project when it begins",
        )
    return found


async def plan(client: Client, run: RunRow, target: DefinitionRow) -> Plan:
    """What differs for a run, and what stands in its way. Changes nothing. Raises RunEnded."""
    return (await _look(client, run, target)).plan


async def migrate(client: Client, run: RunRow, target: DefinitionRow, *, by: str, reason: str) -> Plan:
    """Puts a run under that definition, unless it is. Raises RunEnded, and NotNow with all that stands in the way."""
    look = await _look(client, run, target)
    if look.plan.is_there:
        return look.plan
    if look.plan.obstacles:
        raise _refusal(look.plan)
    what: Value = {"from": run.version, "to": target.label, "reason": reason}
    async with client.recorded("migrate", run.project, run.address, what, run) as recording:
        if not await _store(client, look, by, reason):
            raise NotNow(f"{run.address}: {await _why_not(client, look.story)}", "ask again then")
        recording.after = {"version": target.label}
    return look.plan


def migration_record(plan: Plan, *, done: bool) -> dict[str, Any]:
    """What a migration of a run comes to, as JSON; ``done``: it was migrated just now. Names here are an interface."""
    return {
        "run": plan.run.address,
        "from": plan.run.version,
        "to": plan.target.label,
        "migrated": done,
        "changes": [{"step": change.step, "kind": change.kind} for change in plan.changes],
        "obstacles": plan.obstacles,
    }


class _Look(NamedTuple):
    """A run as it was looked at. ``at``: when, by the store's clock."""

    plan: Plan
    story: Story
    after: Definition
    at: int


async def _look(client: Client, run: RunRow, target: DefinitionRow) -> _Look:
    if run.status.ended:
        raise RunEnded(f"{run.address} has ended: {run.status.word}, {run.outcome}")
    story = await client.story(run)
    _, after = await client.definitions.get(target.id)
    before, state = story.definition, story.state
    at = max(await client.store.now(), state.clock)
    if target.id == run.definition:
        return _Look(Plan(run, target, [], []), story, after, at)
    if run.undoes is not None:
        problems = ["it is an undo run, which goes by the text of the run that it undoes"]
    else:
        problems = [*_not_at_rest(story), *obstacles(before, after, state, at)]
    return _Look(Plan(run, target, changes(before, after, state), problems), story, after, at)


def _not_at_rest(story: Story) -> list[str]:
    """Why a run cannot be touched from outside, whatever the texts say."""
    run, found = story.run, list[str]()
    seen = max((getattr(event, "mseq", 0) for _, event in story.events), default=0)
    if run.owner is not None:
        found.append("it is being worked on: pause it, or wait until it rests")
    elif run.status is Status.RUNNING and not story.events:
        found.append("no worker has begun it yet")
    elif run.hold is None and machine.open_attempts(story.definition, story.state):
        found.append(_LOST)
    if run.mbox != seen:
        found.append("it has messages that no worker has read yet")
    return found


_LOST = "its worker has died with it in hand: it can be migrated once another one has taken it up"


async def _why_not(client: Client, story: Story) -> str:
    """Why a run that was at rest when it was read could not be migrated."""
    then, now = story.run, await client.store.run(story.run.id)
    same = now is not None and (now.seq, now.mbox, now.owner) == (then.seq, then.mbox, then.owner)
    return _LOST if same else "it has moved on in this moment"


def _refusal(found: Plan) -> NotNow:
    run = found.run.address
    why = "; ".join(found.obstacles)
    return NotNow(f"{run} cannot go on under version {found.target.label}: {why}", f"`saga show {run}` shows it")


async def _store(client: Client, look: _Look, by: str, reason: str) -> bool:
    story, after, target, state = look.story, look.after, look.plan.target, look.story.state
    run = story.run
    event = Migrated(look.at, run.definition, target.id, run.version, target.label, by, reason)
    commands = machine.migrate(story.definition, after, state, event)
    live = LiveRun(run.id, run.project, run.queue, target.id, after, state, run.parent, run.seq + 1, seen=run.mbox)
    outbox = outbox_for(live, state, live.seq, commands)
    change = change_for(live, machine.resume(after, state)[-1], look.at)
    row = encode(run.id, live.seq, event)
    return await client.store.migrate(change, target, after.queue or DEFAULT_QUEUE, row, outbox)
