"""What users import to write actions. Everything else in this distribution is not for them."""

from saga.interpreter.actions.answers import Later, Rejected
from saga.interpreter.actions.registry import StepContext, action
from saga.sdk.barriers import barrier, barrier_schema

__all__ = ["Later", "Rejected", "StepContext", "action", "barrier", "barrier_schema"]
