"""The reckoning of a campaign: every broken promise of every run, what was left lying about, and what was met with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from campaign import Campaign
from checker import problems
from evidence import Evidence, gather

from saga.interpreter.machine.events import AttemptsLost


@dataclass
class Verdict:
    """``broken``: promises that do not hold; ``counts``: what the campaign has met with."""

    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


async def check(campaign: Campaign) -> Verdict:
    """Looks at everything, once all has ended and every worker has left."""
    verdict = Verdict()
    found = await gather(campaign.world, campaign.lives)
    for evidence in found:
        for problem in problems(evidence, verdict.counts):
            verdict.broken.append(f"{evidence.run.address} ({evidence.run.id}): {problem}")
    verdict.broken += [problem async for problem in _loose_ends(campaign, found)]
    _count(campaign, found, verdict.counts)
    return verdict


async def _loose_ends(campaign: Campaign, found: list[Evidence]) -> AsyncIterator[str]:
    connection = await campaign.world.connect()
    try:
        for question, what in (
            ("SELECT count(*) FROM saga.run WHERE status < 10", "runs are open"),
            ("SELECT count(*) FROM saga.run WHERE owner IS NOT NULL", "runs are owned"),
            ("SELECT count(*) FROM saga.worker", "workers are enlisted after all have left"),
            ("SELECT count(*) FROM saga.fence", "fences stand after all workers have left"),
            ("SELECT count(*) FROM saga.outbox WHERE delivered_at IS NULL", "outbox rows are not delivered"),
        ):
            number = await connection.fetchval(question)
            if number:
                yield f"{number} {what}"
        for left in await connection.fetch(
            "SELECT id, pid, renewed_at, lease_until, clock_timestamp() FROM saga.worker"
        ):
            yield f"worker {tuple(map(str, left))} is left"
        handlers = await connection.fetch("SELECT address, status FROM saga.run WHERE address LIKE 'apology/%'")
        if any(status != 10 for _, status in handlers):
            yield "a handler of late signals has not completed"
        wanted = {
            f"apology/{json.loads(row.data)['id']}"
            for evidence in found
            for row in evidence.outbox
            if row.kind == "start"
        }
        there = {address for address, _ in handlers}
        if wanted != there:
            yield f"handlers of late signals: wanted and there differ by {wanted ^ there}"
    finally:
        await connection.close()
    for exit_ in campaign.world.forge.exits:
        if exit_.code not in (0, 3, -9, -15):
            yield f"worker process {exit_.pid} ended with {exit_.code}"


def _count(campaign: Campaign, found: list[Evidence], counts: Counter[str]) -> None:
    counts.update(campaign.nemesis.faults)
    counts["fenced"] = campaign.nemesis.fenced
    counts["runs"] = len(found)
    for evidence in found:
        counts[f"ended {evidence.run.status.word} {evidence.run.outcome}"] += 1
        counts["attempts lost"] += sum(isinstance(event, AttemptsLost) for event in evidence.events)
        counts["keys called again"] += sum(len(calls) > 1 for calls in evidence.calls.values())
        counts["effects without an answer"] += sum(
            call["effect"] == "done" and call["word"].startswith("commit")
            for calls in evidence.calls.values()
            for call in calls
        )
        counts["stuck"] += bool(evidence.life.reasons)
        counts["journal rows"] += len(evidence.rows)
        counts["too late"] += sum(
            fate == "too_late" for fate in (evidence.state.fates if evidence.state else {}).values()
        )
        counts["sql rows"] += sum(evidence.effects.values())
