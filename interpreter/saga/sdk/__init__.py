"""What users import: to write actions, and to embed saga in their own service. Everything else is not for them.

What only an embedding service needs is imported when it is first asked for: a file of actions pays for none of it.
"""

from typing import TYPE_CHECKING, Any

from saga.interpreter.actions.answers import Later, Rejected
from saga.interpreter.actions.registry import StepContext, action
from saga.sdk.barriers import barrier, barrier_schema

if TYPE_CHECKING:
    from saga.interpreter.client import (
        AmbiguousRun,
        Conflict,
        NotNow,
        Refused,
        RunEnded,
        UnknownRun,
        UnknownSaga,
        UnknownSignal,
    )
    from saga.interpreter.store import StoreMismatch, StoreUnavailable
    from saga.schema.problems import DefinitionProblems
    from saga.schema.values import ValueProblem
    from saga.sdk.client import Run, SagaClient, connect

__all__ = [
    "AmbiguousRun",
    "Conflict",
    "DefinitionProblems",
    "Later",
    "NotNow",
    "Refused",
    "Rejected",
    "Run",
    "RunEnded",
    "SagaClient",
    "StepContext",
    "StoreMismatch",
    "StoreUnavailable",
    "UnknownRun",
    "UnknownSaga",
    "UnknownSignal",
    "ValueProblem",
    "action",
    "barrier",
    "barrier_schema",
    "connect",
]

_LATER = {
    **dict.fromkeys(("Run", "SagaClient", "connect"), "saga.sdk.client"),
    **dict.fromkeys(("StoreMismatch", "StoreUnavailable"), "saga.interpreter.store"),
    "DefinitionProblems": "saga.schema.problems",
    "ValueProblem": "saga.schema.values",
}
_REFUSALS = "saga.interpreter.client"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER.get(name, _REFUSALS)), name)
