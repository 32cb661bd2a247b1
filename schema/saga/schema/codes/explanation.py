"""One page of `saga explain`: its shape and its layout. It must not know any code."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a problem code means. ``text`` is plain text, ready to print; examples stand four spaces in."""

    code: str
    title: str
    text: str


def explanation(code: str, title: str, meaning: str, *, wrong: str = "", right: str = "", why: str = "") -> Explanation:
    """A page in the usual order: what it means, an example of wrong and of right, and why the rule is there.

    ``meaning`` and ``why`` may be broken and indented as the source likes; each becomes one paragraph.
    """
    parts = [_paragraph(meaning)]
    if wrong:
        parts.append(f"Wrong:\n\n{_example(wrong)}")
    if right:
        parts.append(f"Right:\n\n{_example(right)}")
    if why:
        parts.append(f"Why: {_paragraph(why)}")
    return Explanation(code, title, "\n\n".join(parts))


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _example(text: str) -> str:
    return indent(dedent(text).strip("\n"), "    ")
