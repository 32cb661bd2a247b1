"""Everything a person can get wrong before a run exists: a message, a hint, an exit code, and never a traceback."""

import json
import re

import pytest


def test_a_broken_file_is_listed_with_all_its_problems_and_nothing_is_started(saga):
    saga.edit("steps.yaml", "    compensate: none", "    compensat: none")
    saga.edit("steps.yaml", "retry: {attempts: 2,", "retry: {attempts: two,")
    done = saga("run", "steps.yaml", "-i", "id=r-1")
    assert (done.code, done.out) == (1, "")
    assert re.search(r"steps.yaml:\d+:5: error\[SAGA\d+\]: unknown key", done.err)
    assert 'did you mean "compensate"?' in done.err
    assert 'must be a whole number, not the text "two"' in done.err
    assert "error: the saga has 2 problems; nothing was started\nhint: `saga explain SAGA" in done.err
    as_json = saga("run", "steps.yaml", "-i", "id=r-1", "--json")
    assert as_json.json["error"]["code"] == "definition"
    assert "unknown key" in as_json.json["error"]["details"]
    assert saga("list", "--json").json["runs"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["run", "stepps.yaml"], 2, "Invalid value for 'FILE': File 'stepps.yaml' does not exist", "`saga run --help`"),
        (["run", "."], 2, "Invalid value for 'FILE': File '.' is a directory", "`saga run --help` shows how"),
        (["run"], 2, "Missing argument 'FILE'", "`saga run --help` shows how"),
        (["run", "steps.yaml"], 2, 'input lacks "id"', "such as: saga run steps.yaml -i id=id-1"),
        (["run", "lacking.yaml", "-i", "id=1"], 2, 'input has no field "id"; it has no fields', "this saga takes no"),
        (["run", "steps.yaml", "-i", "idd=1"], 2, '-i idd=1: there is no field "idd"', 'did you mean "id"?'),
        (["run", "steps.yaml", "-i", "id=a", "-i", "seconds=x"], 2, "seconds is a number, not 'x'", "write such as -i"),
        (
            ["run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=-1"],
            2,
            "input.amount must be more than 0, not the number -1",
            "such as: saga run shop.yaml -i order_id=o-1 -i amount=1",
        ),
        (["run", "steps.yaml", "-i", "id=a b"], 2, "the id of a run has no spaces, slashes or control characters", ""),
        (["run", "steps.yaml", "-i", "id=a", "--id", "x/y"], 2, "the id of a run has no spaces, slashes", ""),
        (["run", "steps.yaml", "--input", "[]"], 2, "input must be a map of fields, not a list", "such as: saga run"),
        (
            ["run", "steps.yaml", "-i", "id=a", "--actions", "no.py"],
            1,
            "/no.py: there is no such file; name",
            "",
        ),
        (["lst"], 2, 'there is no command "lst"', "did you mean `saga list`?"),
        (["frobnicate"], 2, 'there is no command "frobnicate"', "`saga --help` lists the commands"),
        (["list", "--jsn"], 2, "No such option", "`saga list --help` shows how"),
        (["worker", "nowhere"], 2, "Invalid value for '[PATH]': Path 'nowhere' does not exist", "`saga worker --help`"),
        (["show", "nothing"], 2, 'there is no run "nothing"', "`saga list` shows the runs there are"),
        (["signal", "nothing", "paid"], 2, 'there is no run "nothing"', "`saga list` shows the runs there are"),
    ],
)
def test_wrong_arguments(saga, arguments, code, message, hint):
    done = saga(*arguments)
    assert (done.code, done.out) == (code, "")
    said, _, hinted = done.err.rstrip("\n").partition("\nhint: ")
    assert said.startswith("error: ")
    assert message in said
    assert hinted.startswith(hint)
    as_json = saga(*arguments, "--json")
    assert as_json.code == code
    assert set(as_json.json["error"]) == {"code", "message", "hint"}


def test_an_oversized_input(saga):
    saga.write("big.json", json.dumps({"id": "a", "items": ["x" * 300_000]}))
    done = saga("run", "steps.yaml", "--input", "@big.json")
    assert done.code == 2
    assert done.err == "error: big.json is larger than 256 KiB of JSON; keep it elsewhere and pass its address or id\n"


