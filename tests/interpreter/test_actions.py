"""Loading actions from files: every file here is a real one, every message the one a user reads."""

import asyncio
import sys
from textwrap import dedent

import pytest

from saga.interpreter.actions.registry import Actions, ActionsProblem, action


def write(folder, **files):
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text))
    return folder / "actions.py"


STOCK = """
    from saga.sdk import action

    @action("inventory.reserve")
    async def reserve(order_id, product_id=None):
        return {"order": order_id}

    @action
    def ping():
        return "pong"
"""


def test_functions_are_registered_by_name(tmp_path):
    actions = Actions.load([write(tmp_path, actions=STOCK)])
    assert actions.functions() == {"inventory.reserve", "ping"}
    reserve, ping = actions.get("inventory.reserve"), actions.get("ping")
    assert reserve is not None
    assert ping is not None
    assert reserve.is_async
    assert not ping.is_async
    assert asyncio.run(reserve.function(order_id="o-1")) == {"order": "o-1"}
    assert reserve.place == f"{tmp_path}/actions.py:4"
    assert actions.get("nothing") is None


def test_the_decorator_leaves_the_function_as_it_is():
    def plain(a):
        return a

    assert action("one")(plain) is plain
    assert action(plain) is plain
    assert Actions([plain]).functions() == {"one", "plain"}


def test_siblings_can_be_imported_and_two_folders_may_use_the_same_names(tmp_path):
    text = """
        from names import NAME
        import parts.deep
        from saga.sdk import action

        @action(NAME)
        def run():
            return NAME, parts.deep.DEPTH
    """
    files = []
    for name in ("one", "two"):
        files.append(write(tmp_path / name, actions=text, names=f"NAME = {name!r}"))
        write(tmp_path / name / "parts", deep=f"DEPTH = 'deep in {name}'")
    actions = Actions.load([*files, files[0]])
    assert actions.functions() == {"one", "two"}
    assert [actions.get(name).function() for name in ("one", "two")] == [("one", "deep in one"), ("two", "deep in two")]
    assert str(tmp_path / "one") not in sys.path


def test_actions_imported_by_name_count_however_often_the_files_are_loaded(tmp_path):
    write(tmp_path, warehouse_of_imports="from saga.sdk import action\n@action('warehouse.notify')\ndef notify(): pass")
    file = write(tmp_path, actions="from warehouse_of_imports import notify")
    assert Actions.load([file]).functions() == {"warehouse.notify"}
    assert Actions.load([file]).functions() == {"warehouse.notify"}


def test_a_later_function_of_the_same_python_name_hides_no_action(tmp_path):
    text = """
        from saga.sdk import action

        @action("a")
        def _(): return 1

        @action("b")
        def _(): return 2
    """
    assert Actions.load([write(tmp_path, actions=text)]).functions() == {"a", "b"}


def test_a_dataclass_of_an_actions_file_finds_its_module(tmp_path):
    text = """
        from __future__ import annotations
        from dataclasses import dataclass
        from saga.sdk import action

        @dataclass(slots=True)
        class Order:
            id: str

        @action
        def run(): return Order("x").id
    """
    assert Actions.load([write(tmp_path, actions=text)]).get("run").function() == "x"


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        (
            "import json\nimport strype\n",
            2,
            "importing it failed: ModuleNotFoundError: No module named 'strype'; install it ",
        ),
        ("def f(:\n  pass\n", 1, "SyntaxError: "),
        ("def f():\n  1 / 0\n\nf()\n", 2, "importing it failed: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", 2, "importing it failed: SystemExit: 3"),
        ("import json\njson.loads('{')\n", 2, "importing it failed: JSONDecodeError: Expecting property name"),
        ("raise AssertionError\n", 1, "importing it failed: AssertionError"),
        (
            "from saga.sdk import action\n@action('bad name')\ndef f(): pass\n",
            2,
            "importing it failed: ValueError: 'bad name' cannot be the name of an action; write",
        ),
        (
            "from saga.sdk import action\n@action\nclass F: pass\n",
            2,
            "importing it failed: TypeError: @action stands on a function, not on <class 'saga_actions",
        ),
        (
            "from saga.sdk import action\n@action\nasync def f(): yield 1\n",
            2,
            "importing it failed: TypeError: f: a function with `yield` cannot be an action; return the output",
        ),
        (
            "from saga.sdk import action\n\n@action\ndef f(a, /): pass\n",
            3,
            "f: arguments are passed by name, but `a` stands before a `/`; remove the `/`",
        ),
        (
            "from saga.sdk import action\n\n@action\ndef f(tx): pass\n",
            3,
            "f: `tx` is an asyncpg connection, of use to an async function only; write `async def`",
        ),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(tmp_path, text, line, cause):
    file = write(tmp_path, actions=text)
    before = set(sys.modules)
    with pytest.raises(ActionsProblem) as caught:
        Actions.load([file])
    assert str(caught.value).startswith(f"{file}:{line}: {cause}")
    assert (caught.value.path, caught.value.line) == (file, line)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert str(tmp_path) not in sys.path
    kept = {name for name in set(sys.modules) - before if name.startswith("saga_actions_")}
    assert kept == set() or "importing" not in cause


def test_the_place_of_a_mistake_in_a_sibling_is_the_sibling(tmp_path):
    file = write(tmp_path, actions="import broken_sibling", broken_sibling="\n\nNAME = MISSING\n")
    with pytest.raises(ActionsProblem, match=r"broken_sibling\.py:3: importing it failed: NameError: name 'MISSING'"):
        Actions.load([file])


def test_a_missing_file(tmp_path):
    with pytest.raises(ActionsProblem) as caught:
        Actions.load([tmp_path / "actions.py"])
    assert str(caught.value) == (
        f"{tmp_path}/actions.py: there is no such file; name the file that registers the actions"
    )


def test_two_functions_of_one_name_are_refused_with_both_places(tmp_path):
    one = write(tmp_path / "one", actions="from saga.sdk import action\n@action('stock.take')\ndef take(): pass")
    two = write(tmp_path / "two", actions="from saga.sdk import action\n\n@action('stock.take')\ndef take(): pass")
    with pytest.raises(ActionsProblem) as caught:
        Actions.load([one, two])
    assert str(caught.value) == f"{two}:3: stock.take is registered already, at {one}:2; rename one of the two"


def test_a_function_without_the_decorator_is_refused():
    def forgotten():
        pass

    with pytest.raises(ActionsProblem, match="is not registered; put @action above it"):
        Actions([forgotten])


def test_how_arguments_bind():
    @action("f")
    def f(order_id, amount=1, *, context, note=""):
        pass

    @action("g")
    async def g(order_id, tx, **others):
        pass

    actions = Actions([f, g])
    first, second = actions.get("f"), actions.get("g")
    assert first is not None
    assert second is not None
    assert first.misfit({"order_id": 1}) is None
    assert first.misfit({"order_id": 1, "amount": 2, "note": "", "context": 3}) is None
    assert second.misfit({"order_id": 1, "anything": 2}) is None
    line = f.__code__.co_firstlineno
    assert first.misfit({"user_id": 1, "amount": 2}) == (
        f"f ({__file__}:{line}) needs `order_id`, does not take `user_id`; change its parameters, or `with` in the saga"
    )
    assert second.misfit({"a": 1}) is not None
    assert (first.takes_context, first.takes_transaction) == (True, False)
    assert (second.takes_context, second.takes_transaction) == (False, True)
