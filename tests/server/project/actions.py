"""Actions that write down what they do, one line each."""

import os
from pathlib import Path

from saga.sdk import Rejected, StepContext, action

LEDGER = Path(os.environ["LEDGER"])


@action("desk.do")
def do(name: str, context: StepContext) -> dict[str, str]:
    with LEDGER.open("a") as ledger:
        ledger.write(f"{name} {context.key}\n")
    return {"name": name}


@action("desk.refuse")
def refuse(name: str) -> None:
    raise Rejected("no_way", f"{name} is refused")
