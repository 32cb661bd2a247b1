"""``saga migrate``: what it says, what it changes, and that old rows keep the names that steps had."""

import re

import pytest

GREET = ("  reserve:\n", "  greet: {call: work.do, with: {name: greet}, compensate: none}\n  reserve:\n")
BESIDE = "{call: work.do, with: {name: beside}, needs: [reserve], compensate: none}"
THANK = ("  finish:\n", "  thank: {call: work.do, with: {name: thank}}\n  finish:\n")


@pytest.fixture
def waiting(saga):
    """Two runs that wait for their payment, with nobody working on them."""
    for name in ("o-1", "o-2"):
        saga("run", "shop.yaml", "-i", f"order_id={name}", "-i", "amount=12.5", "--detach")
    saga.work()
    return saga


def deploy(saga, version, *edits):
    """Makes a changed file known."""
    for old, new in (("version: " + str(version - 1), f"version: {version}"), *edits):
        saga.edit("shop.yaml", old, new)
    saga.work()


def test_a_run_is_looked_at_migrated_and_finished(waiting):
    deploy(waiting, 2, GREET, THANK)
    said = "  + greet is passed over: the run is behind it\n  + thank is new\n"
    look = waiting("migrate", "o-1", "--to", "2", "--dry-run")
    assert (look.code, look.out) == (0, f"shop/o-1: could go on under version 2 instead of 1\n{said}")
    assert waiting("show", "o-1", "--json").json["version"] == "1"
    done = waiting("migrate", "o-1", "--to", "2", "--reason", "be polite")
    assert (done.code, done.out, done.err) == (0, f"shop/o-1: goes on under version 2 instead of 1\n{said}", "")
    assert waiting("migrate", "o-1", "--to", "2").out == "shop/o-1: has version 2 already\n"
    waiting("signal", "o-1", "paid", "-p", "amount=1", "-p", "method=card")
    waiting("signal", "o-2", "paid", "-p", "amount=1", "-p", "method=card")
    waiting("signal", "o-1", "delivered", "-p", "tracking=T")
    waiting("signal", "o-2", "delivered", "-p", "tracking=T")
    waiting.work()
    effects = [(line.split()[1], "o-1" in line) for line in waiting.effects()]
    assert [name for name, _ in effects].count("thank") == 1
    assert [name for name, _ in effects].count("greet") == 0
    assert [run["version"] for run in waiting("list", "--all", "--json").json["runs"]] == ["1", "2"]
    events = waiting("show", "o-1", "--events", "--json").json["events"]
    assert [(event["event"], event.get("step")) for event in events[:2]] == [("ok", "reserve"), ("migrate", None)]
    lines = waiting("show", "o-1", "--events").out.splitlines()
    assert re.fullmatch(r" +1  \S+  reserve +ok +.*", lines[0])
    assert re.fullmatch(r" +2  \S+  run +migrate +from version 1 to 2, by \S+: be polite", lines[1])
    refused = waiting("migrate", "o-1", "--to", "1")
    assert (refused.code, refused.err) == (7, "error: shop/o-1 has ended: completed, delivered\n")


def test_all_runs_of_a_saga_and_one_that_cannot(waiting):
    deploy(waiting, 2, GREET)
    assert waiting("migrate", "o-1", "--to", "2").code == 0
    deploy(waiting, 3, ("  greet:", "  hello:"))
    waiting("signal", "o-2", "delivered", "-p", "tracking=T")
    look = waiting("migrate", "shop", "--all", "--to", "latest", "--dry-run")
    assert look.code == 1
    assert (
        look.out
        == """\
shop/o-2: cannot go on under version 3
  ! it has messages that no worker has read yet
  + hello is passed over: the run is behind it
shop/o-1: could go on under version 3 instead of 2
  + hello is passed over: the run is behind it
  - greet is gone
"""
    )
    assert look.err == "1 run could go over to version 3, 1 cannot\n"
    waiting.work()
    done = waiting("migrate", "shop", "--all", "--to", "latest", "--json")
    assert (done.code, done.json["refused"]) == (0, 0)
    assert [(run["run"], run["from"], run["to"], run["migrated"]) for run in done.json["runs"]] == [
        ("shop/o-2", "1", "3", True),
        ("shop/o-1", "2", "3", True),
    ]
    again = waiting("migrate", "shop", "--all", "--to", "latest")
    assert (again.code, again.err) == (0, 'no open run of "shop" has another version than 3\n')


