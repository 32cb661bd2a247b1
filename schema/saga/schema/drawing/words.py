"""A step in words: the short texts that stand in the boxes.

One subject: wording. It reads a `Definition`'s parts and answers plain text; it must not know boxes or formats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from saga.schema.definition import Action, Definition, Message, Step, Undo, UndoAction, UndoKind, Verb, Wait, WaitBranch
from saga.schema.durations import format_duration
from saga.schema.expressions import Template

CONDITION_WIDTH = 40
CONDITION_LINES = 3
LABEL_WIDTH = 48
TITLE_WIDTH = 48
VERB_WIDTH = 44
RACE_WIDTH = 56

_INSERT = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_BEFORE_OPERATOR = re.compile(r" (?=(?:and|or|if|else|in|is|not in|[-+*/%<>=!]+) )")
_SQL_HEAD = {"UPDATE": 2, "INSERT": 3, "DELETE": 3, "MERGE": 3, "CALL": 2, "SELECT": 1}
_SQL_FROM = re.compile(r"\bFROM\s+(\S+)", re.IGNORECASE)

Pace = tuple[int | None, int]
"""Tries (None: no limit) and the time limit of one try."""


def verb_words(step: Step) -> str:
    """What the step does, in one line: ``call payment.charge``, ``wait payment_received · 30m``."""
    if step.action is not None:
        return action_words(step.action)
    if step.wait is not None:
        return _wait_words(step.wait)
    if step.child is not None:
        return shorten(f"run {step.child.saga} · wait for its end", VERB_WIDTH)
    if step.message is not None:
        return shorten(_message_words(step.verb, step.message), VERB_WIDTH)
    if step.value is not None:
        value = step.value.value
        words = ", ".join(value) if isinstance(value, dict) else template_words(step.value)
        return shorten(f"set {words}", VERB_WIDTH)
    if step.block is not None:
        return _BLOCKS[step.verb]
    return "end" if step.verb is Verb.END else "fail · roll back"


def action_words(action: Action) -> str:
    """An action in one line."""
    if action.request is not None:
        return shorten(f"http {action.request.method} {_path(action.request.address)}", VERB_WIDTH)
    if action.statement is not None:
        return shorten(f"sql {_statement(action.statement.text)}", VERB_WIDTH)
    return shorten(f"{action.verb.value} {action.function}", VERB_WIDTH)


def undo_words(undo: Undo) -> tuple[str, ...]:
    """The actions of a compensation, one line each."""
    if undo.kind is UndoKind.CHILD:
        return ("undo the child run, by its own steps",)
    return tuple(_undo_action(action) for action in undo.actions)


def block_words(step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a block does, as conditions and as facts: its list or its `until`, its bounds and its time limit."""
    assert step.block is not None
    loop, facts_of_it = step.block.loop, []
    conditions: tuple[str, ...] = ()
    if loop is not None and loop.items is not None:
        conditions = condition_lines(f"for each {loop.variable} in {template_words(loop.items)}")
        at_once = f", {loop.at_once} at once" if loop.at_once > 1 else ", one after the other"
        facts_of_it.append(f"at most {_count(loop.max)}{at_once}")
    if loop is not None and loop.until is not None:
        conditions = condition_lines(f"repeat until {loop.until.source}")
        pause = f", {template_words(loop.delay)} between them" if loop.delay is not None else ""
        facts_of_it.append(f"at most {_count(loop.max)} rounds{pause}")
    if step.block.timeout is not None:
        facts_of_it.append(f"at most {template_words(step.block.timeout)}")
    return conditions, tuple(facts_of_it)


def limit_words(step: Step) -> str:
    """When the step's time is up: ``30m``; empty for no limit."""
    if step.block is not None:
        return template_words(step.block.timeout) if step.block.timeout is not None else ""
    return timeout_words(step.wait)


def rounds_words(step: Step) -> str:
    """When a repeat gives up: ``3 rounds``."""
    return f"{_count(step.block.loop.max)} rounds" if step.block is not None and step.block.loop is not None else ""


def timeout_words(wait: Wait | None) -> str:
    """How long a wait lasts at most: ``30m``; empty for no limit."""
    return template_words(wait.timeout) if wait is not None and wait.timeout is not None else ""


def template_words(template: Template) -> str:
    """A template as a person would say it: a constant's text, or the expression without its braces."""
    value = template.value
    if isinstance(value, int):
        return format_duration(value)
    text = one_line(str(value))
    whole = _INSERT.fullmatch(text)
    return whole.group(1) if whole else _INSERT.sub(r"{\1}", text)


