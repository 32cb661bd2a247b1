"""What a proof found, as text: for people, programs, pull requests and GitHub's annotations.

It must not know how a proof is made or where files come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from saga.cli.outcome_table import as_markdown, as_objects, as_text
from saga.schema.problem_formats import render_problems
from saga.schema.problems import Problem, visible

if TYPE_CHECKING:
    from saga.interpreter.proving import Broken, Verdict
    from saga.schema.definition import Definition

Format = Literal["full", "json", "markdown", "github", "sarif"]

CODES = {
    "undo_lacks_output": "SAGA601",
    "undo_fails": "SAGA602",
    "undo_passed_over": "SAGA603",
    "left_undone": "SAGA604",
    "undone_twice": "SAGA605",
    "pivot": "SAGA606",
    "never_ends": "SAGA607",
    "unreachable": "SAGA608",
    "undo_unreachable": "SAGA609",
    "invariant": "SAGA610",
    "cut": "SAGA611",
    "waits_for_ever": "SAGA612",
}
"""The page of `saga explain` for each promise and note."""


@dataclass(frozen=True, slots=True)
class Proved:
    """One file and what came of it."""

    path: str
    definition: Definition
    verdict: Verdict


def render(proved: Sequence[Proved], form: Format) -> str:
    """All verdicts as one text, without a last line break."""
    match form:
        case "full":
            return "\n\n".join(_full(each) for each in proved)
        case "json":
            return json.dumps([_object(each) for each in proved], ensure_ascii=False, indent=2)
        case "markdown":
            return "\n\n".join(_markdown(each) for each in proved)
        case _:
            found = [problem for each in proved for problem in _problems(each)]
            return render_problems(found, {}, form)


def headline(verdict: Verdict) -> str:
    """The verdict in one line."""
    size = f"{verdict.states:,} states"
    if verdict.broken:
        count = len(verdict.broken)
        return f"{verdict.saga}: {count} {'promise' if count == 1 else 'promises'} broken ({size})"
    if verdict.cut:
        return f"{verdict.saga}: not proved: {verdict.cut}; nothing broken among them"
    held = len(verdict.invariants)
    own = "" if not held else ", with 1 invariant of its own" if held == 1 else f", with {held} invariants of its own"
    return f"{verdict.saga}: proved over {size}{own}"


def _full(proved: Proved) -> str:
    verdict = proved.verdict
    parts = [headline(verdict)]
    parts += [_broken_text(each, proved.path) for each in verdict.broken]
    if verdict.cut and verdict.broken:
        parts.append(f"and not everything was looked at: {verdict.cut}")
    notes = "\n".join(_notes(verdict))
    if notes:
        parts.append(notes)
    if verdict.cut:
        parts.append("hint: allow more with --states or --seconds")
    if verdict.outcomes:
        parts.append(as_text(verdict.outcomes))
    return "\n\n".join(parts) if len(parts) > 1 else parts[0]


def _broken_text(broken: Broken, path: str) -> str:
    place = f"{broken.path or path}:{broken.place.line}:{broken.place.column}"
    lines = [f"{visible(place)}: error[{CODES[broken.promise]}]: {visible(broken.message)}"]
    lines += [f"  {line}" for line in numbered(broken.story)]
    if broken.hint:
        lines.append(f"hint: {visible(broken.hint)}")
    return "\n".join(lines)


def numbered(story: Sequence[str]) -> list[str]:
    """A story as a list."""
    return [f"{number}. {visible(line)}" for number, line in enumerate(story, 1)]


def _notes(verdict: Verdict) -> Iterator[str]:
    yield from (f"note: {visible(note.message)}" for note in verdict.notes if note.kind != "stuck")
    stuck = [note.message for note in verdict.notes if note.kind == "stuck"]
    if stuck:
        yield f"note: a run waits for a person where these fail for good: {', '.join(stuck)}"


def _object(proved: Proved) -> dict[str, Any]:
    verdict = proved.verdict
    found: dict[str, Any] = {
        "path": proved.path,
        "saga": verdict.saga,
        "proved": verdict.proved,
        "cut": verdict.cut or None,
        "states": verdict.states,
        "transitions": verdict.turns,
        "bounds": list(verdict.bounds),
        "invariants": list(verdict.invariants),
        "broken": [
            {
                "code": CODES[each.promise],
                "promise": each.promise,
                "message": each.message,
                "hint": each.hint,
                "step": each.step,
                "path": each.path or proved.path,
                "line": each.place.line,
                "column": each.place.column,
                "story": list(each.story),
            }
            for each in verdict.broken
        ],
        "notes": [
            {"kind": note.kind, "message": note.message, "step": note.step, "story": list(note.story)}
            for note in verdict.notes
        ],
    }
    if verdict.outcomes:
        found["outcomes"] = as_objects(verdict.outcomes)
    return found


def _markdown(proved: Proved) -> str:
    verdict = proved.verdict
    parts = [f"### {verdict.saga}", headline(verdict).partition(": ")[2].capitalize() + "."]
    for each in verdict.broken:
        parts.append(f"**{each.message}** (`{CODES[each.promise]}`, line {each.place.line})")
        if each.story:
            parts.append("\n".join(numbered(each.story)))
    if verdict.outcomes:
        parts.append(as_markdown(verdict.outcomes))
    return "\n\n".join(parts)


def _problems(proved: Proved) -> Iterator[Problem]:
    for each in proved.verdict.broken:
        message = "\n".join([each.message, *numbered(each.story)])
        path = each.path or proved.path
        yield Problem(CODES[each.promise], message, path, each.place.line, each.place.column, hint=each.hint)
    if proved.verdict.cut:
        hint = "allow more with --states or --seconds"
        message = f"not proved: {proved.verdict.cut}"
        yield Problem(CODES["cut"], message, proved.path, 1, 1, hint=hint, severity="warning")
    for note in proved.verdict.notes:
        if note.kind in CODES:
            place = note.place
            yield Problem(CODES[note.kind], note.message, proved.path, place.line, place.column, severity="warning")