def test_all_runs_of_all_sagas(waiting):
    shop = (waiting.folder / "shop.yaml").read_text()
    (waiting.folder / "other.yaml").write_text(shop.replace("name: shop", "name: other"))
    waiting("run", "other.yaml", "-i", "order_id=x-1", "-i", "amount=1", "--detach")
    waiting.work()
    deploy(waiting, 2, GREET)
    look = waiting("migrate", "--all", "--to", "latest", "--dry-run")
    assert (look.code, look.err) == (0, "2 runs could go over to the latest version\n")
    assert "other/x-1" not in look.out
    done = waiting("migrate", "--all", "--to", "2")
    assert (done.code, done.err) == (0, "2 runs went over to version 2\n")
    again = waiting("migrate", "--all", "--to", "latest")
    assert (again.code, again.err) == (0, "no open run has another version than the latest\n")
    nowhere = waiting("migrate", "--all", "--to", "9")
    assert (nowhere.code, nowhere.err.splitlines()[0]) == (2, "error: no saga has a version 9")
    which = waiting("migrate", "--to", "latest")
    assert (which.code, which.err.splitlines()[0]) == (2, "error: which run?")


def test_a_run_that_cannot_is_told_why_and_stays(waiting):
    deploy(waiting, 2, ("  reserve:\n", "  book:\n"), ("signal: paid,", "signal: delivered,"))
    refused = waiting("migrate", "o-1", "--to", "2")
    assert refused.code == 7
    assert (
        refused.out
        == """\
shop/o-1: cannot go on under version 2
  ! "reserve" has started, and version 2 has no such step
  ! "await_payment" waits for paid, and does not in version 2
  + book is passed over: the run is behind it
  ~ await_payment has changed
  - reserve is gone
"""
    )
    assert waiting("migrate", "o-1", "--to", "2", "--json").json["obstacles"] == [
        '"reserve" has started, and version 2 has no such step',
        '"await_payment" waits for paid, and does not in version 2',
    ]
    assert waiting("show", "o-1", "--json").json["version"] == "1"


def test_names_that_are_not_there(waiting):
    for arguments, said in (
        (
            ("o-1", "--to", "3"),
            'saga "shop" has no version 3\n'
            "hint: its latest is 1; a worker registers the files of its project when it begins",
        ),
        (("shp", "--all", "--to", "3"), 'there is no saga "shp"\nhint: did you mean "shop"?'),
        (
            ("shop", "--to", "3"),
            'there is no run "shop"; it is a saga\nhint: for all its open runs: `saga migrate shop --all --to 3`',
        ),
    ):
        done = waiting("migrate", *arguments)
        assert (done.code, done.err) == (2, f"error: {said}\n"), arguments


def test_what_opens_at_once_needs_a_worker_and_followers_are_told_both_names(waiting):
    watching = waiting.begin("watch", "o-1")
    waiting.until(watching, "await_payment")
    beside = ("  await_payment:\n", f"  beside: {BESIDE}\n  await_payment:\n    needs: [reserve]\n")
    alone = ("  charge:\n", "  charge:\n    needs: [await_payment, beside]\n")  # it is the pivot
    deploy(waiting, 2, GREET, beside, alone)
    done = waiting("migrate", "o-1", "--to", "2")
    assert done.err == "nobody is working on this run; to work on it:  saga worker\n"
    waiting.work()
    told = waiting.until(watching, "beside")
    assert "from version 1 to 2" in told
    assert "greet" not in told
    watching.terminate()
