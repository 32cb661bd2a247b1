"""Writes into the pages what their commands print now: ``.venv/bin/python tests/docs/refresh.py [PAGE …]``.

Read the diff: a page may say only what is meant to happen. Outputs that still fit, ``...`` included, stay as they are.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from docs_output import fits, is_passing
from docs_pages import Page, pages
from docs_story import Move, Story

from saga.interpreter.embedded import EmbeddedPostgres


def main() -> None:
    chosen = [Page(Path(name).resolve()) for name in sys.argv[1:]] or pages()
    with tempfile.TemporaryDirectory(prefix="saga-refresh-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o711)
        server = EmbeddedPostgres(Path(home).resolve() / "postgres", {"fsync": "off"})
        asyncio.run(server.start())
        try:
            for number, page in enumerate(chosen):
                url = asyncio.run(server.create_database(f"page_{number}"))
                folder = Path(home).resolve() / f"page_{number}"
                folder.mkdir()
                refresh(page, folder, url)
        finally:
            asyncio.run(server.stop_if_last())


def refresh(page: Page, folder: Path, url: str) -> None:
    """Plays a page and writes what was printed into it."""
    moves: dict[int, list[Move]] = defaultdict(list)
    for move in Story(page, folder, url, patient=False).play():
        moves[move.block.start].append(move)
    text = page.text
    for start, of_block in sorted(moves.items(), reverse=True):
        wrong = [move for move in of_block if not fits(move.said, move.printed)]
        if wrong:
            block = of_block[0].block
            text = text[:start] + _corrected(block.text, wrong) + text[start + len(block.text) :]
            print(*[f"{block.place}: $ {move.command}" for move in wrong], sep="\n")
    page.path.write_text(text, "utf-8")


def _corrected(text: str, wrong: list[Move]) -> str:
    lines = text.splitlines()
    for move in reversed(wrong):
        begin, end = move.lines
        gap = [""] if begin < end < len(lines) and not lines[end - 1] else []
        printed = [line.rstrip() for line in move.printed.splitlines() if not is_passing(line)]
        lines[begin:end] = [*printed, *gap]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
