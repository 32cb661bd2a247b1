"""Where a character of a text stands in the file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from yaml_reading import SCANNERS, scalar_at

from saga.schema.definition import Place
from saga.schema.yaml_text import builder as yaml_builder
from saga.schema.yaml_text.source import Node, Scalar, Sequence, position_in, read


@pytest.fixture(params=SCANNERS, ids=["c", "python"], autouse=True)
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_builder, "SCANNER", request.param)


class TestPositionInScalar:
    @pytest.mark.parametrize(
        ("text", "word", "place"),
        [
            ("a: x == boom", "boom", Place(1, 9)),
            ("a: 'x == boom'", "boom", Place(1, 10)),
            ('a: "x == boom"', "boom", Place(1, 10)),
            ("a: &n  x == boom", "boom", Place(1, 13)),
            ("a: &n\n  'x == boom'", "boom", Place(2, 9)),
            ("a: |\n  one\n\n    two boom\n", "boom", Place(4, 9)),
            ("a: |2\n     x\n  two boom\n", "boom", Place(3, 7)),
            ("a: >-\n\n  one\n  two boom\n", "boom", Place(4, 7)),
            ("a: &n >  # why\n  > boom", "boom", Place(2, 5)),
            ("a: one\n  two\n\n  three boom\n", "boom", Place(4, 9)),
            ("a: 'one\n\n  two boom'\n", "boom", Place(3, 7)),
            ('a: "one \\\n  two boom"\n', "boom", Place(1, 4)),
            ("a: 'it''s boom'", "boom", Place(1, 4)),
            ('a: "\\t boom"', "boom", Place(1, 4)),
            ("a: {b: [漢 boom]}", "boom", Place(1, 11)),
        ],
    )
    def test_place(self, text: str, word: str, place: Place) -> None:
        node = next(scalar for scalar in scalars(read(text, "f")) if word in scalar.text)
        assert position_in(node, node.text.index(word)) == place

    def test_end_of_the_text(self) -> None:
        assert position_in(scalar_at("a: x +", "a"), 3) == Place(1, 7)
        assert position_in(scalar_at("a: ''", "a"), 0) == Place(1, 4)


def scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from scalars(item)
    else:
        for entry in node.entries.values():
            yield from scalars(entry.value)
