"""Checks of expressions: each can be read, reads only what is there, and stands in the form of its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.readable import fault
from saga.schema.checks.sites import Form, Site, sites
from saga.schema.checks.survey import Survey
from saga.schema.durations import Timestamp
from saga.schema.expressions import OF_STEPS, ExpressionProblem, compile_expression, compile_template
from saga.schema.language.steps import WaitStep
from saga.schema.language.waits import UntilBranch, UntilWait
from saga.schema.language.words import EXPRESSION_INSIDE
from saga.schema.problems import quoted

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def expressions(survey: Survey) -> Iterator[Finding]:
    """Every expression of the file, and every path it reads."""
    for site in sites(survey):
        misplaced = _misplaced(site)
        if misplaced is not None:
            yield misplaced
            continue
        try:
            compile_ = compile_template if site.form is Form.TEMPLATE else compile_expression
            paths = compile_(site.text).paths
        except ExpressionProblem as problem:
            yield Finding("SAGA301", problem.message, site.at, problem.hint, start=problem.column - 1, length=1)
            continue
        for path in paths:
            wrong = fault(path, site.scope, survey)
            if wrong is not None:
                start, length = _place(site.text, path, wrong.part)
                yield Finding(wrong.code, wrong.message, site.at, wrong.hint, start=start, length=length)


def _misplaced(site: Site) -> Finding | None:
    """A text that is not written in the form of its place."""
    if site.form is Form.KEY:
        message = "a key cannot hold an expression"
        return Finding("SAGA301", message, site.at, "write the key itself; only values are computed", on_key=True)
    if site.form is Form.PATH and not _PATH.fullmatch(site.text):
        message = f"{quoted(site.text)} in {describe(site.at[:-1])} is no path"
        return Finding("SAGA302", message, site.at, _path_hint(site.text))
    if site.form is Form.EXPRESSION and "${{" in site.text:
        message = f"{describe(site.at)} is always an expression and has no braces"
        return Finding("SAGA301", message, site.at, f"write {_without_braces(site.text)}")
    return None


def moments_of_time(survey: Survey) -> Iterator[Finding]:
    """A timestamp that is written out is one."""
    for placed in survey.steps:
        wait = placed.step.wait if isinstance(placed.step, WaitStep) else None
        branches = {("wait",): wait} | {("wait", "any", name): each for name, each in getattr(wait, "any", {}).items()}
        for keys, branch in branches.items():
            if isinstance(branch, UntilWait | UntilBranch) and not EXPRESSION_INSIDE.search(branch.until):
                try:
                    Timestamp.parse(branch.until)
                except ValueError as problem:
                    at = (*placed.at, *keys, "until")
                    yield Finding("SAGA112", f'until of step "{placed.name}": {problem}', at)


def _place(text: str, path: tuple[str, ...], part: int) -> tuple[int, int]:
    """Where a name of a path stands in the text; where the path is written in another way, the whole text."""
    if path[0] in OF_STEPS and part == 1:
        found = re.search(rf"{path[0]}\(\s*({re.escape(path[1])})\s*\)", text)
        return (found.start(1), len(path[1])) if found else (0, 0)
    for names in (path, path[: part + 1]):
        found = re.search(rf"(?<![\w.]){re.escape('.'.join(names))}(?!\w)", text)
        if found:
            return found.start() + len("".join(f"{name}." for name in path[:part])), len(path[part])
    return 0, 0


def _path_hint(text: str) -> str:
    if "${{" in text:
        return f"an entry of the list is a path already: write {_without_braces(text)}"
    return f'only a path can be passed by its last name; write a map: with: {{name: "${{{{ {text} }}}}"}}'


def _without_braces(text: str) -> str:
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", r"\1", text)
