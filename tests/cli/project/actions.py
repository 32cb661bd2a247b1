"""Actions that write what they do into the file that LEDGER names: each effect once for its key.

An action is held up as long as the file `hold.NAME` lies beside that file.
"""

import asyncio
import fcntl
import os
from pathlib import Path

from saga.sdk import Rejected, StepContext, action

LEDGER = Path(os.environ.get("LEDGER", "/dev/null"))


def _write(line: str, *, once: bool = False) -> None:
    with LEDGER.open("a+") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        ledger.seek(0)
        if once and f"{line}\n" in ledger.read():
            _write_to(ledger, f"repeated {line}")
        else:
            _write_to(ledger, line)


def _write_to(ledger, line: str) -> None:
    ledger.write(f"{line}\n")
    ledger.flush()


@action("work.do")
async def do(name: str, context: StepContext, seconds: float = 0, fails: str = "") -> dict:
    _write(f"begin {name}")
    if fails == name:
        raise Rejected("refused", f"{name} was told to refuse")
    if fails == f"{name}!":
        raise ConnectionError(f"{name} was told to break")
    await asyncio.sleep(seconds)
    while LEDGER.with_name(f"hold.{name}").exists():
        await asyncio.sleep(0.01)
    _write(f"effect {context.key.partition('/')[2]}", once=True)
    return {"done": name}


@action("work.undo")
def undo(name: str, context: StepContext, fails: str = "") -> None:
    if fails == name:
        raise Rejected("cannot", f"undoing {name} was told to fail")
    _write(f"effect {context.key.partition('/')[2]}", once=True)
