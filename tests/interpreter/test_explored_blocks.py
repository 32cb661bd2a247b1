"""Every reachable state of a small saga for each kind of block keeps the promises (see `explorer`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from explorer import Explorer

from saga.schema.loader import load

HEADER = """
saga: v1
name: pattern
version: 1
id: ${{ input.key }}
defaults: {retry: {attempts: 1}}
input:
  key: {type: string}
  boxes: {type: array, default: []}
signals:
  go: {payload: {ok: {type: boolean, default: true}}}
  stop: {}
"""


@dataclass
class Pattern:
    """A saga, the words its ends may have, and what the explorer is told."""

    text: str
    completed: set[str]
    compensated: set[str]
    boxes: int = 0
    told: dict[str, Any] = field(default_factory=dict)


PATTERNS = {
    "steps side by side by needs": Pattern(
        """
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  left: {call: a.left, compensate: {call: a.undo_left}, needs: [first]}
  right: {call: a.right, compensate: {call: a.undo_right}, needs: [first]}
  last: {call: a.last, compensate: none, needs: [left, right]}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "undo along the graph": Pattern(
        """
compensation: {order: graph}
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  sides:
    parallel:
      left: {steps: {left: {call: a.left, compensate: {call: a.undo_left}}}}
      right: {steps: {right: {call: a.right, compensate: {call: a.undo_right}}}}
  last: {call: a.last, compensate: none}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "a block that is caught and undone": Pattern(
        """
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  sides:
    parallel:
      left: {steps: {left: {call: a.left, compensate: {call: a.undo_left}}}}
      right: {steps: {right: {call: a.right, compensate: {call: a.undo_right}}}}
    catch:
      refused: {undo: true, steps: {instead: {call: a.instead, compensate: {call: a.undo_instead}}}}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "a block that is caught and stays": Pattern(
        """
steps:
  sides:
    parallel:
      left: {steps: {left: {call: a.left, compensate: {call: a.undo_left}}}}
      right: {steps: {right: {call: a.right, compensate: {call: a.undo_right}}}}
    catch: {any: continue}
  last: {call: a.last, compensate: none}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "catches inside catches": Pattern(
        """
steps:
  outer:
    steps:
      inner:
        steps:
          one: {call: a.one, compensate: {call: a.undo_one}}
          two: {call: a.two, compensate: {call: a.undo_two}, catch: {known: continue}}
        catch:
          refused: {undo: true, fail: again}
      three: {call: a.three, compensate: {call: a.undo_three}}
    catch:
      again: {steps: {four: {call: a.four, compensate: none}}}
      http_500: {undo: true, end: sorry}
""",
        {"completed", "sorry"},
        {"failed", "cancelled"},
        told={"codes": {"two": ("refused", "known")}},
    ),
    "a group with a time limit": Pattern(
        """
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  hurry:
    steps:
      one: {call: a.one, compensate: {call: a.undo_one}}
      two: {wait: {signal: go, timeout: never}}
      three: {call: a.three, compensate: {call: a.undo_three}, optional: true}
    timeout: 1h
    on_timeout: {steps: {sorry: {call: a.sorry, compensate: none}}, fail: too_slow}
""",
        {"completed"},
        {"failed", "cancelled", "too_slow"},
    ),
    "an optional block": Pattern(
        """
steps:
  extra:
    optional: true
    steps:
      one: {call: a.one, compensate: {call: a.undo_one}}
      two: {call: a.two, compensate: {call: a.undo_two}}
  last: {call: a.last, pivot: true, compensate: {call: a.undo_last}}
  after:
    optional: true
    steps:
      three: {call: a.three}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "one branch of a switch": Pattern(
        """
steps:
  ask: {call: a.ask, compensate: none}
  decide:
    switch:
      big: {when: steps.ask.output == "big", steps: {large: {call: a.large, compensate: {call: a.undo_large}}}}
      none: {when: steps.ask.output == "none", end: nothing}
      wrong: {when: steps.ask.output == "wrong", fail: wrong_size}
      else: {steps: {small: {wait: {signal: go, timeout: 1h}, on_timeout: continue}}}
  last: {call: a.last, compensate: {call: a.undo_last}}
""",
        {"completed", "nothing"},
        {"failed", "cancelled", "wrong_size"},
        told={"outputs": {"ask": ("big", "none", "wrong", "small")}},
    ),
    "each item, one after the other": Pattern(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    as: box
    max: 3
    steps:
      put: {call: a.put, with: {box: "${{ box }}"}, compensate: {call: a.take_out}}
      weigh: {call: a.weigh, compensate: none}
  last: {call: a.last, compensate: none, with: {all: "${{ steps.pack.output }}"}}
""",
        {"completed"},
        {"failed", "cancelled"},
        boxes=2,
    ),
    "no item at all": Pattern(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 3
    steps: {put: {call: a.put, compensate: {call: a.take_out}}}
  last: {call: a.last, compensate: none, with: {all: "${{ steps.pack.output }}"}}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "too many items": Pattern(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 1
    steps: {put: {call: a.put, compensate: {call: a.take_out}}}
    catch: {too_many_items: {fail: overloaded}}
""",
        set(),
        {"overloaded"},
        boxes=2,
    ),
    "two items at once, caught each": Pattern(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 3
    at_once: 2
    steps:
      put: {call: a.put, compensate: {call: a.take_out}, catch: {refused: continue}}
    catch: {any: {undo: true, end: given_up}}
""",
        {"completed", "given_up"},
        {"cancelled"},
        boxes=2,
    ),
    "two items at once, undone along the graph": Pattern(
        """
compensation: {order: graph}
steps:
  pack:
    each: ${{ input.boxes }}
    max: 3
    at_once: 2
    steps:
      put: {call: a.put, compensate: {call: a.take_out}}
""",
        {"completed"},
        {"failed", "cancelled"},
        boxes=2,
    ),
    "rounds until somebody answers": Pattern(
        """
steps:
  ask:
    repeat: {max: 2, until: steps.answer.output is not None, delay: 1m}
    steps:
      remind: {call: a.remind, compensate: {call: a.forget}, optional: true}
      answer:
        wait: {signal: go, timeout: 1h}
        on_timeout: continue
        fail_when: {declined: output is not None and not output.ok}
    on_max: {fail: no_answer}
  last: {call: a.last, compensate: none}
""",
        {"completed"},
        {"failed", "cancelled", "no_answer", "declined"},
        told={"payloads": {"go": ({"ok": True}, {"ok": False})}},
    ),
    "a race of signals and clocks": Pattern(
        """
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  race:
    wait: {any: {paid: {signal: go, if: payload.ok}, stopped: {signal: stop}, late: {after: 1h}}}
    compensate: {call: a.undo_race}
    cases:
      paid: continue
      stopped: {fail: stopped_by_hand}
      late: {steps: {hurry: {call: a.hurry, compensate: none}}, end: late}
  last: {call: a.last, compensate: none}
""",
        {"completed", "late"},
        {"failed", "cancelled", "stopped_by_hand"},
        told={"payloads": {"go": ({"ok": True}, {"ok": False}), "stop": ({},)}},
    ),
    "all signals together": Pattern(
        """
steps:
  both:
    wait: {all: {one: {signal: go}, two: {signal: stop}}, timeout: 1h}
    on_timeout: {fail: timeout}
    compensate: {call: a.undo_both}
  last: {call: a.last, compensate: none}
""",
        {"completed"},
        {"failed", "cancelled", "timeout"},
    ),
    "children": Pattern(
        """
steps:
  first: {call: a.first, compensate: {call: a.undo_first}}
  young: {saga: other, with: {key: "${{ input.key }}"}, compensate: child}
  older: {saga: other, with: {key: "${{ input.key }}"}, compensate: {call: a.undo_older}, catch: {known: continue}}
  last: {saga: other, with: {key: "${{ input.key }}"}, compensate: impossible, pivot: true}
""",
        {"completed"},
        {"failed", "cancelled"},
        told={"codes": {"older": ("refused", "known")}},
    ),
    "children side by side": Pattern(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 3
    at_once: 2
    steps: {young: {saga: other, with: {key: "${{ item }}"}, compensate: child}}
    catch: {refused: {undo: true, end: sorry}}
""",
        {"completed", "sorry"},
        {"failed", "cancelled"},
        boxes=2,
    ),
    "tasks of others, once and more": Pattern(
        """
steps:
  pick: {task: warehouse.pick, compensate: {call: a.put_back}}
  pay: {call: a.pay, at_most_once: true, compensate: {call: a.pay_back}}
  far: {call: a.far, queue: readers, compensate: none}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "messages and values": Pattern(
        """
steps:
  total: {set: {sum: 3}, compensate: {call: a.forget}}
  hello: {emit: {topic: order.begun}, with: {sum: "${{ steps.total.output.sum }}"}, compensate: none}
  sides:
    parallel:
      one: {steps: {tell: {signal: hurry, to: "other/${{ input.key }}", compensate: {call: a.untell}}}}
      two: {steps: {begin: {start: other, with: {key: "${{ input.key }}"}, compensate: {call: a.unbegin}}}}
      three: {steps: {work: {call: a.work, compensate: {call: a.unwork}}}}
  broken: {set: {sum: "${{ steps.total.output.nothing }}"}, catch: {expression: continue}}
  last: {call: a.last, compensate: none}
finally:
  said: {set: "${{ outcome }}"}
  bye: {emit: {topic: order.ended}, with: {how: "${{ steps.said.output }}"}}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "stuck in two branches, behind the pivot": Pattern(
        """
steps:
  turn: {call: a.turn, compensate: impossible, pivot: true}
  sides:
    parallel:
      left: {steps: {left: {call: a.left}}}
      right: {steps: {right: {call: a.right}}}
""",
        {"completed"},
        {"failed", "cancelled"},
    ),
    "held in a block": Pattern(
        """
steps:
  pack:
    each: ${{ input.boxes }}
    max: 3
    at_once: 2
    steps:
      put: {call: a.put, compensate: {call: a.take_out}, on_failure: hold}
""",
        {"completed"},
        {"cancelled"},
        boxes=2,
    ),
    "paused between rounds": Pattern(
        """
steps:
  ask:
    repeat: {max: 2, until: "false", delay: 1m}
    steps:
      remind: {call: a.remind, compensate: {call: a.forget}}
      answer: {wait: {signal: go, timeout: 1h}, on_timeout: continue}
    on_max: continue
""",
        {"completed"},
        {"failed", "cancelled"},
        told={"pauses": True},
    ),
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_blocks_keep_the_promises(pattern: Pattern) -> None:
    boxes = [f"box {number}" for number in range(pattern.boxes)]
    told = {"signals": 1, "smooth": True} | pattern.told
    explorer = Explorer(load(HEADER + pattern.text, "pattern.yaml"), {"key": "k", "boxes": boxes}, **told)
    explorer.walk(limit=20_000)
    assert {outcome for status, outcome in explorer.endings if status == "completed"} == pattern.completed
    assert {outcome for status, outcome in explorer.endings if status == "compensated"} == pattern.compensated
