"""Pages of `saga explain`: what a file means: names, undo, ways, signals, actions (SAGA201 to SAGA260).

Those of graphs, branches, loops and children are in `blocks`. It must not know how problems are found.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA201",
        "a name used twice",
        """Step names are unique in the whole file: at every depth, in compensations and in finally. A name is the
        address of a step in expressions, on the command line and in history. The items of loops inside each other have
        names of their own, too. Labels of branches, cases and codes are no names.""",
    ),
    explanation(
        "SAGA202",
        "a reserved name",
        """Words of the language and of expressions cannot name a step, an item or a label: else, any, continue, index,
        import and the like.""",
        wrong="import:\n  call: goods.import",
        right="import_goods:\n  call: goods.import",
        why="steps.import.output could not be read.",
    ),
    explanation(
        "SAGA203",
        "an outcome of the engine",
        "failed, cancelled, deadline and terminated are set by the engine only; end and fail use words of your own.",
        wrong="end: failed",
        right="fail: payment_failed",
    ),
    explanation(
        "SAGA210",
        "an effect without an undo",
        """Every call, http, sql, task and saga step that can still be rolled back says how: with an action, with none
        (nothing to undo, said out loud), with child (a child run, by its own steps) or, on the pivot only, with
        impossible. In a file without a pivot that is every such step. After the pivot nothing rolls back, and nothing
        need be said.""",
        wrong="reserve:\n  call: inventory.reserve",
        right="reserve:\n  call: inventory.reserve\n  compensate: {call: inventory.release}",
        why="An undo that was forgotten is found on the day it is needed.",
    ),
    explanation(
        "SAGA211",
        "impossible to undo, but not the pivot",
        "What cannot be taken back must be the point of no return, or a later failure could not be undone.",
        wrong="compensate: impossible",
        right="compensate: impossible\npivot: true",
    ),
    explanation(
        "SAGA212",
        "a second pivot",
        "A run passes one point of no return. Behind it nothing rolls back, so a second one has no meaning.",
    ),
    explanation(
        "SAGA213",
        "two answers to one failure",
        """optional says that a failure does not matter, on_failure: hold that an operator must look, catch: {any: …}
        what happens instead; a pivot's failure always matters. Keep one.""",
    ),
    explanation(
        "SAGA214",
        "a failure after the pivot",
        """fail, fail_when and a fail in a body ask for a rollback, and after the pivot there is none. Finish with end
        and an outcome of its own, catch the code, make the step optional, let it hold (on_failure: hold), or move the
        pivot.""",
        wrong="on_timeout: {fail: not_delivered}",
        right="on_timeout: {end: not_delivered}",
    ),
    explanation(
        "SAGA215",
        "a step that no run can reach",
        "The steps before it always end the run. Give the end or fail before it a condition, or remove the step.",
    ),
    explanation(
        "SAGA220",
        "a timeout without on_timeout",
        """A wait or a group with a timeout says what happens when it passes: continue, or steps, then at most one of
        end and fail.""",
        wrong="wait: {signal: paid, timeout: 30m}",
        right="wait: {signal: paid, timeout: 30m}\non_timeout: {fail: timeout}",
    ),
    explanation(
        "SAGA221",
        "an on_timeout that can never run",
        """Only a wait for signals and a group with a timeout time out, and not with timeout: never. After for and until
        the next step follows.""",
    ),
    explanation(
        "SAGA222",
        "two ends",
        "A body ends in one way: end finishes well, fail undoes everything so far; without both the run goes on.",
        wrong="on_timeout: {end: unpaid, fail: timeout}",
        right="on_timeout: {fail: timeout}",
    ),
    explanation(
        "SAGA230",
        "a signal that is not declared",
        "A signal is declared under signals with the schema of its payload, before a step waits for it.",
        right="signals:\n  paid:\n    payload: {amount: {type: number}}",
    ),
    explanation(
        "SAGA231",
        "a signal that no step waits for",
        "A warning: who sends it is told that it came too late, always. Remove it, or add the wait.",
    ),
    explanation(
        "SAGA232",
        "the wrong fields passed on",
        """What a webhook or a schedule passes on in with are the fields of the signal's payload, or of the input of the
        saga it starts: all those without a default, and no others. A path in the list is passed under its last
        name.""",
    ),
    explanation(
        "SAGA233",
        "one path for two webhooks",
        """Each webhook is served at a path of its own, also among the sagas of a project. Of two sagas that want one
        path, the server takes the one whose file comes first, and leaves the other out.""",
    ),
    explanation(
        "SAGA240",
        "one name for two arguments",
        "A list in with passes each path under its last name. Where two end in the same name, write a map.",
        wrong="with: [steps.a.key, steps.b.key]",
        right='with: {first: "${{ steps.a.key }}", second: "${{ steps.b.key }}"}',
    ),
    explanation(
        "SAGA241",
        "not an address",
        "The address of an http step starts with https:// or http://, or with an expression that does.",
        wrong="http: {post: /shipments}",
        right="http:\n  post: ${{ env.SHIPPING_URL }}/shipments",
    ),
    explanation(
        "SAGA242",
        "a body that is not sent",
        "with is the JSON body of a request, and a get request has none. Write the values into the address.",
    ),
    explanation(
        "SAGA243",
        "a header field that cannot be written",
        """Some header fields are the engine's: Idempotency-Key is the step's key and the same in every attempt;
        Authorization comes from auth where that is given; length, type and host follow from the request.""",
    ),
    explanation(
        "SAGA244",
        "retry rules that contradict each other",
        """Seen with what is inherited, first_delay is longer than max_delay, or one code stands both in except (a
        rejection that ends the retries) and in also (a rejection that is tried again). A step that is tried at most
        once has no retry at all.""",
        wrong="retry: {first_delay: 5m}",
        right="retry: {first_delay: 5m, max_delay: 1h}",
    ),
    explanation(
        "SAGA250",
        "a statement that cannot stand in a step",
        """An sql step is one SELECT, INSERT, UPDATE, DELETE, MERGE or CALL, also behind WITH. It commits together with
        the journal, so it cannot begin or end a transaction, and tables are made by your migrations.""",
    ),
    explanation(
        "SAGA251",
        "more than one statement",
        "An sql step is one statement. Write one step for each, or a function in the database and CALL it.",
    ),
    explanation(
        "SAGA252",
        "the engine's own schema",
        "The schema saga holds runs and their journal. Statements of steps have no business there.",
    ),
    explanation(
        "SAGA253",
        "placeholders and arguments that do not meet",
        """Values reach a statement as :name placeholders, and with gives each its value: no more, no fewer. Numbered
        placeholders and ${{ }} inside the text are refused.""",
        wrong="sql: UPDATE orders SET paid = true WHERE id = '${{ input.order_id }}'",
        right="sql: UPDATE orders SET paid = true WHERE id = :order_id\nwith: [input.order_id]",
        why="A value that is pasted into SQL can be read as SQL.",
    ),
    explanation(
        "SAGA260",
        "no id",
        """A warning: without an id every start makes a run of its own, also the second start of the same business case.
        With an id from the input, starting twice is harmless.""",
        right="id: ${{ input.order_id }}",
    ),
)
