"""Pages of `saga explain`: expressions in a file (SAGA301 to SAGA309). It must not know how problems are found."""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA301",
        "not an expression",
        """Expressions are Python expressions of a short list of forms: paths, comparisons, and/or/not, arithmetic, a if
        c else b, comprehensions and a few functions. In values they stand in ${{ }}; when, if, accept_when and
        fail_when are always expressions and have no braces.""",
        wrong='when: ${{ outcome == "timeout" }}',
        right='when: outcome == "timeout"',
    ),
    explanation(
        "SAGA302",
        "not a path",
        "A list in with holds paths, each passed under its last name. For anything computed write a map.",
        wrong='with: ["len(input.items)"]',
        right='with: {count: "${{ len(input.items) }}"}',
    ),
    explanation(
        "SAGA303",
        "an unknown step",
        """The expression reads a step that the file does not have, or a part of a compensation, whose answer is not
        kept.""",
    ),
    explanation(
        "SAGA304",
        "an unknown field",
        "The expression reads a field that the input, or the payload of the signal, does not declare.",
    ),
    explanation(
        "SAGA305",
        "a name that cannot be read here",
        """What an expression sees depends on its place. Steps see input, steps before them, run and step.key; fail_when
        also output; the if of a wait also payload; too_late input and payload; webhooks body; id and labels input;
        finally and output also outcome and error. env.NAME stands only in the address and headers of http.""",
        why="What is read becomes part of the run and of its history; secrets must not.",
    ),
    explanation(
        "SAGA306",
        "a step that has not run yet",
        """A step reads what is done when it opens: the steps before it, by the order written or by needs. A block is
        done after the steps in it. Its own output a step sees in its compensate and fail_when.""",
    ),
    explanation(
        "SAGA307",
        "an unknown member",
        """Of a step one reads output, key, error, status and, for http, response, of a repeat also last. Some parts
        have fixed members: rows and count of sql, status and headers of a response, id and started_at of run.""",
        wrong="with: [steps.reserve.reservation_id]",
        right="with: [steps.reserve.output.reservation_id]",
    ),
    explanation(
        "SAGA308",
        "a step in another branch",
        """The step may run at the same time as the one that reads it, or instead of it, so what it answers may not
        exist. Read it behind the block, where all branches are done, or let one step need the other.""",
    ),
    explanation(
        "SAGA309",
        "a step inside a loop",
        """A step in a loop answers once for each item or round, so from outside there is not one output to read. The
        loop's own output is the list of what the last step of each round answered; of a repeat, last is the last
        one.""",
        wrong="with: [steps.book_car.output.id]",
        right="with: [steps.each_car.output]",
    ),
)
