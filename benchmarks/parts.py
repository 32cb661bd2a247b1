"""Parts of saga by themselves: reading, loading, drawing, validating. Prints milliseconds, the best of ten.

python benchmarks/parts.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from saga.schema.drawing import render
from saga.schema.loader import check, load
from saga.schema.yaml_text.source import read

CHECKOUT = Path(__file__).parents[1] / "sagas" / "checkout.yaml"


def best_of_ten(work: Callable[[int], object]) -> float:
    """Milliseconds."""
    fastest = float("inf")
    for number in range(10):
        began = time.perf_counter()
        work(number)
        fastest = min(fastest, time.perf_counter() - began)
    return fastest * 1000


def validate(_: int) -> None:
    subprocess.run([sys.executable, "-m", "saga.cli", "validate", str(CHECKOUT)], capture_output=True, check=True)


def main() -> None:
    text = CHECKOUT.read_text()
    definition = load(text, "checkout.yaml")
    parts: dict[str, Callable[[int], object]] = {
        "read checkout.yaml as a tree": lambda _: read(text, "checkout.yaml"),
        "load it, not cached": lambda number: check(f"{text}# {number}\n", "checkout.yaml"),
        "draw it as SVG": lambda _: render(definition, "svg"),
        "draw it for the terminal": lambda _: render(definition, "terminal"),
        "saga validate, the whole process": validate,
    }
    for name, work in parts.items():
        print(f"{best_of_ten(work):8.2f} ms  {name}")


if __name__ == "__main__":
    main()
