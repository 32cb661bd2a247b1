"""Pages of `saga explain`: expressions in a file (SAGA301 to SAGA307). It must not know how problems are found."""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA301",
        "not an expression",
        """Expressions are Python expressions of a short list of forms: paths, comparisons, and/or/not, arithmetic,
        a if c else b, comprehensions and a few functions. In values they stand in ${{ }}; when, if, accept_when and
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
        """What an expression sees depends on its place. Steps see input, steps before them, run and step.key;
        fail_when also output; the if of a wait also payload; too_late input and payload; webhooks body; id and
        labels input; finally and output also outcome and error. env.NAME stands only in the address and headers of
        http.""",
        why="What is read becomes part of the run and of its history; secrets must not.",
    ),
    explanation(
        "SAGA306",
        "a step that has not run yet",
        """Steps run in the order written, so a step reads only the steps before it. Its own output it sees in its
        compensate and fail_when.""",
    ),
    explanation(
        "SAGA307",
        "an unknown member",
        """Of a step one reads output, key, error, status and, for http, response. Some parts have fixed members:
        rows and count of sql, status and headers of a response, id and started_at of run.""",
        wrong="with: [steps.reserve.reservation_id]",
        right="with: [steps.reserve.output.reservation_id]",
    ),
)
