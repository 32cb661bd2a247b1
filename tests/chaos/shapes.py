"""Sagas made from a seed: valid files, and for each run its input, its scripted actions and its signals.

This room must not know how runs are worked on, nor what is allowed to come out (`model` does).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

TRANSIENT = ("500", "commit500", "close", "commitclose", "later")
SILENT = ("hang", "commithang")
SIGNAL_FATES = ("early", "open", "late", "never")


@dataclass(frozen=True)
class Part:
    """One step. ``kind``: an action's (``call sync http tx sql``), ``wait``, or ``pause`` (a wait for a time)."""

    name: str
    kind: str
    undo: str | None = None
    """The kind of its undo, or None."""
    pivot: bool = False
    optional: bool = False
    timeout: float | None = None
    """Seconds; of a wait for a signal."""
    on_timeout: str = ""
    """``fail``, ``end`` or ``go on``."""
    condition: str = ""
    """Name of an input that says whether it is done at all."""

    @property
    def acts(self) -> bool:
        """Whether it is an action."""
        return self.kind not in ("wait", "pause")


@dataclass(frozen=True)
class Shape:
    """A saga file, and what it is made of."""

    name: str
    text: str
    parts: tuple[Part, ...]
    final: str | None
    hangs: bool

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)


@dataclass(frozen=True)
class Letter:
    """A signal to be sent: ``when`` is early, open, late or never; ``copies`` are sent at once under one key."""

    signal: str
    key: str
    when: str
    copies: int


@dataclass
class Case:
    """One run of a shape. ``plans``: how each action and undo (``s1``, ``u1``) behaves, call by call."""

    number: int
    shape: Shape
    plans: dict[str, str]
    flags: dict[str, bool]
    letters: list[Letter]
    cancel: bool
    given: dict[str, object] = field(default_factory=dict)


HANDLER = """
saga: v1
name: apology
version: 1
id: ${{ input.ref }}
input: {ref: {type: string}}
defaults: {attempt_timeout: 10s, retry: {attempts: 5, first_delay: 50ms}}
steps:
  say_sorry:
    call: ledger.do
    with: {plan: ok, ref: "${{ input.ref }}"}
    compensate: none
"""
"""What takes care of signals that come too late."""


def make_shape(seed: int) -> Shape:
    """The saga of a seed."""
    draw = random.Random(f"shape {seed}")
    count = draw.randint(2, 8)
    hangs = draw.random() < 0.25
    pivot = draw.randrange(count) if draw.random() < 0.5 else None
    parts = [_part(draw, index, pivot) for index in range(count)]
    final = draw.choice(("call", "http", None, None))
    name = f"shape{seed}"
    return Shape(name, _text(name, parts, final, hangs, draw), tuple(parts), final, hangs)


def _part(draw: random.Random, index: int, pivot: int | None) -> Part:
    name = f"s{index}"
    beyond = pivot is not None and index > pivot
    if pivot == index:
        return Part(name, draw.choice(("call", "http", "tx", "sql")), draw.choice(("call", None)), pivot=True)
    roll = draw.random()
    if roll < 0.22:
        timeout = draw.choice((0.4, 1.5, 60.0, None))
        on_timeout = "" if timeout is None else draw.choice(("end", "go on") if beyond else ("fail", "fail", "go on"))
        undo = draw.choice(("call", None)) if not beyond else None
        return Part(name, "wait", undo, timeout=timeout, on_timeout=on_timeout)
    if roll < 0.32:
        return Part(name, "pause", timeout=draw.choice((0.05, 0.3, 1.0, 6.0)))
    kind = draw.choice(("call", "call", "http", "http", "sync", "tx", "sql"))
    undo = None if beyond else draw.choice(("call", "http", "sync", "tx", "sql", "call", None))
    condition = f"do_{name}" if draw.random() < 0.1 else ""
    return Part(name, kind, undo, optional=draw.random() < 0.15, condition=condition)


def shape_of(name: str, parts: list[Part], final: str | None = None) -> Shape:
    """A saga made of chosen parts."""
    return Shape(name, _text(name, parts, final, False, random.Random(name)), tuple(parts), final, False)


# -- the file


def _text(name: str, parts: list[Part], final: str | None, hangs: bool, draw: random.Random) -> str:
    inputs = ["  ref: {type: string}"]
    for part in parts:
        inputs += [f"  plan_{part.name}: {{type: string}}"] if part.acts else []
        inputs += [f"  undo_{part.name}: {{type: string}}"] if part.undo else []
        inputs += [f"  {part.condition}: {{type: boolean}}"] if part.condition else []
    waits = [part for part in parts if part.kind == "wait"]
    signals = [
        f"  sig_{part.name}:\n    payload: {{ref: {{type: string}}, amount: {{type: integer}}}}\n"
        + ("" if draw.random() < 0.25 else _LATE)
        for part in waits
    ]
    jitter = draw.choice(("none", "full"))
    lines = [
        "saga: v1",
        f"name: {name}",
        "version: 1",
        "id: ${{ input.ref }}",
        "input:",
        *inputs,
        f"defaults: {{attempt_timeout: {'1s' if hangs else '10s'}, "
        f"retry: {{attempts: 3, first_delay: 30ms, jitter: {jitter}}}}}",
        "compensation: {retry: {first_delay: 30ms, max_delay: 500ms}, stuck_after: 1h}",
        *(["signals:", *signals] if signals else []),
        "steps:",
        *(line for part in parts for line in _step(part)),
        *(["finally:", "  last:", *_final(final)] if final else []),
        "output: {status: '${{ outcome }}', ref: '${{ input.ref }}'}",
    ]
    return "\n".join(lines) + "\n"


