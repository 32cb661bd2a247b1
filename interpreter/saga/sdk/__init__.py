"""What users import to write actions. Everything else in this distribution is not for them."""

from saga.interpreter.actions import StepContext, action
from saga.interpreter.answers import Later, Rejected
from saga.sdk.barriers import barrier, barrier_schema

__all__ = ["Later", "Rejected", "StepContext", "action", "barrier", "barrier_schema"]
