"""Makes worker processes quickly: one process that has imported everything, and forks a worker for each line it gets.

A line is a JSON object: ``url``, ``project`` (name), ``log`` (file), ``lease`` (seconds), ``concurrency``, ``skew`` (by
how many seconds the worker's own clock is wrong). It answers ``{"pid"}``, and ``{"exit", "code"}`` whenever a worker
ends. Codes: 0 asked to stop, 3 fenced, 4 anything else, negative for a signal. When its input ends, all workers die.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import Performer
from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.store import Fenced, StoreUnavailable
from saga.interpreter.worker import Settings, Worker

STOPPED, FENCED, BROKEN = 0, 3, 4


def be_wrong_about_time(seconds: float) -> None:
    """Sets this process's own clock ahead (or back)."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


async def work(order: dict[str, Any]) -> None:
    """A worker, as the command line would run it."""
    actions = Actions.load([Path(__file__).with_name("chaos_actions.py")])
    secrets = Secrets(dict(os.environ))
    settings = Settings(lease=order["lease"], concurrency=order["concurrency"])
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    for _ in range(600):
        store = None
        try:
            store = await PostgresStore.open(order["url"])
            project = await store.project(order["project"])
            performer = Performer(actions, secrets, Http(secrets, ["127.0.0.1"]))
            worker = Worker(store, performer, project, settings=settings)
            await worker.begin()
            break
        except StoreUnavailable:
            if store is not None:
                await store.close()
            await asyncio.sleep(0.1)
            if stopping.is_set():
                return
    else:
        raise RuntimeError("the database was out of reach for a minute")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    print(f"worker {worker.number} begun", file=sys.stderr, flush=True)
    if stopping.is_set():
        worker.stop()
    await worker.run()


def become_worker(order: dict[str, Any]) -> None:
    """Never returns."""
    code = BROKEN
    try:
        random.seed()
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if order["skew"]:
            be_wrong_about_time(order["skew"])
        asyncio.run(work(order))
        code = STOPPED
    except Fenced:
        code = FENCED
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def tell(**said: object) -> None:
    print(json.dumps(said), flush=True)


def main() -> None:
    children: set[int] = set()
    try:
        serve(children)
    finally:  # also when nobody reads what we say any more
        for pid in children:
            os.kill(pid, signal.SIGKILL)


def serve(children: set[int]) -> None:
    """Forks and buries until the input ends."""
    rest = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.02)
        if ready:
            chunk = os.read(0, 65536)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    become_worker(json.loads(line))
                children.add(pid)
                tell(pid=pid)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                children.discard(pid)
                tell(exit=pid, code=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