def pace(step: Step) -> Pace | None:
    """How often and how long an action is tried; None for a step without one."""
    return (step.retry.attempts, step.action.attempt_timeout) if step.action is not None else None


def usual_pace(definition: Definition) -> Pace | None:
    """The pace most actions share. Only other paces are worth a line in a box."""
    paces = Counter(p for step in (*definition.steps, *definition.final_steps) if (p := pace(step)) is not None)
    return paces.most_common(1)[0][0] if paces else None


def pace_words(own: Pace) -> str:
    """``3 tries, 30s each``."""
    attempts, limit = own
    tries = "tries without limit" if attempts is None else "1 try" if attempts == 1 else f"{attempts} tries"
    return f"{tries}, {format_duration(limit)}{'' if attempts == 1 else ' each'}"


def facts(step: Step, usual: Pace | None) -> tuple[str, ...]:
    """Small print: what is unusual about the step."""
    found = []
    own = pace(step)
    if own is not None and own != usual:
        found.append(pace_words(own))
    if step.retry.excepted:
        found.append(f"no retry on {_listing(step.retry.excepted)}")
    if step.status is not None:
        found.append(f"status: {step.status}")
    if step.undo.kind is UndoKind.IMPOSSIBLE:
        found.append("cannot be undone")
    if step.at_most_once:
        found.append("tried at most once")
    if step.action is not None and step.action.heartbeat is not None:
        found.append(f"heartbeat every {format_duration(step.action.heartbeat)}")
    if step.action is not None and step.action.queue is not None:
        found.append(f"on the queue {step.action.queue}")
    if step.hold_on_failure:
        found.append("a failure holds the run")
    return tuple(shorten(fact, VERB_WIDTH) for fact in found)


def condition_lines(source: str) -> tuple[str, ...]:
    """An expression broken before its operators into a few short lines."""
    lines = [""]
    for part in _BEFORE_OPERATOR.split(one_line(source)):
        if lines[-1] and len(lines[-1]) + 1 + len(part) > CONDITION_WIDTH:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]} {part}".strip()
    if len(lines) > CONDITION_LINES:
        lines = [*lines[: CONDITION_LINES - 1], f"{lines[CONDITION_LINES - 1]} …"]
    return tuple(shorten(line, VERB_WIDTH) for line in lines)


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def one_line(text: str) -> str:
    """Every run of white space as one space; control characters, which no format may carry, as a question mark."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


_BLOCKS = {
    Verb.GROUP: "together",
    Verb.PARALLEL: "side by side, all of them",
    Verb.SWITCH: "one of them, the first that holds",
    Verb.EACH: "each",
    Verb.REPEAT: "repeat",
}


def _count(template: Template) -> str:
    return str(template.value) if isinstance(template.value, int) else template_words(template)


def _message_words(verb: Verb, message: Message) -> str:
    if verb is Verb.SIGNAL and message.target is not None:
        return f"signal {message.name} to {template_words(message.target)}"
    return f"{verb.value} {message.name}"


def _wait_words(wait: Wait) -> str:
    if wait.branches:
        words = f"wait {'all' if wait.every else 'any'}: {', '.join(_branch_words(each) for each in wait.branches)}"
        return shorten(f"{words} · {timeout_words(wait)}" if wait.timeout is not None else words, RACE_WIDTH)
    if wait.signal is not None:
        return shorten(f"wait {wait.signal} · {timeout_words(wait) or 'no time limit'}", VERB_WIDTH)
    if wait.duration is not None:
        return shorten(f"wait {template_words(wait.duration)}", VERB_WIDTH)
    return shorten(f"wait until {template_words(wait.until)}" if wait.until is not None else "wait", VERB_WIDTH)


def _branch_words(branch: WaitBranch) -> str:
    return f"after {template_words(branch.after)}" if branch.after is not None else branch.name


def _undo_action(undo: UndoAction) -> str:
    words = action_words(undo.action)
    return shorten(f"{undo.label}: {words}", VERB_WIDTH) if undo.label else words


def _path(address: Template) -> str:
    """What follows the host: the part of an address that tells requests apart."""
    text = one_line(str(address.value))
    path = re.sub(r"^(https?://[^/$]*)?(\$\{\{.*?\}\})?(?=/)", "", text)
    return _INSERT.sub(r"{\1}", path)


def _statement(text: str) -> str:
    words = one_line(text).split(" ")
    kind = words[0].upper()
    head = " ".join(words[: _SQL_HEAD.get(kind, 1)])
    source = _SQL_FROM.search(text) if kind == "SELECT" else None
    if source:
        return f"{head} … FROM {source.group(1)}"
    return f"{head} …" if len(words) > _SQL_HEAD.get(kind, 1) else head


def _listing(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))
