"""Pages of `saga explain`: what `saga verify` proves, and what it means when a proof fails (SAGA601 to SAGA612).

It must not know how proofs are made.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA601",
        "an undo that needs an output that may not exist",
        """An action whose outcome is unknown is undone too, and then it has answered nothing: what the undo reads of
        its output is null. Pass steps.STEP.key, the key under which every attempt was made: it exists whatever came of
        it. Where the undo is told the key, it may also be told an output that can be null.""",
        wrong="compensate:\n  call: payment.refund\n  with: [steps.pay.output.transaction_id]",
        right='compensate:\n  call: payment.refund\n  with: {key: "${{ steps.pay.key }}"}',
        why="A payment whose reply was lost is exactly the one that has to be refunded.",
    ),
    explanation(
        "SAGA602",
        "an undo that cannot be made",
        """The arguments of an undo cannot be computed in some run: a text is built from a value that is null there. The
        run is then stuck, and trying again changes nothing.""",
        wrong='with: {url: "/payments/${{ steps.pay.output.id }}"}',
        right='with: {key: "${{ steps.pay.key }}"}',
    ),
    explanation(
        "SAGA603",
        "an undo that is passed over",
        """The when of a compensation asks for an output of its own step. Where the outcome of the step is unknown there
        is no output, the condition is false, and what may have happened is not undone.""",
        wrong='when: steps.pay.output.state == "captured"',
        right='when: steps.pay.output is None or steps.pay.output.state == "captured"',
    ),
    explanation(
        "SAGA604",
        "an effect that is left",
        """A run ends undone although something that it did, or may have done, was not undone.""",
    ),
    explanation(
        "SAGA605",
        "an undo that runs twice",
        """The same effect is undone a second time.""",
    ),
    explanation(
        "SAGA606",
        "a way back past the pivot",
        """A run is rolled back after its point of no return.""",
    ),
    explanation(
        "SAGA607",
        "a run that cannot end",
        """From a state that a run can reach no end can be reached: it waits for a signal that never fits, or is stuck
        at something that fails every time.""",
        wrong='wait: {signal: paid, timeout: never, if: payload.kind == "x"}   # no payload has this kind',
        right='wait: {signal: paid, timeout: 30m, if: payload.kind == "card"}',
    ),
    explanation(
        "SAGA608",
        "a step that no run comes to",
        """Every reachable state was looked at, and in none is this step, end or fail opened: its condition is never
        true, or a shorter time limit always comes first.""",
    ),
    explanation(
        "SAGA609",
        "an undo that never runs",
        """Once this step is done nothing rolls back any more, because it stands behind the pivot. Its compensation is
        never used: a refund written there gives no money back.""",
        wrong="ship:\n  pivot: true\ncharge:\n  compensate: {call: payment.refund}",
        right="charge:\n  compensate: {call: payment.refund}\nship:\n  pivot: true",
    ),
    explanation(
        "SAGA610",
        "an invariant that does not hold",
        """A run can end in a way that the author has excluded. The story is the shortest one that leads there. done(x):
        x took effect or may have; undone(x): it was undone, or its undo said that nothing is left; tried(x): an attempt
        was made.""",
        right='invariants:\n  paid_or_given_back: not done(charge) or outcome == "paid" or undone(charge)',
    ),
    explanation(
        "SAGA611",
        "a proof that was cut short",
        """There are more states than the limit allows, or the time was up. What was looked at holds; the rest is not
        known. Allow more with --states or --seconds, or make the saga smaller.""",
    ),
    explanation(
        "SAGA612",
        "a wait without a limit",
        """A note, not a mistake: the file says timeout: never, and where the signal does not come the run waits as long
        as it takes.""",
    ),
)
