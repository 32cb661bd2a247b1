"""Pages of `saga explain`: tests of sagas: what is wrong in a test file (SAGA701 to 704), and what a test has shown.

It must not know how problems are found.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA701",
        "a name that the tested saga does not have",
        """A test names an action, a step or a saga that is not there. Actions are named by their steps: reserve, undo
        reserve, book_car[1] for one round of a loop, refund.notify for a step of another saga that takes part.""",
        wrong="actions: {charge: {rejected: card_declined}}",
        right="actions: {charge_payment: {rejected: card_declined}}",
        why="A planned answer that nobody asks for would make a test say less than it seems to.",
    ),
    explanation(
        "SAGA702",
        "a signal that the tested saga does not declare",
        "A test sends a signal, or expects that the run waits for one, which the saga does not declare.",
    ),
    explanation(
        "SAGA703",
        "a value that the tested saga does not take",
        """The input of a case, or the payload of a signal, does not fit what the saga declares. To test just that, say
        so: expect: {refused: validation}.""",
        wrong="input: {amount: plenty}",
        right="input: {amount: 12.5}",
    ),
    explanation(
        "SAGA704",
        "the tested saga cannot be read",
        "checkout.test.yaml tests checkout.yaml beside it. Another file is named by of:, from the test's own folder.",
        right="of: ../checkout.yaml",
    ),
    explanation(
        "SAGA710",
        "not what the test expects",
        """What happened is not what the test says. The place is that of the expectation; below it stand the difference
        and the whole story with its times since the start. Either the saga is wrong, or the test; where it is the test,
        saga test --update writes down what happened.""",
    ),
    explanation(
        "SAGA711",
        "an event of the test that was not taken",
        """A signal or an operator's request came at a moment at which the run refuses it: it had ended, or it was not
        stuck. Where that is what you test, write the answer: answer: too_late, duplicate or refused.""",
        wrong="40d: {signal: payment_received, with: {…}}",
        right="40d: {signal: payment_received, with: {…}, answer: too_late}",
    ),
    explanation(
        "SAGA712",
        "a test that does not end",
        """The run went on for thousands of steps of its history. An action that answers later at every attempt does
        that: let the last answer of its list be another one, or bound it by give_up_after.""",
    ),
    explanation(
        "SAGA713",
        "a step whose failure leaves the run open",
        """With --fail-each-step every step fails in turn: refused, then with nothing known at every attempt. Here the
        run neither ended nor undid everything: it is stuck, for example because the step stands behind the pivot, or it
        waits for ever. Make the step optional, catch its error or, where a person is to decide, say so in the test.""",
        right="stuck_at: [confirm_inventory]",
        why="A run that is stuck costs somebody's time. Where that can happen it should be known, and wanted.",
    ),
    explanation(
        "SAGA714",
        "another end after a crash",
        """With --crash-everywhere the worker is killed after each write in turn, and another one goes on from what is
        stored. The run must end the same, with the same effects. An attempt that was lost is made again under the same
        key with the same arguments, and a step that is refused after a lost attempt may be undone as well, because
        nobody knows what the lost one did; neither is a difference. What is one: another outcome, another output, an
        effect that is missing or left over. A step behind the pivot that is refused after a lost attempt is stuck:
        name it in stuck_at if a person is to look at that.""",
    ),
    explanation(
        "SAGA715",
        "another story on Postgres",
        """The same case, played in memory and on the real store with the same clock, did not go the same way. That is a
        defect of saga, unless the case calls real actions whose answers depend on the time of day or on each other.""",
    ),
)
