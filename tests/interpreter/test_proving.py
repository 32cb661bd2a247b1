"""Proofs about sagas: what is unknown is chosen once, no wrong way is missed, and few states are enough."""

from __future__ import annotations

import pytest
from explorer import Explorer
from test_explored import PATTERNS

from saga.interpreter.proving import Limits, Verdict, verify
from saga.interpreter.proving.differences import differences
from saga.interpreter.proving.domains import Asked, candidates
from saga.interpreter.proving.planning import plan
from saga.schema.definition import Definition
from saga.schema.loader import load

HEAD = "saga: v1\nname: pattern\nversion: 1\nid: ${{ input.key }}\n"
ACTION = "with: [input.key], compensate: {call: a.undo, with: [input.key]}"


def saga(steps: str, *, fields: str = "", more: str = "") -> Definition:
    return load(f"{HEAD}input:\n  key: {{type: string}}\n{fields}{more}steps:\n{steps}", "pattern.yaml")


def broken(verdict: Verdict) -> list[tuple[str, str | None]]:
    return [(each.promise, each.step) for each in verdict.broken]


def opened(verdict: Verdict) -> str:
    assert verdict.cut == ""
    return "\n".join(each.message for each in verdict.broken)


# -- what nobody knows


def test_conditions_over_one_value_agree() -> None:
    steps = """\
  ask: {call: a.ask, with: [input.key], compensate: none}
  small: {when: steps.ask.output.amount <= 100, call: a.small, with: [input.key], compensate: none}
  large: {when: steps.ask.output.amount > 100, call: a.large, with: [input.key], compensate: none}
  never: {when: steps.ask.output.amount > 100 and steps.ask.output.amount < 50, call: a.n, compensate: none}
"""
    invariants = "invariants: {one_of_them: not tried(small) or not tried(large)}\n"
    assert broken(verify(saga(steps, more=invariants))) == [("unreachable", "never")]


def test_a_comparison_of_two_values_is_chosen_once_with_its_opposite() -> None:
    steps = """\
  ask: {call: a.ask, with: [input.key], compensate: none}
  one: {when: steps.ask.output.amount > input.limit, call: a.one, with: [input.key], compensate: none}
  two: {when: not steps.ask.output.amount <= input.limit, call: a.two, with: [input.key], compensate: none}
"""
    more = "invariants: [outcome != 'completed' or tried(one) == tried(two)]\n"
    assert broken(verify(saga(steps, fields="  limit: {type: number}\n", more=more))) == []


def test_the_schema_of_the_input_says_what_cannot_come() -> None:
    steps = "  done: {when: input.kind == 'c', end: odd}\n  go: {call: a.go, with: [input.key], compensate: none}\n"
    verdict = verify(saga(steps, fields="  kind: {enum: [a, b]}\n"))
    assert broken(verdict) == [("unreachable", "done")]
    assert verdict.broken[0].hint == "its condition is never true: input.kind == 'c'"


def test_the_story_names_the_value_that_matters() -> None:
    steps = f"  take: {{call: a.take, {ACTION}}}\n  stop: {{when: input.amount > 7, fail: too_much}}\n"
    more = "invariants: {never: outcome != 'too_much'}\n"
    verdict = verify(saga(steps, fields="  amount: {type: integer}\n", more=more))
    assert verdict.broken[0].story == ("take answers ok (input.amount is 8)", "the undo of take answers ok")


@pytest.mark.parametrize(
    ("tests", "schema", "found"),
    [
        (Asked(truth=True), None, (True, False)),
        (Asked(literals=[5, 10]), {"type": "integer"}, (4, 5, 10, 11, 7)),
        (Asked(literals=[5]), {"type": "number", "minimum": 5}, (5, 6)),
        (Asked(literals=["a"]), {"type": "string"}, ("a", "another")),
        (Asked(literals=["a"], null=True), None, ("a", "another", None)),
        (Asked(null=True), {"type": "string"}, ("…",)),
        (Asked(literals=["a"]), {"enum": ["a", "b", "c"]}, ("a", "b", "c")),
        (Asked(), None, ("…",)),
    ],
)
def test_one_value_for_each_class(tests: Asked, schema: dict[str, object] | None, found: tuple[object, ...]) -> None:
    assert set(found) <= set(candidates(tests, schema))
    assert len(candidates(tests, schema)) <= len(found) + 1


# -- the search


SIDE_BY_SIDE = f"""{HEAD}input: {{key: {{type: string}}}}
signals: {{go: {{payload: {{ok: {{type: boolean}}}}}}}}
steps:
  both:
    parallel:
      one: {{steps: {{first: {{call: a.first, compensate: {{call: a.undo_first}}}}}}}}
      two:
        steps:
          decision:
            wait: {{signal: go, timeout: 1h}}
            on_timeout: {{fail: late}}
            fail_when: {{declined: not output.ok}}
            compensate: {{call: a.undo_decision}}
"""


