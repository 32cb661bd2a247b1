"""What users import to test sagas from Python. With pytest the fixture ``saga_env`` gives an `Environment`."""

from saga.testing.environment import Environment, Run

__all__ = ["Environment", "Run"]
