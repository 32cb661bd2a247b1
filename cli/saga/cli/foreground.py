"""Working on one run in this process while it is shown: the inside of `saga run`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from saga.cli.conclusion import conclude
from saga.cli.following import Following, Why
from saga.cli.interrupts import interruptible
from saga.cli.job import Job
from saga.cli.logs import no_log
from saga.cli.screen import lively, note, warn
from saga.cli.sources import register_others
from saga.cli.view import watching
from saga.cli.wiring import Here, performing
from saga.interpreter.actions.performing import Performer
from saga.interpreter.project import Project
from saga.interpreter.starting import new_run
from saga.interpreter.stored import DefinitionRow, RunRow
from saga.interpreter.worker import Worker


async def foreground(here: Here, job: Job, row: DefinitionRow) -> int:
    """Starts the run (or comes back to the one that has its id) and stays with it; the answer is the exit code."""
    lacking = job.lacking()
    for sentence in lacking:
        warn(f"{sentence}; the run will be held when it gets there")
    no_log()
    await register_others(here, job.project, row.project, job.definition)
    with interruptible() as stop:
        async with (
            performing(job.project, job.actions) as performer,
            _begun(here, job, row, performer, stop) as (worker, run),
        ):
            story = await Following.begin(here, run)
            with watching(story) as view:
                why = await story.follow(view, stop, patient=lively(), hint=lambda: _seen(worker, run))
        if why is Why.HELD:
            for sentence in lacking:
                note(sentence)
    return await conclude(story, why, as_json=job.asked.as_json, go_on=job.worker_command())


@asynccontextmanager
async def _begun(
    here: Here, job: Job, row: DefinitionRow, performer: Performer, stop: asyncio.Event
) -> AsyncIterator[tuple[Worker, RunRow]]:
    """A worker for this run alone, and the run; ``stop`` is set when the worker ends by itself. Raises Conflict."""
    new, given = new_run(row, job.definition, job.given, key=job.asked.key, again=job.asked.again)
    async with _working(here, job.project, performer, row.project, new.id, stop) as worker:
        async with here.client.recorded("start", row.project, new.address, {"version": row.label}) as recording:
            begun = await worker.engine.begin(new, job.definition, given)
            recording.run = new.id if begun else None
            recording.after = {"created": begun}
        if begun:
            run = await here.store.run(new.id)
            assert run is not None
            yield worker, run
            return
    known = await here.client.same_run(row.project, new.address, new.input)
    if job.asked.again and not known.status.ended:
        warn(f"{known.address} has not ended, so it cannot be started again; this is that run")
    else:
        note(f"{known.address} was started before, with the same input; this is that run")
    async with _working(here, job.project, performer, row.project, known.id, stop) as worker:
        offered = await here.store.run(known.id)  # what held it may be here now
        yield worker, offered or known


@asynccontextmanager
async def _working(
    here: Here, folder: Project, performer: Performer, project: int, only: UUID, stop: asyncio.Event
) -> AsyncIterator[Worker]:
    worker = Worker(here.store, performer, project, only=only, definitions=here.client.definitions, sinks=folder.sinks)
    await worker.begin()
    task = asyncio.ensure_future(worker.run())

    def ended(_: object) -> None:
        stop.set()

    task.add_done_callback(ended)
    try:
        yield worker
    finally:
        task.remove_done_callback(ended)
        worker.stop()
        await task


def _seen(worker: Worker, run: RunRow) -> object:
    """Changes whenever this process gets on with the run."""
    live = worker.engine.live.get(run.id)
    return None if live is None else live.seq