@pytest.mark.parametrize("text", [PATTERNS["a step that holds"], SIDE_BY_SIDE], ids=["holds", "side by side"])
def test_fewer_states_find_the_same_ends(text: str) -> None:
    """The explorer of the machine's own tests leaves nothing out: retries, losses, signals at any time."""
    definition = load(text, "pattern.yaml")
    full = Explorer(definition, {"key": "k"}, None, {"go": [{"ok": True}, {"ok": False}]}, signals=1)
    full.walk()
    verdict = verify(definition, outcomes=True)
    ends = {(each.status.partition(",")[0], each.outcome) for each in verdict.outcomes if each.status != "stuck"}
    assert ends == full.endings
    assert verdict.states < len(full.nodes) / 5


PARALLEL = """\
  all:
    parallel:
      one: {steps: {s1: {call: a.s1, compensate: {call: a.u1}}, s2: {call: a.s2, compensate: {call: a.u2}}}}
      two:
        steps:
          s3: {call: a.s3, compensate: {call: a.u3}}
          w1:
            wait: {signal: a, timeout: 1h}
            on_timeout: {fail: late}
            fail_when: {refused: not output.ok}
            compensate: {call: a.v1}
      three:
        steps:
          s4: {call: a.s4, compensate: {call: a.u4}}
          w2: {wait: {signal: b, timeout: 2h}, on_timeout: continue, compensate: {call: a.v2}}
      four: {steps: {s5: {call: a.s5, compensate: {call: a.u5}}, s6: {call: a.s6, compensate: {call: a.u6}}}}
  last: {call: a.last, compensate: impossible, pivot: true}
"""
SIGNALS = "signals: {a: {payload: {ok: {type: boolean}}}, b: {payload: {ok: {type: boolean}}}}\n"


def test_eight_parallel_steps_with_waits_take_few_states() -> None:
    more = SIGNALS + "invariants: {kept: not done(s1) or done(last) or undone(s1)}\n"
    verdict = verify(saga(PARALLEL, more=more))
    assert broken(verdict) == []
    assert verdict.proved
    assert verdict.turns < 20_000, "some seconds at most"


def test_a_shorter_time_comes_first() -> None:
    steps = """\
  race:
    wait: {any: {paid: {signal: a}, late: {after: 10m}, later: {after: 20m}}}
    cases: {paid: continue, late: {fail: late}, later: {steps: {never: {call: a.n, compensate: none}}}}
"""
    assert broken(verify(saga(steps, more=SIGNALS.replace(", b: {payload: {ok: {type: boolean}}}", "")))) == [
        ("unreachable", "never")
    ]


def test_a_doubled_signal_answers_the_next_wait_too() -> None:
    """What comes early and twice is found before the second wait is thought of."""
    steps = """\
  first: {wait: {signal: a, timeout: 1h}, on_timeout: {fail: late}}
  check: {call: a.check, with: [input.key], compensate: none}
  second: {wait: {signal: a, timeout: 1h}, on_timeout: {fail: late}}
"""
    more = SIGNALS.replace(", b: {payload: {ok: {type: boolean}}}", "")
    more += "invariants: {never: not done(second)}\n"
    verdict = verify(saga(steps, more=more))
    story = verdict.broken[0].story
    assert story in (
        ("signal a comes", "check answers ok", "signal a comes"),
        ("signal a comes", "signal a comes", "check answers ok"),
    )


def test_lists_have_no_item_one_two_or_too_many() -> None:
    steps = f"""\
  all:
    each: ${{{{ input.items }}}}
    as: box
    max: 5
    steps:
      pack: {{call: a.pack, {ACTION}}}
    catch: {{too_many_items: {{fail: too_many}}}}
"""
    fields = "  items: {type: array}\n"
    verdict = verify(saga(steps, fields=fields, more="invariants: [done(pack), outcome != 'too_many']\n"))
    stories = [each.story for each in verdict.broken]
    assert ("the run starts (input.items has 0 items)",) in stories
    assert ("the run starts (input.items has 6 items)",) in stories


def test_rounds_are_bounded_and_the_bound_is_reached() -> None:
    steps = """\
  poll:
    repeat: {max: 50, until: steps.look.output.ready, delay: 1m}
    steps: {look: {call: a.look, with: [input.key], compensate: none}}
    on_max: {steps: {give_up: {call: a.give_up, with: [input.key], compensate: none}}, fail: never_ready}
"""
    verdict = verify(saga(steps), outcomes=True)
    assert broken(verdict) == []
    assert any(each.outcome == "never_ready" for each in verdict.outcomes)


