"""Single boxes: which words stand in the box of a step, and the ids by which boxes are known.

One subject: a step as a box. It must not know the graph, runs or formats.
"""

from __future__ import annotations

from saga.schema.definition import Step, UndoKind, Verb
from saga.schema.drawing.shapes import Box, BoxKind, Line, Sheet, Tone
from saga.schema.drawing.words import (
    Pace,
    block_words,
    condition_lines,
    facts,
    one_line,
    undo_words,
    verb_words,
)

_KINDS = {
    Verb.CALL: BoxKind.CALL,
    Verb.HTTP: BoxKind.HTTP,
    Verb.SQL: BoxKind.SQL,
    Verb.TASK: BoxKind.TASK,
    Verb.WAIT: BoxKind.WAIT,
    Verb.SAGA: BoxKind.CHILD,
    Verb.START: BoxKind.MESSAGE,
    Verb.SIGNAL: BoxKind.MESSAGE,
    Verb.EMIT: BoxKind.MESSAGE,
    Verb.SET: BoxKind.SET,
    Verb.FAIL: BoxKind.FAIL,
    Verb.END: BoxKind.END,
}


def box_id(step: Step) -> str:
    """The id of a step's box."""
    return f"step{step.index}"


def choice_id(step: Step) -> str:
    """The id of the box of a step's `when`."""
    return f"when{step.index}"


def undo_id(step: Step) -> str:
    """The id of the box of a step's undo; of a block, of what is undone inside it."""
    return f"undo{step.index}"


def failure_id(step: Step, line: int) -> str:
    """The id of the box of a line of a step's `fail_when`."""
    return f"fails{step.index}_{line}"


def has_undo(step: Step) -> bool:
    """Whether something is done to undo the step."""
    return step.undo.kind in (UndoKind.ACTIONS, UndoKind.CHILD)


def step_box(step: Step, usual: Pace | None, sheets: tuple[Sheet, ...] = (), *, inside: bool = False) -> Box:
    """The box of one step, forward or `finally`. ``inside`` a block its undo is told in the box, not in the lane."""
    badges = [word for word, given in (("pivot", step.pivot), ("optional", step.optional)) if given]
    if step.block is not None:
        conditions, more = block_words(step)
        lines = [Line(words, Tone.CONDITION) for words in conditions] or [Line(verb_words(step), Tone.VERB)]
        lines += [Line(fact, Tone.FACT) for fact in more]
        return Box(box_id(step), BoxKind.BLOCK, step.name, tuple(lines), step.name, tuple(badges), sheets=sheets)
    if step.verb in (Verb.END, Verb.FAIL):
        words = "fail" if inside and step.verb is Verb.FAIL else verb_words(step)
        lines = [Line(words if "." in step.name else f"{words} · {step.name}", Tone.VERB)]
        return Box(box_id(step), _KINDS[step.verb], step.outcome or step.name, tuple(lines), step.name, tuple(badges))
    lines = [Line(verb_words(step), Tone.VERB), *(Line(fact, Tone.FACT) for fact in facts(step, usual))]
    if step.optional:
        lines += [Line(f"fails if {one_line(check.condition.source)}", Tone.FACT) for check in step.fail_when]
    if inside and has_undo(step):
        lines += [Line(f"↩ {words}", Tone.UNDO) for words in undo_words(step.undo)]
    return Box(box_id(step), _KINDS[step.verb], step.name, tuple(lines), step.name, tuple(badges))


def choice_box(step: Step, source: str) -> Box:
    """The box of a step's `when`."""
    first, *rest = condition_lines(source)
    return Box(choice_id(step), BoxKind.CHOICE, first, tuple(Line(text, Tone.CONDITION) for text in rest))
