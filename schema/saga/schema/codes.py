"""The catalogue behind `saga explain CODE`: one page for each code that a problem or an error can have.

Each area keeps its pages in a module of its own; this one gathers them. It must not know how problems are found.

| codes | area |
|---|---|
| SAGA001 to 099 | the text as YAML |
| SAGA100 to 199 | shape: keys, types, what is missing |
| SAGA200 to 299 | meaning: steps, undo, waits, signals |
| SAGA300 to 399 | expressions |
| SAGA400 to 499 | parts of the language that are not built yet |
| SAGA500 to 999 | running: values, signals, runs, database, actions |
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from saga.schema import (
    codes_actions,
    codes_expressions,
    codes_meaning,
    codes_not_built,
    codes_shape,
    codes_yaml_syntax,
    codes_yaml_values,
)
from saga.schema.explanation import Explanation

__all__ = ["CODES", "Explanation"]

_PAGES: tuple[tuple[Explanation, ...], ...] = (
    codes_yaml_syntax.PAGES,
    codes_yaml_values.PAGES,
    codes_shape.PAGES,
    codes_meaning.PAGES,
    codes_expressions.PAGES,
    codes_not_built.PAGES,
    codes_actions.PAGES,
)

CODES: Mapping[str, Explanation] = MappingProxyType({page.code: page for pages in _PAGES for page in pages})
"""Code to page, in the order of the areas."""
