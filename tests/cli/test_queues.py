"""Queues, the process for runs that kill their worker, and handing over."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

KILLER = """
import os, signal
from saga.sdk import action

@action("work.kill")
async def kill(id: str, deadly: bool) -> None:
    with open(os.environ["LEDGER"] + ".pids", "a") as book:
        book.write(f"{id} {os.getpid()}\\n")
    if deadly:
        os.kill(os.getpid(), signal.SIGKILL)
"""
DEADLY = """
saga: v1
name: deadly
version: 1
id: ${{ input.id }}
input:
  id: {type: string}
  deadly: {type: boolean, default: true}
defaults: {retry: {attempts: 100, first_delay: 1ms, max_delay: 1ms, jitter: none}}
steps:
  only:
    call: work.kill
    with: {id: "${{ input.id }}", deadly: "${{ input.deadly }}"}
    compensate: none
"""


def test_a_queue_has_its_own_workers(saga):
    done = saga("run", "queued.yaml", "-i", "id=q-1", "--detach")
    assert done.err == "nobody is working on this run; to work on it:  saga worker --queue checkout\n"
    assert saga("worker", "--until-idle").code == 0
    shown = saga("show", "q-1")
    assert "to work on it:  saga worker --queue checkout" in shown.err
    assert saga("show", "q-1", "--json").json["status"] == "running"
    worker = saga.begin("worker", "--queue", "checkout", "--concurrency", "2")
    assert "works on project clitest, queue checkout: " in saga.until(worker, "Ctrl-C hands over")
    assert saga("watch", "q-1").code == 0
    assert saga("run", "queued.yaml", "-i", "id=q-2", "--detach").err == ""
    assert "nobody is working" in saga("run", "steps.yaml", "-i", "id=s-1", "--detach").err


def test_a_run_in_the_foreground_needs_no_queue(saga):
    assert saga("run", "queued.yaml", "-i", "id=q-1").code == 0
    assert saga.effects() == ["effect only"]


async def test_a_run_that_kills_its_worker_is_worked_alone_then_held(saga, rows):
    """Two workers die of it; after that only processes of its own, and its neighbours see nothing of that."""
    saga.write("actions.py", (saga.folder / "actions.py").read_text() + KILLER)
    saga.write("deadly.yaml", DEADLY)
    assert saga("run", "deadly.yaml", "-i", "id=d-1", "--detach").code == 0
    for _ in range(2):
        victim = saga.begin("worker")
        assert await asyncio.to_thread(victim.wait, 120) == -signal.SIGKILL
    worker = saga.begin("worker")
    said = saga.until(worker, "it is worked on alone, in a process of its own")
    assert "a run died with its worker more than once" in said
    neighbours = [f"n-{number}" for number in range(2)]
    for each in neighbours:
        assert saga("run", "deadly.yaml", "-i", f"id={each}", "-i", "deadly=false", "--detach").code == 0
    async with asyncio.timeout(120):
        while await rows("select status from saga.run where address = 'deadly/d-1'") != 4:
            await asyncio.sleep(0.05)
    assert worker.poll() is None, "the worker lives"
    shown = saga("show", "d-1", "--json").json
    assert shown["problem"]["code"] == "crashing"
    assert await rows("select crashes from saga.run where address = 'deadly/d-1'") == 5
    pids = [line.split() for line in Path(saga.environment["LEDGER"] + ".pids").read_text().splitlines()]
    killed = [int(pid) for name, pid in pids if name == "d-1"]
    assert len(killed) == len(set(killed)) == 5
    assert worker.pid not in killed
    for each in neighbours:
        assert saga("watch", each).code == 0
    assert {int(pid) for name, pid in pids if name != "d-1"} == {worker.pid}
    assert await rows("select max(crashes) from saga.run where address <> 'deadly/d-1'") == 0
    worker.send_signal(signal.SIGTERM)
    assert saga.finish(worker).code == 0


async def test_sigterm_hands_over_though_no_action_ends(saga, rows):
    """Half a second of grace for attempts, then the runs are anybody's."""
    saga.hold("first")
    worker = saga.begin("worker")
    saga.until(worker, "Ctrl-C hands over")
    for number in range(5):
        assert saga("run", "steps.yaml", "-i", f"id=r-{number}", "--detach").code == 0
    async with asyncio.timeout(120):
        while len([line for line in saga.ledger if line == "begin first"]) < 5:
            await asyncio.sleep(0.02)
    worker.send_signal(signal.SIGTERM)
    assert saga.finish(worker).code == 0
    assert await rows("select count(*) from saga.run where owner is not null") == 0
    assert await rows("select count(*) from saga.run where crashes > 0") == 0
