"""What others do: `task` steps, actions and runs on other queues, answered as planned like everything else."""

from __future__ import annotations

import asyncio

import pytest
from rehearsing import lines, misses, playing, reading

from saga.interpreter.rehearsal.answers import Reality
from saga.interpreter.rehearsal.on_postgres import play_on, scratch_database
from saga.interpreter.rehearsal.playing import Cast, play_case
from saga.interpreter.rehearsal.trials import crash_everywhere, fail_each_step
from saga.schema.loader import load
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.reading import read

CUT = """\
saga: v1
name: cut
version: 1
id: ${{ input.key }}
queue: films
input: {key: {type: string, default: k}}
defaults: {attempt_timeout: 1m, retry: {attempts: 3, first_delay: 1s, jitter: none}}
steps:
  near:
    call: disk.reserve
    compensate: {call: disk.release}
  pack:
    task: parcel.pack
    with: {key: "${{ input.key }}"}
    compensate: {call: parcel.unpack, with: [input.key]}
  far:
    call: video.cut
    with: {parcel: "${{ steps.pack.output }}"}
    queue: gpu
    compensate: {call: video.drop}
  last:
    call: mail.send
    compensate: none
output: {film: "${{ steps.far.output }}", status: "${{ outcome }}"}
"""


def test_the_story_of_what_others_do() -> None:
    played = playing("actions: {pack: {ok: {box: 7}, after: 50s}, far: {ok: {film: reel}, after: 5s}}", CUT)
    assert played.misses == []
    assert lines(played) == [
        "+0s near ok",
        "+50s pack ok",
        "+55s far ok",
        "+55s last ok",
        "+55s run completed",
    ]
    assert played.rehearsed.main is not None
    assert played.rehearsed.main.lines[2].detail == 'parcel: {"box":7}; gives film: reel'


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("pack: [unknown, {unknown: connection}, ok]", "{attempts: {pack: 3}, outcome: completed, ended: 3s}"),
        ("far: [unknown, ok]", "{attempts: {far: 2}, outcome: completed, ended: 1s}"),
        ("pack: {rejected: broken}", "{attempts: {pack: 1}, error: broken, undone: [near]}"),
        ("far: unknown", "{attempts: {far: 3}, error: unknown, undone: [far, pack, near]}"),
        ("pack: [{later: 1h}, ok]", "{attempts: {pack: 2}, outcome: completed, ended: 1h}"),
        ("far: [{later: 1h}, ok]", "{attempts: {far: 2}, outcome: completed, ended: 1h}"),
        ("pack: [hangs, ok]", "{attempts: {pack: 2}, outcome: completed, ended: 1m1s}"),
        ("far: [hangs, ok]", "{attempts: {far: 2}, outcome: completed, ended: 1m1s}"),
        ("pack: [lost, ok]", "{attempts: {pack: 2}, outcome: completed, ended: 31s}"),
        ("far: [lost, ok]", "{attempts: {far: 2}, outcome: completed, ended: 16s}"),
        ("last: {rejected: no_mail}", "{calls: [..., undo far, undo pack: {key: k}, undo near]}"),
    ],
)
def test_others_answer_as_planned(answers: str, expected: str) -> None:
    assert misses(f"actions: {{{answers}}}, expect: {expected}", CUT) == []


def test_a_task_cannot_be_real() -> None:
    test, _ = read("test: v1\ncases: {one: {actions: {pack: [ok, real]}}}\n", "cut.test.yaml")
    assert test is not None
    (found,) = check_meaning(test.file, load(CUT, "cut.yaml"), {})
    assert (found.message, found.at[-1], found.hint) == (
        'the task "pack" is done by a worker that is no part of the project',
        1,
        "plan its answer",
    )
    played = playing("actions: {else: real, near: ok, undo near: ok, undo pack: ok}", CUT)
    assert "+0s pack unknown not_here" in lines(played)


