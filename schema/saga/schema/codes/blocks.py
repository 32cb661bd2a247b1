"""Pages of `saga explain`: graphs, branches, loops and children (SAGA204 to SAGA261, between those of `meaning`).

It must not know how problems are found.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA204",
        "an error that cannot be caught",
        """cancelled, deadline and stuck end a run from outside, and no catch can hold that up. any takes every other
        error, so it stands last: what is written behind it would never be looked at.""",
        wrong="catch: {deadline: continue}",
        right="timeout: 10m\non_timeout: continue",
    ),
    explanation(
        "SAGA216",
        "needs that name no neighbour",
        """needs names steps of the same block: those written beside the step. A block counts as one step, which is done
        when everything in it is; a step inside a block opens only after all that the block needs.""",
        wrong="pack:\n  call: warehouse.pack\n  needs: [book_flight]   # inside the block bookings",
        right="pack:\n  call: warehouse.pack\n  needs: [bookings]",
    ),
    explanation(
        "SAGA217",
        "steps that wait for each other",
        """The needs of these steps lead back to where they began, so none of them could ever open. A step without needs
        comes after the one written before it.""",
        wrong="a: {call: x.a, needs: [b]}\nb: {call: x.b, needs: [a]}",
        right="a: {call: x.a}\nb: {call: x.b, needs: [a]}",
    ),
    explanation(
        "SAGA218",
        "a step that does not say what it needs",
        """Without needs a step comes after the one before it. Where more than one branch is open that would be a guess:
        say whether it waits for one of them or for all.""",
        wrong="a: {call: x.a, needs: []}\nb: {call: x.b, needs: []}\nc: {call: x.c}",
        right="a: {call: x.a, needs: []}\nb: {call: x.b, needs: []}\nc: {call: x.c, needs: [a, b]}",
    ),
    explanation(
        "SAGA219",
        "an end beside open branches",
        """end finishes the run. Where another branch, or another item of an each, can still be open, its work would be
        cut off in silence. End the run behind the block, where all of them are done.""",
    ),
    explanation(
        "SAGA223",
        "a pivot that is not alone",
        """The pivot is the point of no return of the whole run. Inside parallel, each or repeat, or beside another
        branch that can be open, some work would be before it and some behind. In a group with a timeout, the time could
        be over while the pivot is tried.""",
        why="After the pivot nothing rolls back; a branch that fails then could neither go back nor forward.",
    ),
    explanation(
        "SAGA224",
        "a switch that does not cover every case",
        """Each branch of a switch has a condition; the first that is true is taken. Last stands else, for all other
        cases: with steps, or continue.""",
        wrong="switch:\n  dear: {when: input.amount > 100, steps: {…}}",
        right="switch:\n  dear: {when: input.amount > 100, steps: {…}}\n  else: continue",
    ),
    explanation(
        "SAGA225",
        "cases that do not meet the branches of the wait",
        """cases says what follows each branch of a wait for any: for every one of them, or it is left out. Other waits
        have no branches.""",
        wrong="wait: {any: {paid: {signal: paid}, late: {after: 30m}}}\ncases: {late: {fail: unpaid}}",
        right="wait: {any: {paid: {signal: paid}, late: {after: 30m}}}\ncases: {paid: continue, late: {fail: unpaid}}",
    ),
    explanation(
        "SAGA226",
        "two waits for one signal at the same time",
        """A signal is taken by one wait. Where two waits for the same name can be open together, nothing says whose it
        is: declare a signal for each. In a wait for any, branches may share a signal and tell it apart by if.""",
    ),
    explanation(
        "SAGA227",
        "a wait for signals without a limit",
        """A wait for signals says how long: timeout with on_timeout beside the wait, or timeout: never. A wait for any
        needs none where one of its branches is an after or an until.""",
        wrong="wait: {any: {paid: {signal: paid}, waived: {signal: waived}}}",
        right="wait: {any: {paid: {signal: paid}, waived: {signal: waived}}, timeout: 30m}\non_timeout: {fail: unpaid}",
    ),
    explanation(
        "SAGA228",
        "no child run to undo",
        """compensate: child has the child run of a saga step undone by its own steps. Other steps have no child run,
        also start: what it starts goes its own way.""",
    ),
    explanation(
        "SAGA234",
        "sagas that run each other without end",
        """A saga step runs a child and waits for it. Where the children lead back to the saga they began with, there is
        no end. repeat and each do something again; start begins a run of its own and goes on.""",
    ),
    explanation(
        "SAGA235",
        "a saga that is not there",
        """A warning: no file of the project has that name. A run that comes to this place waits until the saga is
        deployed.""",
    ),
    explanation(
        "SAGA236",
        "a child and its parent that do not fit",
        """What a step passes are the fields of the child's input: all those without a default, and no others. A child
        with a pivot cannot be undone once it has passed it, so it stands at or behind its parent's pivot.""",
    ),
    explanation(
        "SAGA261",
        "a schedule that no clock can follow",
        """cron has five fields: minute, hour, day of the month, month, day of the week; each is *, a number, a range
        such as 1-5, a list such as 1,15, or any of them with a step such as */10. timezone is a name such as
        Europe/Berlin.""",
        wrong='cron: "6 o\'clock"',
        right='cron: "0 6 * * *"',
    ),
)
