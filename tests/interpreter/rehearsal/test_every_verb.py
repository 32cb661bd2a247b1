"""Every verb: a saga that succeeds with it, one that fails in it and is undone, and both with the worker killed after
every write."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from saga.interpreter.rehearsal.answers import Reality
from saga.interpreter.rehearsal.playing import Cast, play_case
from saga.interpreter.rehearsal.reporting import result_of
from saga.interpreter.rehearsal.trials import crash_everywhere
from saga.schema.definition import Verb
from saga.schema.loader import load
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.reading import read

HEAD = """\
saga: v1
name: whole
version: 1
id: ${{ input.key }}
input:
  key: {type: string, default: k}
  boxes: {type: array, default: [a, b, c]}
  large: {type: boolean, default: true}
  bad: {type: boolean, default: false}
defaults: {retry: {attempts: 2, first_delay: 1s, jitter: none}}
signals: {go: {payload: {number: {type: integer}}}, stop: {}}
steps:
  before: {call: a.before, compensate: {call: a.undo_before}}
"""
AFTER = "  after: {call: a.after, compensate: {call: a.undo_after}}\n"
PART = """\
saga: v1
name: part
version: 1
input: {bad: {type: boolean, default: false}}
signals: {hurry: {}}
steps:
  begin: {call: a.begin, compensate: {call: a.undo_begin}}
  refuse: {when: input.bad, fail: refused}
"""
GO = "at: {5m: {signal: go, with: {number: 1}}}"
BAD = "input: {bad: true}"


@dataclass(frozen=True)
class Try:
    """``step``: the saga's middle; ``fine``, ``wrong``: cases without what is expected; ``undone``: in order."""

    step: str
    wrong: str
    undone: str = "[before]"
    outcome: str = "failed"
    fine: str = ""
    ends: str = "completed"


def action(verb: str) -> Try:
    """Of an action that answers nothing twice: nobody knows, so it is undone too."""
    step = f"  it: {{{verb}, compensate: {{call: a.undo_it}}}}\n"
    return Try(step, "actions: {it: unknown}", "[it, before]")


