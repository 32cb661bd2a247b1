"""Proofs about sagas: every reachable state is looked at before the first run (`saga verify`).

`verify` is the way in; `verdict` is what comes out. The rest, from the middle: `choices` and `domains` (what nobody
knows, and what is tried for it), `conditions` and `abstraction` (the saga as the proof sees it), `alphabet` (what can
happen), `ledger` (what an observer has seen), `fingerprints` (when two states are the same), `explorer` (the search),
`promises` and `invariants` (what must hold), `stories` (how it came to be). Pure: standard library, the schema and the
machine; no clock, no input or output. This file holds no code of its own.
"""

from __future__ import annotations

from saga.interpreter.proving.explorer import Limits
from saga.interpreter.proving.proof import verify
from saga.interpreter.proving.verdict import Broken, Note, Outcome, Verdict

__all__ = ["Broken", "Limits", "Note", "Outcome", "Verdict", "verify"]
