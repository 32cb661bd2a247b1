"""The results of `saga test` as JUnit XML, as CI servers read it. One suite a file, one case a rehearsal."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from saga.cli.test_results import FileResults
from saga.interpreter.rehearsal.reporting import Result, failure_text
from saga.schema.problem_formats import render_problems
from saga.schema.problems import visible


def junit(files: Sequence[FileResults]) -> str:
    """The whole document."""
    root = Element("testsuites", name="saga test")
    for file in files:
        failures = sum(bool(result.failed) for result in file.results)
        suite = SubElement(
            root,
            "testsuite",
            name=file.loaded.path,
            tests=str(len(file.results) + file.broken),
            failures=str(failures),
            errors=str(int(file.broken)),
            time=f"{file.seconds:.4f}",
        )
        for result in file.results:
            _case(suite, file, result)
        if file.broken:
            case = SubElement(suite, "testcase", classname=file.loaded.path, name="the file")
            error = SubElement(case, "error", message=f"{len(file.loaded.problems)} problems")
            error.text = _plain(render_problems(file.loaded.problems, file.loaded.sources))
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Element, file: FileResults, result: Result) -> None:
    case = SubElement(suite, "testcase", classname=file.loaded.path, name=result.name, time=f"{result.seconds:.4f}")
    if result.failed:
        first = result.failed[0].problem
        case.set("file", first.path)
        case.set("line", str(first.line))
        failure = SubElement(case, "failure", message=visible(first.message), type=first.code)
        failure.text = _plain(failure_text(result, file.loaded.sources))


def _plain(text: str) -> str:
    return "\n".join(visible(line) for line in text.splitlines())
