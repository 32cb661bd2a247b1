"""Pages of `saga explain`: the shape of a file (SAGA101 to SAGA122).

It must not know how problems are found.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA101",
        "an unknown key",
        """A map of the file has a key that the language does not know. Mostly it is a slip of the pen: the hint
        names the nearest key that may stand there.""",
        wrong="compensat: none",
        right="compensate: none",
        why="A key that nobody reads would be a promise that nobody keeps.",
    ),
    explanation(
        "SAGA102",
        "a missing key",
        "A map lacks a key that it cannot do without; the message names it, the hint says what to write.",
        wrong="wait: {signal: payment_received}",
        right="wait: {signal: payment_received, timeout: 30m}",
    ),
    explanation(
        "SAGA103",
        "a value of the wrong kind",
        """A map, a list, text, a number or true/false was expected, and something else stands there. A key without
        a value counts as nothing: write the value, or leave the key out.""",
        wrong="with: input.order_id",
        right="with: [input.order_id]",
    ),
    explanation(
        "SAGA104",
        "not one of the words",
        "Only certain words may stand there; the message lists them.",
        wrong="compensate: payment.refund",
        right="compensate: {call: payment.refund}",
    ),
    explanation(
        "SAGA105",
        "not a name",
        """Names of sagas, steps, signals and webhooks, outcomes and statuses are small letters, digits and _, a
        letter first. They are addresses: in expressions, on the command line, in history.""",
        wrong="charge-card:",
        right="charge_card:",
    ),
    explanation(
        "SAGA106",
        "nothing says what it is",
        """A step has exactly one verb (call, http, sql, wait, fail, end), a request one method, a wait one thing to
        wait for, a webhook one effect. Here there is none.""",
        wrong="charge:\n  with: [input.order_id]",
        right="charge:\n  call: payment.charge\n  with: [input.order_id]",
    ),
    explanation(
        "SAGA107",
        "two things at once",
        "A step has exactly one verb, a request one method, a webhook one effect. Here there are two: make two steps.",
        wrong="charge:\n  call: payment.charge\n  http: {post: https://bank.example/charges}",
        right="charge:\n  call: payment.charge",
    ),
    explanation(
        "SAGA108",
        "a key in the wrong place",
        "The key belongs to the language, but not there: it has no meaning for this verb, or stands one level off.",
        wrong="wait: {signal: paid, timeout: 30m, on_timeout: {fail: timeout}}",
        right="wait: {signal: paid, timeout: 30m}\non_timeout: {fail: timeout}",
    ),
    explanation(
        "SAGA109",
        "not a duration",
        """Durations are numbers with units, from big to small: 500ms, 30s, 5m, 12h, 30d, 1h30m; at most ten years.
        A bare number does not say its unit.""",
        wrong="attempt_timeout: 30",
        right="attempt_timeout: 30s",
    ),
    explanation(
        "SAGA110",
        "out of range",
        "The number or duration is too small or too big for its place; the message names the bound.",
        wrong="retry: {attempts: 0}",
        right="retry: {attempts: 1}",
    ),
    explanation(
        "SAGA111",
        "empty",
        "Something must stand there: a saga has a step, a body says what happens, an expression has a text.",
        wrong="on_timeout: {}",
        right="on_timeout: continue",
    ),
    explanation(
        "SAGA112",
        "badly written",
        """The text is not written as its place needs it: a function is words joined by dots, a secret is the name
        of an environment variable, a webhook's path starts with /webhooks/, a timestamp carries its offset.""",
        wrong="auth: {bearer: sk-live-abc123}",
        right="auth: {bearer: SHIPPING_TOKEN}",
        why="Secrets are named and never written, so that no file, journal or log can hold one.",
    ),
    explanation(
        "SAGA120",
        "not a JSON Schema",
        "Each field of the input and of a payload, and an output_schema, is a JSON Schema (2020-12).",
        wrong="amount: {type: number, minimum: ten}",
        right="amount: {type: number, minimum: 10}",
    ),
    explanation(
        "SAGA121",
        "a JSON Schema that leads elsewhere",
        """References stay inside the field's own schema (#/$defs/…), lead to something, and not in a circle; $id
        and anchors cannot be used.""",
        wrong='address: {$ref: "https://example.org/address.json"}',
        right="address: {type: object, properties: {street: {type: string}}}",
        why="Nothing is fetched while a saga is checked or run, and a file means the same everywhere.",
    ),
    explanation(
        "SAGA122",
        "a default that does not fit",
        "The default of a field is used as if it had been sent, so it must fit the field's schema.",
        wrong='amount: {type: number, default: "12"}',
        right="amount: {type: number, default: 12}",
    ),
)
