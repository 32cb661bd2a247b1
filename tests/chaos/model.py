"""Which ends a run may come to, worked out from its script alone: the reference that the machine is compared with.

Faults of workers, database and network may turn any answer into "nobody knows" and cost tries, but no more than that:
a step whose script always succeeds must succeed, one that never does must fail. It must not know the machine.
"""

from __future__ import annotations

from shapes import Case, Part

End = tuple[str, str]
"""Status and outcome."""

_GOOD = {"ok", "slow"}


def allowed(case: Case) -> set[End]:
    """Every end that keeps the promises."""
    ends: set[End] = set()
    if case.cancel:
        ends.add(("compensated", "cancelled"))
    beyond = False
    for part in case.shape.parts:
        if part.condition and not case.flags[part.condition]:
            continue
        if part.kind == "wait":
            goes_on = _wait(case, part, ends)
        elif part.kind == "pause":
            goes_on = True
        else:
            results = _results(case.plans[f"plan_{part.name}"])
            if "fails" in results and not (beyond or part.optional):
                ends.add(("compensated", "failed"))
            goes_on = "works" in results or beyond or part.optional
        beyond |= part.pivot
        if not goes_on:
            return ends
    return ends | {("completed", "completed")}


def _wait(case: Case, part: Part, ends: set[End]) -> bool:
    """Adds the ends that a wait may lead to; whether the run may go on after it."""
    comes = any(letter.signal == f"sig_{part.name}" and letter.when != "never" for letter in case.letters)
    if part.timeout is not None and part.on_timeout == "fail":
        ends.add(("compensated", "too_slow"))
    if part.timeout is not None and part.on_timeout == "end":
        ends.add(("completed", "gone_quiet"))
    return comes or part.on_timeout == "go on"


def _results(plan: str) -> set[str]:
    words = plan.split()
    if set(words) <= _GOOD:
        return {"works"}
    return {"works", "fails"} if words[-1] in _GOOD else {"fails"}
