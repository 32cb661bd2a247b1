"""Problems as text: for people (full, concise), for programs (json, sarif) and for GitHub's annotations (github).

It must not know what a problem means or how it was found.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, get_args
from urllib.parse import quote

from saga.schema.codes import CODES
from saga.schema.problems import Problem, visible
from saga.schema.yaml_text.lines import split_lines

Format = Literal["full", "concise", "json", "github", "sarif"]
FORMATS: tuple[Format, ...] = get_args(Format)

_TAB = "    "
_WINDOW = 140
"""Columns of a source line that are shown; a longer line is cut around the caret."""
_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render_problems(problems: Sequence[Problem], sources: Mapping[str, str], format: Format = "full") -> str:  # noqa: A002
    """The problems as one text without a last line break, in the order given.

    ``sources`` maps paths to texts; `full` shows the line of each problem whose file is there. With no problems,
    `json` is an empty array, `sarif` a run without results, and the others are the empty text.
    """
    match format:
        case "full":
            lines = {path: split_lines(text.removeprefix("\ufeff")) for path, text in sources.items()}
            return "\n\n".join(_full(problem, lines.get(problem.path, [])) for problem in problems)
        case "concise":
            return "\n".join(problem.headline for problem in problems)
        case "json":
            return json.dumps([_as_object(problem) for problem in problems], indent=2)
        case "github":
            return "\n".join(_github(problem) for problem in problems)
        case "sarif":
            return json.dumps(_sarif(problems), indent=2)


def _full(problem: Problem, lines: Sequence[str]) -> str:
    parts = [problem.headline, *_excerpt(lines, problem)]
    if problem.hint:
        parts.append(f"hint: {visible(problem.hint)}")
    return "\n".join(parts)


def _excerpt(lines: Sequence[str], problem: Problem) -> list[str]:
    """The source line and the line with the carets under it; nothing if there is nothing on it."""
    if not 1 <= problem.line <= len(lines):
        return []
    line = lines[problem.line - 1]
    if not line.strip():
        return []
    first = min(problem.column - 1, len(line))
    last = min(first + problem.length, len(line))
    left = max(0, first - _WINDOW // 2) if len(line) > _WINDOW else 0
    right = min(len(line), left + _WINDOW)
    before = "…" * (left > 0) + _shown(line[left:first])
    marked = _shown(line[first : min(last, right)])
    after = _shown(line[min(last, right) : right]) + "…" * (right < len(line))
    carets = "^" * max(1, _width(marked))
    return [before + marked + after, " " * _width(before) + carets]


def _shown(text: str) -> str:
    return visible(text.replace("\t", _TAB))


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _as_object(problem: Problem) -> dict[str, str | int]:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "length": problem.length,
    }


def _github(problem: Problem) -> str:
    message = problem.message + (f"\nhint: {problem.hint}" if problem.hint else "")
    properties = {
        "file": problem.path,
        "line": str(problem.line),
        "endLine": str(problem.line),
        "col": str(problem.column),
        "endColumn": str(problem.column + problem.length),
        "title": problem.code,
    }
    shown = ",".join(f"{name}={_github_property(value)}" for name, value in properties.items())
    return f"::{problem.severity} {shown}::{_github_data(message)}"


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(problems: Sequence[Problem]) -> dict[str, object]:
    codes = sorted({problem.code for problem in problems})
    driver = {"name": "saga", "rules": [_sarif_rule(code) for code in codes]}
    results = [_sarif_result(problem, codes.index(problem.code)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_rule(code: str) -> dict[str, object]:
    page = CODES.get(code)
    return {"id": code} if page is None else {"id": code, "shortDescription": {"text": page.title}}


def _sarif_result(problem: Problem, rule_index: int) -> dict[str, object]:
    region = {
        "startLine": problem.line,
        "startColumn": problem.column,
        "endLine": problem.line,
        "endColumn": problem.column + problem.length,
    }
    place = {"artifactLocation": {"uri": quote(problem.path, errors="replace")}, "region": region}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule_index,
        "level": problem.severity,
        "message": {"text": problem.message + (f" (hint: {problem.hint})" if problem.hint else "")},
        "locations": [{"physicalLocation": place}],
    }
