"""The catalogue behind `saga explain CODE`: one page for each code that a problem or an error can have.

Each area keeps its pages in a module of its own; this one gathers them. It must not know how problems are found.

| codes | area |
|---|---|
| SAGA001 to 099 | the text as YAML |
| SAGA100 to 199 | shape: keys, types, what is missing |
| SAGA200 to 299 | meaning: steps, undo, waits, signals |
| SAGA300 to 399 | expressions |
| SAGA500 to 599 | running: values, signals, runs, database, actions |
| SAGA600 to 699 | proofs (`saga verify`) |
| SAGA700 to 799 | tests (`saga test`) |
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from saga.schema.codes import (
    actions,
    blocks,
    expressions,
    meaning,
    proofs,
    shape,
    tests,
    yaml_syntax,
    yaml_values,
)
from saga.schema.codes.explanation import Explanation

__all__ = ["CODES", "Explanation"]

_PAGES: tuple[tuple[Explanation, ...], ...] = (
    yaml_syntax.PAGES,
    yaml_values.PAGES,
    shape.PAGES,
    meaning.PAGES,
    blocks.PAGES,
    expressions.PAGES,
    actions.PAGES,
    proofs.PAGES,
    tests.PAGES,
)

CODES: Mapping[str, Explanation] = MappingProxyType(
    {page.code: page for page in sorted((page for pages in _PAGES for page in pages), key=lambda page: page.code)}
)
"""Code to page, in the order of the codes."""