def test_actions_that_cannot_be_imported(saga):
    saga.edit("actions.py", "import asyncio", "import asyncio\nimport no_such_package")
    done = saga("run", "steps.yaml", "-i", "id=r-1")
    assert done.code == 1
    assert f"error: {saga.folder}/actions.py:7: importing it failed: ModuleNotFoundError: " in done.err
    assert "install it where saga is installed" in done.err
    assert saga("worker", "--until-idle").code == 1


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ('name = "x"\nactons = []', 'unknown key "actons"', 'did you mean "actions"?'),
        ('name = "x"\n[http]\nalow = []', 'unknown key "alow" in [http]', 'did you mean "allow"?'),
        ("", "has no name", 'begin it with: name = "project"'),
        ('name = "a b"', "'a b' cannot be the name of a project", "use letters, digits"),
        ("name = ", "is no TOML: ", 'write such as: name = "shop"'),
        ('name = "x"\nactions = ["nowhere.py"]', 'there is no "nowhere.py", which actions names', "correct the path"),
        (
            'name = "x"\nactions = ["../a.py"]',
            '"../a.py" in actions lies outside the project',
            "move it into the folder",
        ),
        ('name = "x"\n[worker]\nconcurrency = 0', '"concurrency" cannot be 0', "write such as: concurrency = 400"),
        ('name = "x"\n[http]\nallow = ["?"]', "[http] allow: '?' is no address, network or host name", ""),
    ],
)
def test_a_wrong_saga_toml(saga, toml, message, hint):
    saga.write("saga.toml", toml)
    done = saga("run", "steps.yaml", "-i", "id=r-1")
    assert done.code == 1
    said, _, hinted = done.err.rstrip("\n").partition("\nhint: ")
    assert said.startswith(f"error: {saga.folder}/saga.toml")
    assert message in said
    assert hinted.startswith(hint)


def test_a_database_out_of_reach_is_named_without_its_password(saga):
    url = "postgresql://me:hunter2@127.0.0.1:1/shop"
    for command in (["list"], ["run", "steps.yaml", "-i", "id=a"], ["worker"], ["db", "upgrade"], ["show", "x"]):
        done = saga(*command, SAGA_DATABASE_URL=url)
        assert done.code == 6
        assert "error: the database at 127.0.0.1:1/shop is out of reach: " in done.err
        assert "hint: check SAGA_DATABASE_URL, and that the server is up" in done.err
        assert "hunter2" not in done.err
    assert saga("list", "--json", SAGA_DATABASE_URL=url).json["error"]["code"] == "database_unreachable"
    strange = saga("list", SAGA_DATABASE_URL="mysql://me:hunter2@host/db")
    assert strange.code == 6
    assert "hunter2" not in strange.err


async def test_a_database_without_tables_names_the_command_that_makes_them(saga, rows):
    await rows("drop schema saga cascade")
    done = saga("list")
    assert done.code == 6
    assert "has no schema `saga`, this program needs " in done.err
    assert "run `saga db upgrade`" in done.err
    upgraded = saga("db", "upgrade")
    assert (upgraded.code, upgraded.out[:20]) == (0, "upgraded to version ")
    assert saga("db", "upgrade").out == "up to date\n"
    assert saga("db", "upgrade", "--json").json == {"applied": []}
    assert saga("list").code == 0


def test_what_nobody_expected_is_one_line_and_a_traceback_only_when_asked_for(saga):
    saga.write(
        "sitecustomize.py",
        "import saga.cli.listing as l\n\n\ndef fail(*_):\n    raise RuntimeError('oh\\nno')\n\n\nl._list = fail\n",
    )
    done = saga("list", PYTHONPATH=str(saga.folder))
    assert done.code == 70
    assert done.err.startswith(
        "error: saga has met something it did not expect: RuntimeError: oh no\nhint: no run is harmed"
    )


def test_each_command_explains_itself(saga):
    commands = ["init", "run", "worker", "signal", "list", "show", "watch", "cancel", "retry", "skip", "resolve", "db"]
    listed = saga("--help").out
    for command in commands:
        assert f"\n  {command} " in listed
        done = saga(command, "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"Usage: saga {command} ")
    assert saga().out == listed
    assert saga("--version").out.startswith("saga 0.")
