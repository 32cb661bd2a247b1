"""What the sagas of the benchmarks call: no-ops, so that the engine alone is measured."""

from __future__ import annotations

from typing import Any

from saga.sdk import Rejected, action


@action("bench.act")
async def act(step: str, i: int) -> dict[str, Any]:
    return {"ok": True, "step": step, "i": i}


@action("bench.decline")
async def decline(step: str, i: int) -> dict[str, Any]:
    raise Rejected("declined")
