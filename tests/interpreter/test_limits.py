"""How much one run may come to (semantics.md 22): beyond that it is stuck, with the reason, and can be undone."""

from __future__ import annotations

import json

import pytest
from test_engine import THREE, WAITING
from workshop import Workshop

from saga.interpreter import limits
from saga.interpreter.client import MailboxFull, NotNow
from saga.interpreter.machine.events import CancelRequested, RetryRequested
from saga.interpreter.stored import MOST_UNREAD, Message


@pytest.mark.parametrize(("what", "word"), [("MOST_EVENTS", "events"), ("MOST_BYTES", "MiB")])
async def test_a_run_that_comes_to_too_much_is_stuck_and_can_be_undone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, what: str, word: str
) -> None:
    monkeypatch.setattr(limits, what, 2)
    async with workshop.working():
        run = await workshop.start(THREE, key="k")
        stuck = await workshop.until(run, "stuck")
        problem = json.loads(stuck.problem or "")
        assert problem["code"] == "limit"
        assert word in problem["message"]
        assert problem["message"].endswith("cancel or terminate it")
        with pytest.raises(NotNow):
            await workshop.client.operate(stuck, RetryRequested(0, 0, "me", "why"))
        await workshop.client.operate(stuck, CancelRequested(0, 0, "me", "why"))
        await workshop.until(run, "compensated")
    assert workshop.calls() in (["first", "second", "undo second", "undo first"], ["first", "undo first"])


async def test_one_signal_too_many_is_refused(workshop: Workshop) -> None:
    run = await workshop.start(WAITING, key="k")
    for at in range(0, MOST_UNREAD, 1000):
        await workshop.store.send([Message(run.id, 0, "other", f"{at + n}", "{}") for n in range(1000)])
    with pytest.raises(MailboxFull, match="shop/k has 10,000 unread signals and takes no more"):
        await workshop.client.signal(run, "paid", {"amount": 5})
    await workshop.client.operate(run, CancelRequested(0, 0, "me", "why"))
