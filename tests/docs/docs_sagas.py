"""The sagas of the pages: whole ones as they are, fragments set into a small saga that has what they speak of.

It must not know how a saga is checked.
"""

from __future__ import annotations

import re
from textwrap import indent

from docs_pages import Block

_PARTS = {
    "saga": "saga: v1\n",
    "name": "name: example\n",
    "version": "version: 1\n",
    "id": "id: ${{ input.order_id }}\n",
    "input": """\
input:
  order_id: {type: string}
  user_id:  {type: string}
  items:    {type: array, items: {type: string}}
  amount:   {type: number}
  due_at:   {type: string}
""",
    "signals": """\
signals:
  payment_received:
    payload:
      amount:         {type: number}
      transaction_id: {type: string}
  approval:
    payload:
      approved: {type: boolean}
""",
    "steps": "steps:\n  work:\n    call: work.do\n    compensate: none\n",
}
"""What a fragment need not say."""
FILE_KEYS = (
    *_PARTS,
    "description",
    "id_reuse",
    "labels",
    "defaults",
    "compensation",
    "deadline",
    "webhooks",
    "finally",
    "queue",
    "limits",
    "schedule",
    "invariants",
)
"""Keys of a file; a fragment without any of these and `output` is the inside of `steps:`."""

_KEY = re.compile(r"^([a-z_]+):", re.MULTILINE)


def saga_of(block: Block) -> str:
    """The whole saga that a block of YAML stands for."""
    if "fragment" not in block.words:
        return block.text
    keys = _KEY.findall(block.text)
    if any(key in (*FILE_KEYS, "output") for key in keys):
        return "".join(part for key, part in _PARTS.items() if key not in keys) + block.text
    return "".join(part for key, part in _PARTS.items() if key != "steps") + "steps:\n" + indent(block.text, "  ")