def test_children_end_well_undone_or_half() -> None:
    steps = """\
  pay: {saga: other, with: [input.key], compensate: child}
  ship: {call: a.ship, with: [input.key], compensate: {call: a.recall, with: [input.key]}}
"""
    more = "invariants: {kept: not done(pay) or outcome == 'completed' or undone(pay)}\n"
    verdict = verify(saga(steps, more=more), outcomes=True)
    assert broken(verdict) == []
    rows = {cause: each for each in verdict.outcomes for _, cause in each.causes}
    assert rows["ship is rejected"].undone == ("pay",)
    assert rows["the child pay (other) is compensated"].undone == ()


def test_a_cancel_waits_for_a_pivot_of_which_nobody_knows() -> None:
    """Found by `verify`: a run stuck at such a pivot was rolled back, and what the pivot may have done was left."""
    steps = "  pay: {call: a.pay, with: [input.key], compensate: impossible, pivot: true}\n"
    assert broken(verify(saga(steps))) == []


def test_a_limit_is_said_and_nothing_else_is_guessed() -> None:
    verdict = verify(saga(PARALLEL, more=SIGNALS), limits=Limits(states=50))
    assert verdict.cut == "50 states were looked at, and there are more"
    assert broken(verdict) == []
    assert not verdict.proved


def test_a_wait_without_a_limit_is_named() -> None:
    steps = "  wait_for_it: {wait: {signal: a, timeout: never}}\n"
    verdict = verify(saga(steps, more=SIGNALS.replace(", b: {payload: {ok: {type: boolean}}}", "")))
    assert verdict.proved
    assert [note.message for note in verdict.notes] == ["wait_for_it waits for a without a limit: timeout is never"]


# -- plans


def test_the_longest_time_is_the_sum_of_what_the_file_allows() -> None:
    steps = """\
  one:
    call: a.one
    attempt_timeout: 10s
    retry: {attempts: 3, first_delay: 1s, factor: 2, jitter: none}
    compensate: {call: a.undo}
  all:
    parallel:
      a: {steps: {two: {call: a.two, attempt_timeout: 5s, retry: {attempts: 1}, compensate: none}}}
      b: {steps: {three: {wait: {for: 1h}}}}
"""
    found = plan(saga(steps))
    assert found.forward == (10 * 3 + 1 + 2 + 3600) * 1_000_000
    assert found.backward == (3600 + 10) * 1_000_000
    assert found.endless == ()


def test_the_undo_of_a_loop_takes_as_often_as_the_loop_goes_round() -> None:
    one = "{one: {call: a.one, compensate: {call: a.undo}}}"
    loop = "  all: {each: input.key, max: MAX, at_once: 3, steps: " + one + "}\n"
    assert plan(saga(loop.replace("MAX", "20"))).backward == 20 * (3600 + 60) * 1_000_000
    assert plan(saga(loop.replace("MAX", "'${{ len(input.key) }}'"))).backward is None


def test_the_times_of_children_count_where_their_sagas_are_known() -> None:
    one = "  one: {call: a.one, retry: {attempts: 1}, compensate: {call: a.undo}}\n"
    child = load(saga(one).text.replace("name: pattern", "name: child"), "child.yaml")
    parent = saga("  part: {saga: child, compensate: child}\n")
    assert plan(parent).endless == ("part",)
    found = plan(parent, {"child": child})
    undo = (3600 + 60) * 1_000_000
    assert (found.forward, found.backward, found.endless) == (60_000_000 + undo, undo, ())
    assert plan(parent, {"child": parent}).forward is None


def test_what_states_no_limit_is_named() -> None:
    found = plan(saga("  wait_for_it: {wait: {signal: a, timeout: never}}\n  go: {call: a.go, compensate: none}\n"
                      "  b: {wait: {signal: b, timeout: 1h}, on_timeout: continue}\n", more=SIGNALS))  # fmt: skip
    assert (found.forward, found.endless) == (None, ("wait_for_it",))


def test_differences_that_a_run_can_feel() -> None:
    old = saga("  one: {call: a.one, compensate: none}\n  two: {call: a.two, compensate: none}\n")
    new = saga(
        "  one: {call: a.one, compensate: {call: a.undo}}\n  three: {call: a.three, compensate: none}\n",
        more="deadline: 1h\n",
    )
    assert list(differences(old, new)) == ["- two is gone", "~ one: undo", "+ three is new (call)", "~ deadline"]
    assert list(differences(old, old)) == []
