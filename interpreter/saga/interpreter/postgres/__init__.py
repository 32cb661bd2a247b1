"""Postgres, through asyncpg: the durable store. Only the wiring imports it."""

from saga.interpreter.postgres.migrations import upgrade
from saga.interpreter.postgres.store import PostgresStore

__all__ = ["PostgresStore", "upgrade"]
