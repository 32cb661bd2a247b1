"""``saga export`` and ``saga purge``."""

from __future__ import annotations

import json


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_ended_runs_are_copied_and_removed(saga):
    assert saga("run", "steps.yaml", "-i", "id=old-1").code == 0
    assert saga("run", "steps.yaml", "-i", "id=old-2", "-i", "fails=second").code == 1
    assert saga("run", "queued.yaml", "-i", "id=q-1").code == 0
    assert saga("run", "steps.yaml", "-i", "id=open", "--detach").code == 0

    assert saga("purge", "--older-than", "1h").err == "nothing is old enough\n"
    done = saga("purge", "--older-than", "0s", "--dry-run")
    assert done.out == "queued: 1 run would be removed\nsteps: 2 runs would be removed\n"

    assert saga("export", "old-1", "--to", "some.jsonl").err == "1 run written to some.jsonl\n"
    done = saga("export", "--older-than", "0s", "--saga", "steps", "--to", "some.jsonl", "--json")
    assert done.json == {"runs": 2, "file": "some.jsonl"}
    assert [record["run"] for record in lines(saga.folder / "some.jsonl")] == [
        "steps/old-1",
        "steps/old-2",
        "steps/old-1",
    ]

    assert saga("purge", "--older-than", "0s", "--saga", "queued").out == "queued: 1 run removed\n"
    saga.write("saga.toml", 'name = "clitest"\n[retention]\nkeep = "0s"\n')
    assert saga("purge", "--export", "gone.jsonl", "--json").json == {"removed": {"steps": 2}}
    records = {record["run"]: record for record in lines(saga.folder / "gone.jsonl")}
    assert set(records) == {"steps/old-1", "steps/old-2"}
    failed = records["steps/old-2"]
    assert (failed["status"], failed["error"]["code"], failed["input"]["fails"]) == ("compensated", "refused", "second")
    assert [row["seq"] for row in failed["journal"]] == list(range(1, len(failed["journal"]) + 1))
    assert (failed["messages"], failed["sent"]) == ([], [])
    assert records["steps/old-1"]["output"]["status"] == "completed"

    assert [run["run"] for run in saga("list", "--json").json["runs"]] == ["steps/open"]
    assert saga("show", "old-1").code == 2


def test_mistakes(saga):
    for command, said in (
        (("purge",), "error: say how old: --older-than 30d\nhint: or write keep"),
        (("purge", "--older-than", "30"), 'error: --older-than: "30" is not a duration; it does not say its unit'),
        (("export", "--to", "x"), "error: name a run, or say --older-than"),
        (("export", "a", "--older-than", "1d", "--to", "x"), "error: name a run, or say --older-than"),
        (("export", "nobody", "--to", "x"), 'error: there is no run "nobody"'),
        (("export", "--older-than", "1d", "--to", "/nowhere/x"), "error: /nowhere/x cannot be written: No such file"),
    ):
        done = saga(*command)
        assert done.code == 2
        assert done.err.startswith(said)
