"""Lines of a text as YAML and editors count them: ended by LF, CR LF or CR, and by nothing else."""

from __future__ import annotations

import re

_BREAK = re.compile(r"\r\n|\n|\r")


def split_lines(text: str) -> list[str]:
    """The lines without their breaks. A text that ends with a break has an empty last line; there is always one."""
    return _BREAK.split(text)
