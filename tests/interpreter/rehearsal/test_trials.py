"""Each step failing in turn, and the worker killed after each write: what must hold, and what is found."""

from __future__ import annotations

import pytest
from rehearsing import CAST, PAID, SHOP, reading

from saga.interpreter.rehearsal.answers import Reality
from saga.interpreter.rehearsal.coverage import cover
from saga.interpreter.rehearsal.files import Shelf
from saga.interpreter.rehearsal.playing import Cast, play_case
from saga.interpreter.rehearsal.scripts import find_tests
from saga.interpreter.rehearsal.trials import crash_everywhere, fail_each_step
from saga.schema.loader import load


def test_a_step_behind_the_pivot_that_fails_is_named() -> None:
    saga = SHOP.replace("    optional: true\n", "")
    test = reading(f"  one: {{{PAID}}}\n", saga)
    cast = Cast(load(saga, "shop.yaml"), {}, Reality())
    trials = list(fail_each_step(test.file, play_case(test.file, "one", cast), cast))
    assert [trial.about for trial in trials] == [
        f"{step} {way}" for step in ("reserve", "pack", "ship", "mail") for way in ("rejected", "unknown")
    ]
    found = [miss.message for trial in trials for miss in trial.played.misses]
    assert [message.partition(": ")[0] for message in found] == [
        "with ship unknown, it does not end",
        "with mail rejected, it does not end",
        "with mail unknown, it does not end",
    ]
    allowed = test.file.model_copy(update={"stuck_at": ["mail", "ship"]})
    trials = list(fail_each_step(allowed, play_case(allowed, "one", cast), cast))
    assert [trial.about for trial in trials if trial.played.misses] == []


@pytest.mark.parametrize(
    "case",
    [
        PAID,
        "about: never paid",
        f"{PAID}, actions: {{pack: [unknown, unknown, ok]}}",
        f"{PAID}, actions: {{pack: {{rejected: broken}}}}",
        f"{PAID}, actions: {{pack: unknown, undo reserve: [unknown, ok]}}",
        "at: {10m: cancel}",
    ],
)
def test_a_run_ends_the_same_wherever_its_worker_is_killed(case: str) -> None:
    test = reading(f"  one: {{{case}}}\n")
    base = play_case(test.file, "one", CAST)
    trials = list(crash_everywhere(test.file, base, CAST))
    assert len(trials) == base.rehearsed.writes >= 3
    assert [miss.message for trial in trials for miss in trial.played.misses] == []
    assert all(len(trial.played.rehearsed.crashes) == 1 for trial in trials[:-1])


def test_a_pivot_that_is_refused_after_a_crash_is_stuck_and_named() -> None:
    """semantics.md 10: nobody knows what the lost attempt did, so a refusal proves nothing any more."""
    test = reading(f"  one: {{{PAID}, actions: {{ship: {{rejected: lost}}}}}}\n")
    trials = list(crash_everywhere(test.file, play_case(test.file, "one", CAST), CAST))
    (found,) = (miss for trial in trials for miss in trial.played.misses)
    assert found.message.startswith("killed after write 3 (+5m pack ok): it ends stuck at ship, without that")
    assert found.code == "SAGA714"


def test_coverage_names_what_no_case_meets() -> None:
    test = reading(f"  one: {{{PAID}}}\n")
    told = play_case(test.file, "one", CAST).rehearsed.main
    assert told is not None
    found = cover(CAST.main, [told])
    assert [each.name for each in found.missed] == [
        "payment.on_timeout",
        "reserve undone",
        "payment: on_timeout",
        "pack undone",
    ]
    assert [each.line for each in found.missed] == [17, 10, 15, 18]


def test_files_are_found_below_a_folder_and_read_with_their_sagas(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    for folder in (tmp_path, tmp_path / "deep", tmp_path / ".hidden"):
        (folder / "shop.test.yaml").write_text("test: v1\nof: shop.yaml\ncases: {one: {}}\n")
    assert [str(path.relative_to(tmp_path)) for path in find_tests(tmp_path)] == [
        "deep/shop.test.yaml",
        "shop.test.yaml",
    ]
    lost = Shelf().load(str(tmp_path / "shop.test.yaml"))
    assert lost.ready is None
    assert [(problem.code, problem.line) for problem in lost.problems] == [("SAGA704", 2)]
    (tmp_path / "shop.yaml").write_text(SHOP.replace("stock.pack", "1"))
    broken = Shelf().load(str(tmp_path / "shop.test.yaml"))
    assert {problem.path for problem in broken.problems} == {str(tmp_path / "shop.yaml")}
    (tmp_path / "shop.yaml").write_text(SHOP)
    assert Shelf().load(str(tmp_path / "shop.test.yaml")).ready is not None