TRIES: dict[str, Try] = {
    "call": action("call: a.it"),
    "http": action('http: {post: "https://example.com/it"}'),
    "sql": Try("  it: {sql: DELETE FROM t, compensate: none}\n", "actions: {it: {rejected: no_table}}"),
    "task": action("task: a.it"),
    "wait": Try(
        "  it: {wait: {signal: go, timeout: 1h}, on_timeout: {fail: late}, compensate: {call: a.undo_it}}\n",
        f"{GO}, actions: {{after: {{rejected: x}}}}",
        "[it, before]",
        fine=GO,
    ),
    "wait, time out": Try(
        "  it: {wait: {signal: go, timeout: 1h}, on_timeout: {fail: late}}\n", "", outcome="late", fine=GO
    ),
    "wait for any": Try(
        "  it: {wait: {any: {came: {signal: go}, late: {after: 1h}}}, cases: {came: continue, late: {fail: late}}}\n",
        "",
        outcome="late",
        fine=GO,
    ),
    "wait for all": Try(
        "  it: {wait: {all: {one: {signal: go}, two: {signal: stop}}, timeout: 1h}, on_timeout: {fail: late}}\n",
        GO,
        outcome="late",
        fine="at: {5m: {signal: go, with: {number: 1}}, 6m: {signal: stop}}",
    ),
    "saga": Try(
        '  it: {saga: part, with: {bad: "${{ input.bad }}"}, compensate: child}\n', BAD, outcome="failed"
    ),
    "saga, undone by its own run": Try(
        "  it: {saga: part, compensate: child}\n", "actions: {after: {rejected: x}}", "[it, before]"
    ),
    "start": Try(
        '  it: {start: part, id: p-1, with: {bad: "${{ input.bad and input.boxes[9] }}"}}\n', BAD
    ),
    "signal": Try('  it: {signal: hurry, to: "part/${{ input.key }}", compensate: {call: a.undo_it}}\n',
                  "actions: {after: {rejected: x}}", "[it, before]"),
    "emit": Try(
        "  it: {emit: {topic: it.done}, with: {number: 1}, compensate: {call: a.undo_it}}\n",
        "actions: {after: {rejected: x}}",
        "[it, before]",
    ),
    "set": Try('  it: {set: {number: "${{ 1 if not input.bad else [][1] }}"}}\n', BAD),
    "parallel": Try(
        "  it:\n    parallel:\n"
        "      left: {steps: {l: {call: a.l, compensate: {call: a.undo_l}}}}\n"
        "      right: {steps: {r: {call: a.r, compensate: {call: a.undo_r}}}}\n",
        "actions: {r: {rejected: x, after: 5s}}",
        "[l, before]",
    ),
    "switch": Try(
        "  it:\n    switch:\n"
        "      big: {when: input.large, steps: {b: {call: a.b, compensate: {call: a.undo_b}}}}\n"
        "      else: continue\n",
        "actions: {b: unknown}",
        "[b, before]",
    ),
    "each": Try(
        "  it:\n    each: input.boxes\n    max: 5\n"
        "    steps: {put: {call: a.put, compensate: {call: a.take}}}\n",
        'actions: {"put[2]": {rejected: x}}',
        '["put[1]", "put[0]", before]',
    ),
    "repeat": Try(
        "  it:\n    repeat: {max: 3, until: steps.ask.output.yes_please}\n"
        "    steps: {ask: {call: a.ask, compensate: {call: a.unask}}}\n"
        "    on_max: {fail: no_answer}\n",
        "actions: {ask: {ok: {yes_please: false}}}",
        '["ask[2]", "ask[1]", "ask[0]", before]',
        "no_answer",
        'actions: {"ask[0]": {ok: {yes_please: false}}, "ask[1]": {ok: {yes_please: true}}}',
    ),
    "catch": Try(
        "  it:\n    steps:\n"
        "      one: {call: a.one, compensate: {call: a.undo_one}}\n"
        "      two: {call: a.two, compensate: {call: a.undo_two}}\n"
        "    catch:\n      sold_out: {undo: true, steps: {other: {call: a.other, compensate: {call: a.undo_other}}}}\n",
        "actions: {two: {rejected: sold_out}, other: unknown}",
        "[one, other, before]",
        fine="actions: {two: {rejected: sold_out}}",
    ),
    "optional": Try(
        "  it: {call: a.it, optional: true, compensate: {call: a.undo_it}}\n",
        "actions: {it: unknown, after: {rejected: x}}",
        "[it, before]",
        fine="actions: {it: {rejected: x}}",
    ),
    "group": Try(
        "  it:\n    timeout: 1m\n    on_timeout: {fail: too_slow}\n"
        "    steps: {slow: {call: a.slow, attempt_timeout: 1h, compensate: {call: a.undo_slow}}}\n",
        "actions: {slow: {ok: 1, after: 10m}}",
        "[slow, before]",
        "too_slow",
    ),
    "fail": Try("  it: {when: input.bad, fail: refused}\n", BAD, outcome="refused"),
    "end": Try("  it: {when: not input.large, end: early}\n", "actions: {after: {rejected: x}}",
               fine="input: {large: false}", ends="early"),
}  # fmt: skip


def test_no_verb_is_left_out() -> None:
    shown = {load(HEAD + each.step + AFTER, name).step("it").verb for name, each in TRIES.items()}  # type: ignore[union-attr]
    assert shown == set(Verb)


@pytest.mark.parametrize("name", TRIES)
def test_it_succeeds_it_is_undone_and_it_goes_on_after_every_kill(name: str) -> None:
    given = TRIES[name]
    main, part = load(HEAD + given.step + AFTER, "whole.yaml"), load(PART, "part.yaml")
    fine = f"{given.fine}, " if given.fine else ""
    wrong = f"{given.wrong}, " if given.wrong else ""
    undone = "[one]" if name == "catch" else "[]"
    text = (
        "test: v1\ncases:\n"
        f"  fine: {{{fine}expect: {{outcome: {given.ends}, undone: {undone}}}}}\n"
        f"  wrong: {{{wrong}expect: {{outcome: {given.outcome}, undone: {given.undone}, rollback: complete}}}}\n"
    )
    test, problems = read(text, "whole.test.yaml")
    assert problems == ()
    assert test is not None
    assert check_meaning(test.file, main, {"part": part}) == []
    cast = Cast(main, {"part": part}, Reality())
    for case in ("fine", "wrong"):
        base = play_case(test.file, case, cast)
        assert [failed.problem.message for failed in result_of(test, base, "", 0).failed] == []
        trials = list(crash_everywhere(test.file, base, cast))
        assert len(trials) == base.rehearsed.writes > 0
        assert [miss.message for trial in trials for miss in trial.played.misses] == []
