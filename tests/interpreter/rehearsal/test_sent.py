"""What runs send off: told in the story, expected by a test, and delivered to the other runs of the rehearsal."""

from __future__ import annotations

import pytest
from rehearsing import lines

from saga.interpreter.rehearsal.answers import Reality
from saga.interpreter.rehearsal.playing import Cast, Played, play_case
from saga.interpreter.rehearsal.reporting import story_lines
from saga.interpreter.rehearsal.trials import crash_everywhere
from saga.interpreter.rehearsal.updating import updated
from saga.schema.loader import load
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.reading import ReadTest, read

TELLER = """\
saga: v1
name: teller
version: 1
id: t-1
steps:
  begun:
    emit: {topic: shop.begun}
    with: {size: 1}
    compensate: none
  begin:
    start: hearer
    id: h-1
    with: {}
    compensate: none
  work:
    call: act.do
    compensate: {call: act.undo}
  tell:
    signal: go
    to: hearer/h-1
    with: {size: 5}
    compensate: none
"""
HEARER = """\
saga: v1
name: hearer
version: 1
id: h-1
signals: {go: {payload: {size: {type: integer}}}}
steps:
  hear: {wait: {signal: go, timeout: never}}
output: {heard: "${{ steps.hear.output.size }}"}
"""
CAST = Cast(load(TELLER, "teller.yaml"), {"hearer": load(HEARER, "hearer.yaml")}, Reality())


def reading(case: str) -> tuple[ReadTest, list[str]]:
    test, problems = read(f"test: v1\ncases:\n  one: {{{case}}}\n", "teller.test.yaml")
    assert test is not None, problems
    return test, [f"{each.message}; {each.hint}" for each in check_meaning(test.file, CAST.main, CAST.others)]


def playing(case: str) -> Played:
    test, problems = reading(case)
    assert problems == []
    return play_case(test.file, "one", CAST)


def test_what_is_sent_is_told() -> None:
    played = playing("actions: {work: {ok: {done: 1}, after: 9s}}, expect: {runs: {hearer/h-1: {output: {heard: 5}}}}")
    assert played.misses == []
    assert lines(played) == [
        "+0s begun emits shop.begun",
        "+0s begin starts hearer",
        "+9s work ok",
        "+9s tell signals go to hearer/h-1",
        "+9s run completed",
    ]
    assert "    +9s  go    signal     size: 5; taken by hear" in story_lines(played.rehearsed)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("[begun, begin, tell]", []),
        ("[begun: {emit: shop.begun, with: {size: 1}}, ..., tell: {to: hearer/h-1, with: {size: 5}}]", []),
        ("[begin: {start: hearer, id: h-1}, ...]", ["other things were sent than expected"]),
        ("[..., tell: {with: {size: 6}}]", ["with.size of tell is 5, expected 6"]),
        ("[]", ["other things were sent than expected"]),
    ],
)
def test_what_is_sent_is_expected(expected: str, said: list[str]) -> None:
    assert [miss.message for miss in playing(f"expect: {{sent: {expected}}}").misses] == said


def test_only_steps_that_send_can_be_expected_to() -> None:
    assert reading("expect: {sent: [work, tel]}")[1] == [
        'saga "teller" has no step "work" that sends anything; known here: begin, begun and tell',
        'saga "teller" has no step "tel" that sends anything; did you mean "tell"?',
    ]


def test_what_is_sent_is_sent_once_wherever_the_worker_is_killed() -> None:
    test, _ = reading("expect: {sent: [begun, begin, tell]}")
    for trial in crash_everywhere(test.file, base := play_case(test.file, "one", CAST), CAST):
        assert trial.played.misses == []
        for address, story in base.rehearsed.runs.items():
            assert [each.name for each in trial.played.rehearsed.runs[address].sent] == [
                each.name for each in story.sent
            ]


def test_update_writes_down_what_was_sent() -> None:
    test, _ = reading("about: nothing yet")
    text = updated(test, [play_case(test.file, "one", CAST)])
    assert "sent: [{begun: {emit: shop.begun, subject: teller/t-1, with: {size: 1}}}" in text
