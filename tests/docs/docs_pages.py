"""The pages of the documentation: their fenced blocks, links, headings and words in code.

It must not know what is done with a block. What the words behind a fence's language mean is told in docs/README.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "docs/tutorial", "docs/how-to", "docs/reference", "docs/reference/language", "docs/explanation")
"""Where the pages are; those of docs/decisions are notes of the makers, and only their links are checked."""

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\]]|\](?!\())*\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``words`` follow the language, such as ``fragment`` or ``file=actions.py``."""

    path: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str
    start: int
    """Where its text begins in the page."""

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is written to."""
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)


class Page:
    """One file of Markdown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text("utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """All fenced blocks, in order."""
        found: list[Block] = []
        for match in _FENCE.finditer(self.text):
            language, *words = match["info"].split() or [""]
            line = self.text.count("\n", 0, match.start()) + 1
            found.append(Block(self.path, line, language, tuple(words), match["text"], match.start("text")))
        return found

    @cached_property
    def prose(self) -> str:
        """The text without fenced blocks and comments."""
        return _COMMENT.sub("", _FENCE.sub("", self.text))

    @cached_property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        return _LINK.findall(_CODE.sub("", self.prose))

    @cached_property
    def codes(self) -> list[str]:
        """What stands in single backticks."""
        return _CODE.findall(self.prose)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """The anchors of its headings, as they are commonly made."""
        return frozenset(_anchor(heading) for heading in _HEADING.findall(self.prose))


def _anchor(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def pages() -> list[Page]:
    """The README and every page of the documentation."""
    return [
        Page(ROOT / "README.md"),
        *(Page(path) for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))),
    ]


def other_pages() -> list[Page]:
    """Pages whose links are checked, and nothing else."""
    return [Page(path) for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs/decisions").glob("*.md")))]
