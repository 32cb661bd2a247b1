"""The table of all outcomes of a saga, as text, Markdown and plain data. It must not know how outcomes are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saga.schema.problems import visible

if TYPE_CHECKING:
    from saga.interpreter.proving import Outcome

_NOTHING = "nothing"


def as_text(outcomes: Sequence[Outcome]) -> str:
    """One paragraph for each outcome."""
    return "\n\n".join(_paragraph(each) for each in outcomes)


def _paragraph(outcome: Outcome) -> str:
    lines = [f"{ending(outcome)}: {visible(outcome.cause)}" if outcome.cause else ending(outcome)]
    lines.append(f"  done    {listed(outcome.done)}")
    if outcome.status != "completed":
        lines.append(f"  undone  {listed(outcome.undone)}")
    if outcome.left:
        lines.append(f"  left    {listed(outcome.left)}")
    if outcome.caller is not None:
        lines.append(f"  answer  {json.dumps(outcome.caller, ensure_ascii=False)}")
    return "\n".join(lines)


def ending(outcome: Outcome) -> str:
    """Status and outcome, the same word once."""
    status = outcome.status
    return status if outcome.outcome in ("", status) else f"{status}, {outcome.outcome}"


def listed(names: Sequence[str]) -> str:
    """Names in a row."""
    return ", ".join(names) or _NOTHING


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """A table for a pull request."""
    lines = ["| it ends | because | done | undone, in this order | the caller sees |", "|---|---|---|---|---|"]
    for each in outcomes:
        undone = listed(each.undone) if each.status != "completed" else ""
        if each.left:
            undone += f"; left: {listed(each.left)}"
        caller = "" if each.caller is None else f"`{json.dumps(each.caller, ensure_ascii=False)}`"
        cells = (ending(each), each.cause, listed(each.done), undone, caller)
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return visible(text).replace("|", "\\|")


def as_objects(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Plain data."""
    return [
        {
            "status": each.status,
            "outcome": each.outcome,
            "because": each.cause,
            "done": list(each.done),
            "undone": list(each.undone),
            "left": list(each.left),
            "answer": each.caller,
        }
        for each in outcomes
    ]
