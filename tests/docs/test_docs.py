"""What the pages show is true: sagas are valid, commands print what is said, files, links and options exist."""

from __future__ import annotations

import asyncio
import configparser
import json
import re
import shlex
import subprocess
import sys
import tomllib
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import click
import pytest
import pytest_asyncio
import yaml
from docs_output import fits
from docs_pages import ROOT, Block, Page, other_pages, pages
from docs_sagas import saga_of
from docs_story import Story

from saga.cli.exits import Exit
from saga.cli.main import cli
from saga.interpreter.project import find_project
from saga.schema.expressions import compile_expression
from saga.schema.expressions.functions import FUNCTIONS

PAGES = pages()
BLOCKS = [block for page in PAGES for block in page.blocks]
LANGUAGES = {"yaml", "console", "python", "toml", "sql", "json", "sh", "ini", "expressions", "text"}
REFRESH = ".venv/bin/python tests/docs/refresh.py"


class Server(Protocol):
    """What is asked of ``postgres``."""

    async def create_database(self, name: str) -> str: ...

    async def drop_database(self, name: str) -> None: ...


def in_language(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def named(block: Block) -> str:
    return block.place


# -- blocks


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    assert [block.place for block in BLOCKS if block.language not in LANGUAGES] == []


PLAYED = [page for page in PAGES if any(block.language == "console" for block in page.blocks)]
AT_ONCE = 3
"""Pages that are played side by side: mostly they wait."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Future[None]]]:
    """What came of each page: all are begun at once, each in a folder and a database of its own."""
    names = {page.name: f"docs_{uuid.uuid4().hex[:16]}" for page in PLAYED}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {
            page.name: threads.submit(
                play, page, tmp_path_factory.mktemp("page"), await postgres.create_database(names[page.name])
            )
            for page in PLAYED
        }
    await asyncio.gather(*(postgres.drop_database(name) for name in names.values()))


def play(page: Page, folder: Path, url: str) -> None:
    for move in Story(page, folder, url).play():
        assert fits(move.said, move.printed), (
            f"{move.block.place}: $ {move.command}\n--- said\n{move.said}\n--- printed\n{move.printed}\n"
            f"--- if that is right: {REFRESH} {page.name}"
        )


@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.name)
def test_commands_print_what_the_page_says(page: Page, played: dict[str, Future[None]]) -> None:
    played[page.name].result()


def test_sagas_are_valid(tmp_path: Path) -> None:
    sagas = [block for block in in_language("yaml") if "foreign" not in block.words]
    places: dict[str, Block] = {}
    for number, block in enumerate(sagas):
        path = tmp_path / f"{number}.yaml"
        path.write_text(saga_of(block), "utf-8")
        places[str(path)] = block
    command = [sys.executable, "-m", "saga.cli", "validate", "--json", *places]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout)
    wrong = {path for path in places for problem in found if _is_error_of(problem, path)}
    assert [places[path].place for path in wrong if "wrong" not in places[path].words] == [], found
    assert [block.place for path, block in places.items() if "wrong" in block.words and path not in wrong] == []


def _is_error_of(problem: dict[str, object], path: str) -> bool:
    return problem["severity"] == "error" and problem["path"] == path


@pytest.mark.parametrize("block", [b for b in in_language("yaml") if "foreign" in b.words], ids=named)
def test_other_yaml_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.parametrize("block", in_language("python"), ids=named)
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in in_language("python"):
        if other.path == block.path and other.file is not None:
            (tmp_path / other.file).parent.mkdir(exist_ok=True)
            (tmp_path / other.file).write_text(other.text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / (block.file or "a_page.py")
    exec(compile(block.text, block.place, "exec"), {"__name__": "a_page", "__file__": str(file)})
    for name in [name for name, module in sys.modules.items() if _lies_in(module, tmp_path)]:
        del sys.modules[name]


def _lies_in(module: object, folder: Path) -> bool:
    return Path(str(getattr(module, "__file__", None))).is_relative_to(folder)


@pytest.mark.parametrize("block", in_language("toml"), ids=named)
def test_toml_is_a_project(block: Block, tmp_path: Path) -> None:
    table = tomllib.loads(block.text)
    for name in table.get("actions", []):
        (tmp_path / name).touch()
    (tmp_path / "saga.toml").write_text(block.text, "utf-8")
    assert find_project(tmp_path).name == table["name"]


@pytest.mark.parametrize("block", in_language("json"), ids=named)
def test_json_can_be_read(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", in_language("ini"), ids=named)
def test_units_start_commands_that_exist(block: Block) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(block.text)
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "saga"
    check_words(words, block.place)


def test_what_is_not_run_is_known_to_work() -> None:
    """Commands that install, export or call on a system service: their words are checked, they are not run."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for block in in_language("sh"):
        if block.file is not None:  # a script that the page runs
            continue
        for line in block.text.splitlines():
            match shlex.split(line, comments=True):
                case ["make", target]:
                    assert target in targets, block.place
                case ["pip", "install", what]:
                    name, _, chosen = what.partition("[")
                    assert name == "saga-dsl", block.place
                    assert set(filter(None, chosen.rstrip("]").split(","))) <= extras.keys(), block.place
                case ["saga", *words]:
                    check_words(words, block.place)
                case ["export", _] | ["systemctl", *_] | []:
                    pass
                case words:
                    raise AssertionError(f"{block.place}: {words} is neither run nor checked; make it ```console")


# -- expressions


def expressions() -> Iterator[tuple[str, str, str]]:
    for block in in_language("expressions"):
        for line in filter(None, block.text.splitlines()):
            source, _, result = line.rpartition("  # ")
            yield source.strip(), result.strip(), block.place


def test_expressions_give_what_is_said() -> None:
    page = Page(ROOT / "docs/reference/expressions.md")
    scope = json.loads(next(block.text for block in page.blocks if block.language == "json"))
    for source, result, place in expressions():
        assert compile_expression(source).evaluate(scope) == json.loads(result), f"{place}: {source}"


def test_every_function_has_an_example() -> None:
    shown = " ".join(source for source, _, _ in expressions())
    assert [name for name in FUNCTIONS if f"{name}(" not in shown] == []


# -- what is named exists


def check_words(words: list[str], place: str) -> None:
    """Whether ``saga WORDS`` names a command and options that there are."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"{place}: there is no command {name}"
        command = found
    known = {option for each in command.params for option in each.opts} | {"--help", "-h", "--version"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in known, f"{place}: {command.name} has no option {word}"


def commands_in(page: Page) -> Iterator[tuple[list[str], str]]:
    """Everything that begins with ``saga`` and a word: in single backticks, and where commands stand in blocks."""
    texts = [(code, page.name) for code in page.codes]
    for block in page.blocks:
        prefix = r"(?:\$ |- run: |entry: )" if block.language in ("console", "yaml") else ""
        texts += [
            (line, block.place) for line in re.findall(rf"^\s*{prefix}(saga [^#\n|&]*)", block.text, re.MULTILINE)
        ]
    for text, place in texts:
        if re.match(r"saga [a-z]", text) and "\\" not in text:
            lexer = shlex.shlex(text, posix=True, punctuation_chars="<>|&;")
            lexer.whitespace_split = True
            yield list(lexer)[1:], place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Page) -> None:
    for words, place in commands_in(page):
        check_words(words, place)


@pytest.mark.parametrize("page", [*PAGES, *other_pages()], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        if re.match(r"[a-z]+:", link):
            assert not page.name.startswith(("README", "docs")), f"{page.name}: {link} leads outside"
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), f"{page.name}: there is no {link}"
        if anchor:
            assert anchor in Page(target).anchors, f"{page.name}: {path} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Page) -> None:
    folders = r"(?:docs|sagas|tests|schema|interpreter|cli|benchmarks)"
    for code in page.codes:
        if re.fullmatch(rf"{folders}/[\w./-]*", code):
            assert (ROOT / code).exists(), f"{page.name}: there is no {code}"


def test_every_page_is_in_the_index() -> None:
    indices = (ROOT / "docs/README.md", ROOT / "docs/reference/language.md")
    index = {(page.parent / link).resolve() for page in indices for link in Page(page).links}
    missing = [page.name for page in PAGES if page.path.parent != ROOT and page.path not in index]
    assert missing == ["docs/README.md"]


# -- what is made from the program


def test_generated_parts_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs/generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}\nto write them anew: .venv/bin/python docs/generate.py"


def test_every_key_of_the_language_has_an_example() -> None:
    pages = [page for page in PAGES if page.name.startswith("docs/reference/language")]
    examples = "\n".join(block.text for page in pages for block in page.blocks if block.language == "yaml")
    keys = {key for page in pages for key in re.findall(r"^\| `([a-z_0-9]+)` \|", page.text, re.MULTILINE)}
    assert len(keys) > 80
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:", examples)] == []


def test_exit_codes_are_all_told() -> None:
    text = (ROOT / "docs/reference/exit-codes.md").read_text()
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {int(code) for code in Exit}