@pytest.mark.parametrize("step", ["pack", "far"])
def test_who_is_at_work_for_a_run_that_is_cancelled_is_stopped(step: str) -> None:
    played = playing(
        f"actions: {{{step}: hangs}}, at: {{10s: cancel}}, expect: {{outcome: cancelled, ended: 10s}}", CUT
    )
    assert played.misses == []
    assert f"+10s {step} unknown stopped" in lines(played)


@pytest.mark.parametrize(
    "actions",
    ["{}", "{pack: [unknown, unknown, ok]}", "{far: [lost, ok]}", "{far: {rejected: broken}}", "{pack: unknown}"],
)
def test_what_others_do_goes_on_while_the_worker_of_the_run_dies(actions: str) -> None:
    test, cast = reading(f"  one: {{actions: {actions}}}\n", CUT), Cast(load(CUT, "cut.yaml"), {}, Reality())
    base = play_case(test.file, "one", cast)
    trials = list(crash_everywhere(test.file, base, cast))
    assert len(trials) == base.rehearsed.writes
    assert [miss.message for trial in trials for miss in trial.played.misses] == []


def test_each_step_of_others_fails_in_turn() -> None:
    test, cast = reading("  one: {}\n", CUT), Cast(load(CUT, "cut.yaml"), {}, Reality())
    trials = list(fail_each_step(test.file, play_case(test.file, "one", cast), cast))
    assert [trial.about for trial in trials] == [
        f"{step} {way}" for step in ("near", "pack", "far", "last") for way in ("rejected", "unknown")
    ]
    assert [miss.message for trial in trials for miss in trial.played.misses] == []


def test_others_go_the_same_way_on_postgres(database_url: str) -> None:
    cases = {
        "all is well": "actions: {pack: {ok: {box: 7}, after: 50s}, far: {ok: {film: reel}, after: 5s}}",
        "another try": "actions: {pack: [unknown, {later: 1h}, hangs, ok], far: [lost, ok]}",
        "refused": "actions: {far: {rejected: broken}}",
        "cancelled": "actions: {far: hangs}, at: {10s: cancel}",
    }
    test = reading("".join(f"  {name}: {{{case}}}\n" for name, case in cases.items()), CUT)
    cast = Cast(load(CUT, "cut.yaml"), {}, Reality())
    with asyncio.Runner() as runner:
        scratch = scratch_database(database_url)
        url = runner.run(scratch.__aenter__())
        try:
            played = [play_on(url, test.file, name, cast) for name in cases]
        finally:
            runner.run(scratch.__aexit__(None, None, None))
    assert [(each.name, [(miss.message, miss.diff) for miss in each.misses]) for each in played] == [
        (name, []) for name in cases
    ]
    assert [each.rehearsed.main.row.outcome for each in played if each.rehearsed.main] == [
        "completed",
        "completed",
        "failed",
        "cancelled",
    ]


FILM = """\
saga: v1
name: film
version: 1
steps:
  cut:
    saga: cut
    with: {key: r-1}
    compensate: child
  show:
    call: cinema.show
    compensate: none
"""


def test_a_child_of_a_queue_of_its_own_is_worked_on() -> None:
    text = "test: v1\ncases: {one: {actions: {show: {rejected: closed}, cut.pack: [lost, ok]}, expect: EXPECT}}\n"
    expected = "{outcome: failed, undone: [cut], runs: {cut/r-1: {outcome: completed, attempts: {pack: 2}}}}"
    test, problems = read(text.replace("EXPECT", expected), "film.test.yaml")
    assert test is not None, problems
    cut = load(CUT, "cut.yaml")
    cast = Cast(load(FILM, "film.yaml"), {"cut": cut}, Reality())
    played = play_case(test.file, "one", cast)
    assert [miss.message for miss in played.misses] == []
    assert played.rehearsed.runs["cut/r-1.undo"].undone() == ["far", "pack", "near"]