_LATE = """    too_late:
      start: apology
      id: ${{ payload.ref }}
      with: [payload.ref]
"""


def _step(part: Part) -> list[str]:
    lines = [f"  {part.name}:"]
    if part.condition:
        lines.append(f"    when: input.{part.condition}")
    if part.kind == "wait":
        timeout = "never" if part.timeout is None else _duration(part.timeout)
        lines.append(f"    wait: {{signal: sig_{part.name}, timeout: {timeout}}}")
        lines += {
            "": [],
            "fail": ["    on_timeout: {fail: too_slow}"],
            "end": ["    on_timeout: {end: gone_quiet}"],
            "go on": ["    on_timeout: continue"],
        }[part.on_timeout]
    elif part.kind == "pause":
        assert part.timeout is not None
        lines.append(f"    wait: {{for: {_duration(part.timeout)}}}")
    else:
        lines += [f"    {line}" for line in _action(part.kind, f"plan_{part.name}")]
    lines += _compensate(part)
    if part.pivot:
        lines.append("    pivot: true")
    if part.optional:
        lines.append("    optional: true")
    return lines


def _compensate(part: Part) -> list[str]:
    if part.kind == "pause":
        return []
    if part.undo is None:
        if part.pivot:
            return ["    compensate: impossible"]
        return [] if part.kind == "wait" else ["    compensate: none"]
    done_on = {"http": ["      done_on: [http_404, http_410]"], "sql": []}.get(part.undo, ["      done_on: [gone]"])
    return ["    compensate:", *(f"      {line}" for line in _action(part.undo, f"undo_{part.name}")), *done_on]


def _action(kind: str, plan: str) -> list[str]:
    ours = f'with: {{plan: "${{{{ input.{plan} }}}}", ref: "${{{{ input.ref }}}}"}}'
    if kind == "http":
        return ["http: {post: '${{ env.LEDGER }}/do'}", ours]
    if kind == "sql":
        # The plan is ``ok`` or ``reject``; the latter divides by zero after the row was written.
        return [
            "sql: INSERT INTO public.effects (key, zero) VALUES (:key, 1 / (length(:plan) - 6)) RETURNING key",
            f'with: {{key: "${{{{ step.key }}}}", plan: "${{{{ input.{plan} }}}}"}}',
        ]
    return [f"call: ledger.{'do' if kind == 'call' else kind}", ours]


def _final(kind: str) -> list[str]:
    verb = "http: {post: '${{ env.LEDGER }}/do'}" if kind == "http" else "call: ledger.do"
    return [f"    {verb}", "    with: {plan: ok, ref: '${{ input.ref }}'}"]


def _duration(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"


# -- runs


def make_case(seed: int, number: int, shape: Shape) -> Case:
    """Run ``number`` of a campaign, of this shape."""
    draw = random.Random(f"case {seed} {number}")
    calm = draw.random() < 0.35
    plans: dict[str, str] = {}
    beyond = False
    for part in shape.parts:
        if part.acts:
            plans[f"plan_{part.name}"] = _plan(draw, part, shape.hangs, beyond, calm)
        if part.undo:
            plans[f"undo_{part.name}"] = _undo_plan(draw, part.undo, shape.hangs)
        beyond |= part.pivot
    flags = {part.condition: draw.random() < 0.5 for part in shape.parts if part.condition}
    ref = f"c{seed}-{number}"
    letters = [letter for part in shape.parts if part.kind == "wait" for letter in _letters(draw, part, ref)]
    case = Case(number, shape, plans, flags, letters, draw.random() < 0.06)
    case.given = {"ref": ref, **plans, **flags}
    return case


def _plan(draw: random.Random, part: Part, hangs: bool, beyond: bool, calm: bool) -> str:
    if part.kind == "sql":
        return "ok" if calm or beyond or draw.random() < 0.85 else "reject"
    bumps = [] if calm else [word for word in (*TRANSIENT, *(SILENT if hangs else ())) if draw.random() < 0.12]
    draw.shuffle(bumps)
    if part.kind == "tx":
        bumps = [word for word in bumps if word not in SILENT]
    if beyond and draw.random() < 0.05:
        return " ".join([*bumps[:1], "reject:broken", "ok"])
    roll = draw.random()
    if part.pivot and part.undo is None and roll >= 0.75:
        return "reject:declined"  # an unknown end would be tried again for ever, or until a person says how it was
    if calm or roll < 0.75 or beyond:
        last = draw.choice(("ok", "ok", "slow"))
    elif roll < 0.9:
        last = "reject:declined"
    else:
        last = draw.choice(("500", "commit500", "close", "commitclose"))
    return " ".join([*bumps[:3], last])


def _undo_plan(draw: random.Random, kind: str, hangs: bool) -> str:
    if kind == "sql":
        return "ok"
    bumps = [word for word in (*TRANSIENT, *(SILENT if hangs else ())) if draw.random() < 0.1]
    if draw.random() < 0.03:
        return " ".join([*bumps[:1], "reject:broken", "ok"])
    return " ".join([*bumps[:3], draw.choice(("ok", "ok", "slow", "reject:gone"))])


def _letters(draw: random.Random, part: Part, ref: str) -> list[Letter]:
    never_comes = part.timeout is not None and part.timeout < 10 and draw.random() < 0.35
    when = "never" if never_comes else draw.choice(SIGNAL_FATES[:3])
    name = f"sig_{part.name}"
    letters = [Letter(name, f"{ref}-{part.name}-1", when, draw.choice((1, 1, 2, 3)))]
    if draw.random() < 0.3:
        letters.append(Letter(name, f"{ref}-{part.name}-2", draw.choice(("early", "open", "late")), 1))
    return letters
