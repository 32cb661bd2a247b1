"""The three scenes of `saga demo`: one checkout delivered, one undone, one killed and gone on with.

Each plays real commands and checks that it ended as announced. This room must not know folders or databases.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from rich.text import Text

from saga.cli.example_shop import Done, read_ledger
from saga.cli.screen import columns, err, note, say
from saga.cli.stage import NotAsAnnounced, Played, Stage, Watched

_BRISK = {"SAGA_EXAMPLE_DELAY": "0.15", "SAGA_EXAMPLE_LEDGER": ""}
"""Each of the example's services takes so many seconds to answer; their ledger is the one in the folder."""
_SLOW = _BRISK | {"SAGA_EXAMPLE_DELAY": "1.2"}
"""Time to be killed in."""
_A_MOMENT = 0.5
"""Seconds to read what the run waits for."""


class Scene(NamedTuple):
    """One scene. ``play`` raises NotAsAnnounced."""

    order_id: str
    sentence: str
    status: str
    outcome: str
    play: Callable[[Stage, Scene], Awaitable[None]]

    @property
    def address(self) -> str:
        """Of its run."""
        return f"checkout/{self.order_id}"


async def _delivered(stage: Stage, scene: Scene) -> None:
    run = await _start(stage, scene, "tea", "12.50")
    async with stage.watching(scene.address, run) as watched:
        await _pay(stage, scene, watched, "12.50")
        await _deliver(stage, scene, watched)
        await watched.ended(scene.status, scene.outcome)
    await run.ends(0)


async def _undone(stage: Stage, scene: Scene) -> None:
    run = await _start(stage, scene, "piano", "4000")
    async with stage.watching(scene.address, run) as watched:
        await _pay(stage, scene, watched, "4000")
        await watched.ended(scene.status, scene.outcome)
    await run.ends(1)
    ledger = read_ledger(stage.folder, scene.order_id)
    _show(ledger, "What the services have in their books: nothing charged, the money and the stock given back.")
    done = [each.what for each in ledger]
    if done != ["stock reserved", "payment refunded", "stock released"]:
        raise NotAsAnnounced(f"the books say: {', '.join(done)}")


async def _killed(stage: Stage, scene: Scene) -> None:
    run = await _start(stage, scene, "kettle", "30", _SLOW)
    async with stage.watching(scene.address, run) as watched:
        await _pay(stage, scene, watched, "30")
        await watched.until("charging", lambda: "payment charged" in _done(stage, scene))
        run.process.kill()
        say(
            err(),
            Text.assemble(
                ("$ ", "dim"),
                (f"kill -9 {run.process.pid}", "bold red"),
                ("   the card is charged, but `saga run` is gone before it hears of it", "dim"),
            ),
        )
        await run.ends(-signal.SIGKILL)
        worker = await stage.command("worker", environment=_BRISK)
        await _deliver(stage, scene, watched)
        await watched.ended(scene.status, scene.outcome)
    worker.process.send_signal(signal.SIGINT)
    await worker.ends(0)
    ledger = read_ledger(stage.folder, scene.order_id)
    _show(ledger, "What the services have in their books: asked again under the same key, done once.")
    _check_nothing_doubled(stage, ledger)


def _check_nothing_doubled(stage: Stage, ledger: list[Done]) -> None:
    """The killed run must have left what the undisturbed one did, and a service must have been asked twice."""
    done, undisturbed = [each.what for each in ledger], _done(stage, SCENES[0])
    if sorted(done) != sorted(undisturbed):
        raise NotAsAnnounced(f"the books say: {', '.join(done)}; without the kill they say: {', '.join(undisturbed)}")
    if all(each.asked == 1 for each in ledger):
        raise NotAsAnnounced("the process was not killed in the middle of a step")


SCENES = (
    Scene("o-1", "An order is reserved, paid, shipped and delivered.", "completed", "delivered", _delivered),
    Scene("o-2", "The card is declined, so everything before it is undone.", "compensated", "failed", _undone),
    Scene(
        "o-3",
        "The process is killed in the middle of a payment; a worker goes on, and nobody pays twice.",
        "completed",
        "delivered",
        _killed,
    ),
)


async def _start(
    stage: Stage, scene: Scene, product: str, amount: str, environment: dict[str, str] | None = None
) -> Played:
    given = {"order_id": scene.order_id, "user_id": "ada", "product_id": product, "amount": amount}
    words = [word for name, value in given.items() for word in ("-i", f"{name}={value}")]
    return await stage.command("run", "checkout.yaml", *words, environment=environment or _BRISK)


async def _pay(stage: Stage, scene: Scene, watched: Watched, amount: str) -> None:
    transaction = f"tx-{scene.order_id}"
    await _send(stage, scene, watched, "payment_received", amount=amount, transaction_id=transaction, method="card")


async def _deliver(stage: Stage, scene: Scene, watched: Watched) -> None:
    await _send(stage, scene, watched, "delivery_confirmed", tracking=f"track-{scene.order_id}")


async def _send(stage: Stage, scene: Scene, watched: Watched, name: str, **payload: str) -> None:
    await watched.waits_for(name)
    await asyncio.sleep(_A_MOMENT)
    words = [word for field, value in payload.items() for word in ("-p", f"{field}={value}")]
    sent = await stage.command("signal", scene.address, name, *words)
    await sent.ends(0)


def _done(stage: Stage, scene: Scene) -> list[str]:
    return [each.what for each in read_ledger(stage.folder, scene.order_id)]


def _show(ledger: list[Done], sentence: str) -> None:
    note(f"\n{sentence}")
    head = [Text(word, style="dim") for word in ("  DONE ONCE", "ASKED", "KEY")]
    rows = [[Text(f"  {each.what}"), _asked(each), Text(_short(each.key), style="dim")] for each in ledger]
    say(err(), *columns([head, *rows]))


def _asked(line: Done) -> Text:
    return Text("once", style="dim") if line.asked == 1 else Text(f"{line.asked} times", style="bold yellow")


def _short(key: str) -> str:
    """A key without most of its run's id."""
    run, _, step = key.partition("/")
    return f"{run[:4]}…{run[-4:]}/{step}"
