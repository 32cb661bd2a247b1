"""Projects: which folder they are, which files belong to them, and what saga.toml may say."""

from pathlib import Path

import pytest

from saga.interpreter.keeping import Keep
from saga.interpreter.project import Project, ProjectProblem, find_project

SAGA = "saga: v1\nname: {name}\nversion: 1\n"


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_folder_with_a_saga_toml_above_a_file_is_its_project(tmp_path):
    toml = write(tmp_path / "saga.toml", 'name = "shop"')
    file = write(tmp_path / "orders" / "deep" / "order.yaml", SAGA.format(name="order"))
    project = find_project(file)
    assert project == Project(tmp_path.resolve(), "shop", toml.resolve())
    assert find_project(file.parent) == find_project(tmp_path) == project


def test_the_nearest_saga_toml_counts(tmp_path):
    write(tmp_path / "saga.toml", 'name = "outer"')
    write(tmp_path / "inner" / "saga.toml", 'name = "inner"')
    assert find_project(tmp_path / "inner").name == "inner"


def test_a_project_inside_a_project_is_none_of_its_business(tmp_path):
    write(tmp_path / "saga.toml", 'name = "outer"')
    mine = write(tmp_path / "orders" / "order.yaml", SAGA.format(name="order"))
    write(tmp_path / "inner" / "saga.toml", 'name = "inner"')
    write(tmp_path / "inner" / "other.yaml", SAGA.format(name="other"))
    assert find_project(tmp_path).saga_files() == [mine.resolve()]


def test_without_a_saga_toml_the_files_folder_is_the_project_named_by_its_path(tmp_path):
    file = write(tmp_path / "order.yaml", SAGA.format(name="order"))
    assert find_project(file) == Project(tmp_path.resolve(), str(tmp_path.resolve()))


RETENTION = '[retention]\nkeep = "30d"\n[retention.sagas]\ncheckout = "1h"\n'


def test_everything_that_a_saga_toml_may_say(tmp_path):
    write(tmp_path / "work.py")
    toml = 'name = "shop"\nactions = ["work.py"]\n[http]\nallow = ["10.0.0.0/8", "shipping.internal"]\n'
    write(tmp_path / "saga.toml", toml + "[worker]\nconcurrency = 12\n" + RETENTION)
    project = find_project(tmp_path)
    assert project.action_files() == [tmp_path.resolve() / "work.py"]
    assert project.allow == ("10.0.0.0/8", "shipping.internal")
    assert project.concurrency == 12
    assert project.keep == Keep(30 * 86_400_000_000, {"checkout": 3_600_000_000})


def test_actions_are_those_beside_the_sagas(tmp_path):
    write(tmp_path / "saga.toml", 'name = "shop"')
    write(tmp_path / "a" / "a.yaml", SAGA.format(name="a"))
    write(tmp_path / "a" / "actions.py")
    write(tmp_path / "b" / "b.yml", SAGA.format(name="b"))
    write(tmp_path / "b" / "actions.py")
    write(tmp_path / "docker" / "compose.yaml", "services: {}\n")
    write(tmp_path / "docker" / "actions.py")
    for hidden in (".venv", "node_modules", "lib/site-packages"):
        write(tmp_path / hidden / "c.yaml", SAGA.format(name="c"))
        write(tmp_path / hidden / "actions.py")
    project, folder = find_project(tmp_path), tmp_path.resolve()
    assert project.saga_files() == [folder / "a" / "a.yaml", folder / "b" / "b.yml"]
    assert project.action_files() == [folder / "a" / "actions.py", folder / "b" / "actions.py"]


def test_without_a_saga_toml_only_the_folder_itself_counts(tmp_path):
    write(tmp_path / "a.yaml", SAGA.format(name="a"))
    write(tmp_path / "below" / "b.yaml", SAGA.format(name="b"))
    assert find_project(tmp_path).saga_files() == [tmp_path.resolve() / "a.yaml"]


def test_sagas_are_found_by_name(tmp_path):
    write(tmp_path / "one.yaml", SAGA.format(name="refund"))
    write(tmp_path / "two.yaml", SAGA.format(name='"order"'))
    write(tmp_path / "three.yaml", SAGA.format(name="refunds"))
    project = find_project(tmp_path)
    assert project.sagas_named(["refund"]) == [tmp_path.resolve() / "one.yaml"]
    assert project.sagas_named(["order"]) == [tmp_path.resolve() / "two.yaml"]
    assert project.sagas_named([]) == []


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ("http = 3\nname = 'x'", '"http" must be a section', "write it as [http], on a line of its own"),
        ('name = "x"\nactions = "a.py"', "\"actions\" cannot be 'a.py'", 'write such as: actions = ["actions.py"]'),
        ('name = "x"\n[http]\nallow = [1]', '"allow" cannot be [1]', 'write such as: allow = ["127.0.0.1", '),
        ('name = "x"\n[worker]\nconcurrency = true', '"concurrency" cannot be True', "write such as: concurrency"),
        ('name = "x"\n[worker]\nthreads = 1', 'unknown key "threads" in [worker]', "it knows: concurrency"),
        (
            'name = "x"\n[retention]\nkeep = 30',
            '"keep" in [retention]: 30 does not say its unit',
            "write such as: keep",
        ),
        ('name = "x"\n[retention]\nsagas = 3', '"sagas" cannot be 3', "write such as: [retention.sagas]"),
        ("name = 3", "3 cannot be the name of a project", "use letters, digits, dots, - and _"),
    ],
)
def test_what_it_may_not_say(tmp_path, toml, message, hint):
    file = write(tmp_path / "saga.toml", toml)
    with pytest.raises(ProjectProblem) as caught:
        find_project(tmp_path)
    assert caught.value.message.startswith(str(file))
    assert message in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_text_that_is_no_utf8(tmp_path):
    (tmp_path / "saga.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ProjectProblem, match=r"saga\.toml is not UTF-8 text"):
        find_project(tmp_path)
