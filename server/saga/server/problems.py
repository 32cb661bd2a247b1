"""What can go wrong in a request, and how it is told: one table of codes, RFC 9457 problem documents.

The codes are those of the command line where both can meet the same. This room must not know routes or stores' insides.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from saga.interpreter.client import Refused
from saga.interpreter.store import StoreMismatch, StoreUnavailable
from saga.schema.values import ValueProblem

MEDIA_TYPE = "application/problem+json"
PAGES = "/v1/problems/"
"""Where each code has its page."""

log = logging.getLogger("saga.server")


class Kind(NamedTuple):
    """One code: its status, what it means, and what the caller does next."""

    status: int
    title: str
    move: str


KINDS: dict[str, Kind] = {
    "malformed": Kind(
        400,
        "The body is no JSON that can be read without doubt",
        "Send one JSON text in UTF-8, without repeated keys, NaN, or numbers that a double cannot hold.",
    ),
    "parameter": Kind(
        400,
        "A part of the address or a header field is wrong",
        "`errors` names the parameter; /openapi.json says what it takes.",
    ),
    "unauthenticated": Kind(
        401,
        "Nobody knows who asks",
        "Send a token in the header: `Authorization: Bearer saga_…`; `saga token create` makes one.",
    ),
    "bad_signature": Kind(
        401,
        "The signature of the webhook does not fit",
        "Sign the raw bytes of the body with the secret that this server has; `saga trigger` sends a correct one.",
    ),
    "forbidden": Kind(403, "The token does not allow this", "`saga token create --scope` makes one that does."),
    "foreign_origin": Kind(403, "A page of another site asks", "An operator allows a site with `--allow-origin`."),
    "unknown_host": Kind(421, "The server does not go by that name", "An operator adds it with `--allow-host`."),
    "too_many": Kind(429, "Too many requests", "`Retry-After` says how long to wait."),
    "webhook_not_ready": Kind(
        503,
        "The webhook cannot be verified here",
        "The server's log says what an operator has to set; send it again later.",
    ),
    "expression": Kind(
        422,
        "An expression of the saga has no value for this body",
        "`detail` says which; send what it reads.",
    ),
    "key": Kind(422, "The key cannot be used", "A key has 1 to 200 printable characters."),
    "not_found": Kind(404, "There is nothing at this address", "/openapi.json lists the addresses."),
    "unknown_run": Kind(404, "No run has that address", "GET /v1/runs lists the runs there are."),
    "unknown_saga": Kind(404, "No saga of that name is deployed", "GET /v1/definitions lists the sagas there are."),
    "unknown_signal": Kind(404, "The saga declares no such signal", "The definition of the saga lists its signals."),
    "unknown_step": Kind(404, "The saga has no step of that name", "The definition of the saga lists its steps."),
    "unknown_version": Kind(
        404, "The saga has no such version", "Workers and `client.register` make versions known; `latest` is one, too."
    ),
    "unknown_task": Kind(404, "No task has that name", "Use the name that came with the task."),
    "unknown_problem": Kind(404, "No problem has that code", "GET /v1/problems lists them all."),
    "method": Kind(405, "This address does not take that method", "`Allow` lists those it takes."),
    "ambiguous_run": Kind(409, "Several runs have that id", "Name the saga too."),
    "conflict": Kind(
        409,
        "The id is held by a run that was started with another input",
        "Look at that run; use another id, or `again` once it has ended.",
    ),
    "run_ended": Kind(409, "The run has ended, and nothing takes care of this", "An ended run does not change."),
    "not_now": Kind(409, "The run is not in a state in which this makes sense", "Look at the run, then decide."),
    "late": Kind(
        409,
        "The attempt is over: given up, answered, or taken away for its silence",
        "Stop; an effect that it had is known to the saga as possible, and cared for. Take tasks anew.",
    ),
    "mailbox_full": Kind(
        409,
        "The run has as many unread signals as it may have",
        "Look at the run for why it does not read them; send it again later.",
    ),
    "in_flight": Kind(
        409,
        "A request with this Idempotency-Key is still being answered",
        "Send the same request again a little later.",
    ),
    "too_large": Kind(413, "The request is too large", "Keep the data elsewhere; send its id."),
    "media_type": Kind(415, "The body is not declared as JSON", "Send `Content-Type: application/json`."),
    "validation": Kind(
        422,
        "The body does not have the form that is asked for",
        "`errors` points to the place; GET /v1/definitions/{saga} has the schema.",
    ),
    "id": Kind(
        422,
        "The run's id cannot be used or computed",
        "An id has 1 to 200 printable characters, no spaces and no slashes.",
    ),
    "not_storable": Kind(422, "A value cannot be stored as it is", "`detail` says which, and what to send."),
    "key_reused": Kind(
        422,
        "This Idempotency-Key was used for another request",
        "Use a new key for each request; send the same key only with the very same request.",
    ),
    "slow": Kind(408, "The body did not arrive in time", "Send it again, in one go."),
    "database_unreachable": Kind(
        503,
        "The database is out of reach",
        "Try again; with an Idempotency-Key it counts once.",
    ),
    "database_schema": Kind(503, "The database's schema does not fit this server", "Run `saga db upgrade`."),
    "closing": Kind(503, "The server is about to stop", "Ask another one, or again."),
    "defect": Kind(500, "The server has met something it did not expect", "Its log has the rest."),
}
"""Every code, with its status."""


class Problem(Exception):
    """A request cannot be served. ``errors``: (JSON pointer or parameter, what is wrong there)."""

    def __init__(
        self,
        code: str,
        detail: str,
        hint: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.errors = errors
        self.headers = headers or {}

    @property
    def kind(self) -> Kind:
        """What the table says of the code."""
        return KINDS[self.code]


def at_pointer(pointer: str, detail: str) -> dict[str, str]:
    """One entry of ``errors`` about a place in the body (RFC 6901, as a URI fragment)."""
    return {"pointer": f"#{pointer}", "detail": detail}


def at_parameter(name: str, detail: str) -> dict[str, str]:
    """One entry of ``errors`` about a parameter or a header field."""
    return {"parameter": name, "detail": detail}


def wrong_parameter(name: str, detail: str, hint: str = "") -> Problem:
    """A parameter of the address, the query or the header that cannot be used."""
    return Problem("parameter", detail, hint, errors=[at_parameter(name, detail)])


def problem_of(error: Exception) -> Problem:
    """What an exception means to the caller. What is not known is a defect, without a word of what it was."""
    match error:
        case Problem():
            return error
        case Refused():
            return Problem(error.code, str(error), _next_move(error))
        case ValueProblem():
            return Problem(error.code, error.message, errors=[at_pointer(error.pointer, error.message)])
        case StoreUnavailable():
            return Problem("database_unreachable", "the database is out of reach for now", headers={"Retry-After": "1"})
        case StoreMismatch():
            return Problem("database_schema", "the database's schema does not fit this server")
        case HTTPException():
            return _of_routing(error)
    log.error("a request met a defect", exc_info=error)
    return Problem("defect", "the server has met something it did not expect; its log says what")


def _next_move(error: Refused) -> str:
    """The hint, unless it is a command: who asks over HTTP may have none."""
    return KINDS[error.code].move if "`saga " in error.hint else error.hint


def _of_routing(error: HTTPException) -> Problem:
    code = {404: "not_found", 405: "method", 413: "too_large"}.get(error.status_code)
    if code is None:
        log.error("a request met a defect", exc_info=error)
        return Problem("defect", "the server has met something it did not expect; its log says what")
    return Problem(code, KINDS[code].title.lower(), headers=error.headers)


def document(problem: Problem, root_path: str) -> dict[str, Any]:
    """The problem document (RFC 9457)."""
    told: dict[str, Any] = {
        "type": f"{root_path}{PAGES}{problem.code}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if problem.hint:
        told["hint"] = problem.hint
    if problem.errors:
        told["errors"] = list(problem.errors)
    return told


def answer(request: Request, error: Exception) -> Response:
    """The response to a request that failed."""
    problem = problem_of(error)
    told = document(problem, request.scope.get("root_path", ""))
    return Response(to_json(told) + b"\n", problem.kind.status, dict(problem.headers), MEDIA_TYPE)
