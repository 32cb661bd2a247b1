"""The plugin in a pytest of its own: the fixture, test files as tests, and what is printed of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

SAGAS = Path(__file__).parents[2] / "sagas"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("checkout.yaml", "refund.yaml", "refund.test.yaml"):
        shutil.copy(SAGAS / name, tmp_path)
    return tmp_path


def run_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    """``-p`` takes the plugin from its entry point; others that are installed here would only cost time."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", _plugin(), *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=180)
    return done.returncode, done.stdout + done.stderr


def _plugin() -> str:
    """Its name where it is installed, else its module."""
    found = [each.name for each in entry_points(group="pytest11") if each.value == "saga.testing.plugin"]
    return next(iter(found), "saga.testing.plugin")


def test_the_fixture_and_the_files_are_found(folder: Path) -> None:
    (folder / "test_it.py").write_text(
        "def test_it(saga_env):\n"
        "    run = saga_env.start('checkout.yaml', order_id='o', user_id='u', product_id='p', amount=1)\n"
        "    assert run.finish().outcome == 'timeout'\n"
    )
    (folder / "other.test.yaml").write_text("tests:\n  - name: not ours\n")  # is left alone
    code, printed = run_pytest(folder, "-v")
    assert code == 0, printed
    assert "refund.test.yaml::the bank is down for a day PASSED" in printed
    assert "test_it.py::test_it PASSED" in printed
    assert "5 passed" in printed


def test_a_case_that_fails_is_shown_without_a_traceback(folder: Path) -> None:
    path = folder / "refund.test.yaml"
    path.write_text(path.read_text().replace("outcome: refunded\n", "outcome: refundet\n", 1))
    code, printed = run_pytest(folder)
    assert code == 1
    assert re.search(r'refund.test.yaml:\d+:16: error\[SAGA710\]: "refunded": outcome is refunded', printed)
    assert "what happened in" in printed
    assert "Traceback" not in printed
    assert "def runtest" not in printed


def test_a_file_with_problems_is_an_error_of_collection(folder: Path) -> None:
    (folder / "checkout.test.yaml").write_text("test: v1\ncases: {one: {expects: x}}\n")
    code, printed = run_pytest(folder)
    assert code == 2
    assert 'hint: did you mean "expect"?' in printed
    assert "Traceback" not in printed
