"""Any text at all gives a tree or problems, and every place lies inside the file."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml_reading import TREE

from saga.schema.problem_formats import FORMATS, render_problems
from saga.schema.problems import DefinitionProblems
from saga.schema.yaml_text import builder as yaml_builder
from saga.schema.yaml_text.lines import split_lines
from saga.schema.yaml_text.source import Mapping, Node, Scalar, Sequence, decode, position_in, scan

FRAGMENTS = st.sampled_from(
    [
        *"abyn:-?[]{},#&*!|>'\"%@`~.<0159\t \n\r",
        *["\n  ", "\n    ", ": ", "- ", "\r\n", "---\n", "...\n", "${{ x }}", "&a ", "*a", "<<: ", "!t ", "!!str "],
        *["yes", "null", "1.10", "0x1", "1:30", "2026-01-01", ".inf", "|2\n", ">-\n", "\\u00e9", "\\", "''", "? "],
        *["é", "漢", "😀", "\u00a0", "\u2028", "\x85", "\ufeff", "\x00", "\x1b", "\ud800", "%YAML 1.1\n"],
    ]
)
SOUP = st.lists(FRAGMENTS, max_size=40).map("".join)
VALID = TREE + "late: &l |\n  one\n   two\n\nlist:\n- *l\n- >-\n    a\n    b\n- 'it''s'\n- plain\n  more\n"


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        text = text[:start] + draw(st.lists(FRAGMENTS, max_size=3).map("".join)) + text[end:]
    return text


def check_any_text(text: str, untyped: type[yaml.BaseLoader | yaml.CBaseLoader]) -> None:
    """Either a tree that agrees with the library's, or problems that can be shown; all places inside the file."""
    lines = split_lines(text.removeprefix("\ufeff"))
    tree, problems = scan(text, "f")
    assert tree is not None or problems
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.length >= 1
        assert problem.hint
    for format_name in FORMATS:
        render_problems(problems, {"f": text}, format_name)
    if tree is not None:
        check_places(tree, lines)
        if not problems:
            assert texts(tree) == yaml.load(text, Loader=untyped)


def check_places(node: Node, lines: list[str]) -> None:
    span = node.span
    assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column) <= (len(lines), len(lines[-1]) + 1)
    for line, column in ((span.line, span.column), (span.end_line, span.end_column)):
        assert 1 <= column <= len(lines[line - 1]) + 1
    if isinstance(node, Mapping):
        for entry in node.entries.values():
            assert entry.key.column <= len(lines[entry.key.line - 1]) + 1
            check_places(entry.value, lines)
    elif isinstance(node, Sequence):
        for item in node.items:
            check_places(item, lines)
    elif lines[span.line - 1][span.column - 1 : span.column] != "*":
        check_positions(node, lines)


def check_positions(node: Scalar, lines: list[str]) -> None:
    """Each visible character of a text without escapes is found where it stands."""
    for offset, char in enumerate(node.text):
        place = position_in(node, offset)
        found = lines[place.line - 1][place.column - 1 : place.column]
        if node.style in ("", "|", ">") and not char.isspace():
            assert found == char


def texts(node: Node) -> object:
    """The tree with all scalars as written, as the library's loader without types gives it."""
    if isinstance(node, Mapping):
        return {key: texts(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [texts(item) for item in node.items]
    return node.text


@pytest.mark.parametrize(
    ("scanner", "untyped"),
    [(yaml.CSafeLoader, yaml.CBaseLoader), (yaml.SafeLoader, yaml.BaseLoader)],
    ids=["c", "python"],
)
@settings(max_examples=300, deadline=None)
@given(text=st.one_of(SOUP, mutated(), st.text(max_size=60)))
def test_any_text_gives_a_tree_or_problems(
    scanner: type[yaml.SafeLoader | yaml.CSafeLoader], untyped: type[yaml.BaseLoader | yaml.CBaseLoader], text: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_builder, "SCANNER", scanner)
        check_any_text(text, untyped)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_give_a_text_or_problems(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        with pytest.raises(DefinitionProblems, match="SAGA002"):
            decode(data, "f")
    else:
        check_any_text(decode(data, "f"), yaml.CBaseLoader)
