"""What people install: built from this tree, put into an environment of its own, and used there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments: str, executable: str = sys.executable, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [executable, *arguments], cwd=cwd, capture_output=True, text=True, env=environment, timeout=240
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel in it; what the wheel needs is borrowed from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    python("-m", "venv", str(folder))
    executable = folder / "bin" / "python"
    site = Path(
        python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", executable=str(executable)).strip()
    )
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    wheel = next(built.glob("*.whl"))
    python("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel), executable=str(executable))
    return executable


def test_the_wheel_brings_one_import_name(built: Path) -> None:
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"saga"}
    assert "saga/__init__.py" not in names
    for part in ("schema", "interpreter", "sdk", "cli", "server"):
        assert f"saga/{part}/py.typed" in names


def test_the_wheel_holds_everything_that_is_no_code(built: Path) -> None:
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    for part in ("schema", "interpreter", "cli", "server"):
        files = [
            path for path in (ROOT / part / "saga").rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        missing = {str(path.relative_to(ROOT / part)) for path in files} - set(names)
        assert missing == set()


def test_the_wheel_holds_the_example_of_the_demo(built: Path) -> None:
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    for name in ("checkout.yaml", "refund.yaml", "actions.py", "ledger.py"):
        assert wheel.read(f"saga/cli/example/{name}") == (ROOT / "sagas" / name).read_bytes()


def test_no_part_of_the_source_makes_saga_a_plain_package() -> None:
    assert [
        path
        for part in ("schema", "interpreter", "cli", "server")
        for path in (ROOT / part / "saga").glob("__init__.py")
    ] == []


def test_the_sdist_holds_sources_and_tests(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    inside = {name.split("/", 1)[1] for name in names if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt"} <= inside
    assert "sagas/checkout.yaml" in inside
    assert {name for name in inside if name.startswith(".")} <= {".gitignore"}


def test_the_command_works_from_the_wheel(installed: Path) -> None:
    command = str(installed.with_name("saga"))
    assert "saga 0.1.0" in python(command, "--version", executable=str(installed))
    where = python("-c", "import saga.cli.main as main; print(main.__file__)", executable=str(installed))
    assert str(installed.parents[1]) in where
    shown = python(command, "validate", "--format", "json", str(ROOT / "sagas"), executable=str(installed))
    assert shown.strip() == "[]"
    assert python(
        command, "render", "--format", "svg", str(ROOT / "sagas/checkout.yaml"), executable=str(installed)
    ).startswith("<svg")


def test_type_checkers_follow_the_imports(installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "shop.py"
    script.write_text(
        "from saga.sdk import Rejected, StepContext, action\n\n\n"
        '@action("stock.reserve")\n'
        "async def reserve(order_id: str, context: StepContext) -> dict[str, str]:\n"
        '    if not order_id:\n        raise Rejected("no_order")\n'
        '    return {"key": context.key}\n'
    )
    told = python("-m", "mypy", "--strict", "--python-executable", str(installed), str(script), cwd=tmp_path)
    assert "Success" in told


def test_no_file_names_a_registry_or_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    words = ["pypi" + ".org", "files.python" + "hosted", "registry" + ".npmjs", "/wo" + "rk/", "/root" + "/"]
    found = []
    for name in filter(None, listed):
        path = ROOT / name
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {word}" for word in words if word in text]
    assert found == []
