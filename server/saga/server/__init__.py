"""The HTTP API of saga, to be served by itself (``saga serve``) or mounted in a service of your own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saga.server.app import create_app
    from saga.server.settings import Settings

__all__ = ["Settings", "create_app"]

_WHERE = {"Settings": "saga.server.settings", "create_app": "saga.server.app"}


def __getattr__(name: str) -> Any:
    """Imported when first asked for: the rooms of this package import each other, not this door."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
