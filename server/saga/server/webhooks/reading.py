"""A verified body as a value: JSON, or a form as some senders post it. It must not know what the value is for."""

from __future__ import annotations

from urllib.parse import parse_qsl

from saga.schema.values import Value, ValueProblem, normalise, parse

LIMIT = 1024 * 1024
"""Bytes of a body (promises.md)."""
_MOST_FIELDS = 1000


def read_body(body: bytes, content_type: str) -> Value:
    """The value in a body: a form where the sender says so, else JSON. Raises ValueProblem.

    A form is a map of texts; a field that is there more than once is a list of them. A field ``payload`` that holds
    JSON is read too, as GitHub and Slack send it: the body is then what stands in it.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return parse(body, what="the body", limit=LIMIT)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise ValueProblem("validation", "the body is no form: send UTF-8, percent-encoded, of few fields") from None
    if len(fields) == 1 and fields[0][0] == "payload":
        return parse(fields[0][1], what="payload in the body", limit=LIMIT)
    found: dict[str, object] = {}
    for name, text in fields:
        before = found.get(name)
        if before is None:
            found[name] = text
        else:
            found[name] = [*before, text] if isinstance(before, list) else [before, text]
    return normalise(found, what="the body", limit=LIMIT)
