"""Which webhook is served at which path: those of every saga of the project, as it was registered last.

It must not know requests or signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from saga.interpreter.client import Client
from saga.server.webhooks.hook import Hook, compile_hook

_FRESH = 1.0
"""Seconds for which what was read is taken for true: a deployed webhook is served that much later."""


class Book:
    """The webhooks of a project by path."""

    def __init__(self, client: Client, project: int, clock: Callable[[], float] = monotonic) -> None:
        self._client = client
        self._project = project
        self._clock = clock
        self._by_path: dict[str, list[Hook]] = {}
        self._definitions: tuple[int, ...] = ()
        self._read_at = float("-inf")

    async def at(self, path: str) -> list[Hook]:
        """The webhooks of that path: none, one, or, where two sagas claim it, more. Raises StoreUnavailable."""
        await self._read()
        return self._by_path.get(path, [])

    async def named(self, saga: str, name: str) -> Hook | None:
        """The webhook of that name in a saga. Raises StoreUnavailable."""
        await self._read()
        found = (hook for hooks in self._by_path.values() for hook in hooks)
        return next((hook for hook in found if hook.saga == saga and hook.name == name), None)

    async def _read(self) -> None:
        if self._clock() - self._read_at < _FRESH:
            return
        rows = await self._client.store.definitions(self._project)
        numbers = tuple(row.id for row in rows)
        if numbers != self._definitions:
            by_path: dict[str, list[Hook]] = {}
            for number in numbers:
                _, definition = await self._client.definitions.get(number)
                for webhook in definition.webhooks:
                    hook = compile_hook(definition, webhook)
                    by_path.setdefault(hook.path, []).append(hook)
            self._by_path, self._definitions = by_path, numbers
        self._read_at = self._clock()
