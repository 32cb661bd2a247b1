"""The sagas of the project: their texts, schemas and pictures."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from saga.interpreter.stored import DefinitionRow
from saga.schema.definition import Definition
from saga.schema.drawing import render
from saga.schema.language.json_schema import committed_text
from saga.server.answers import json_answer
from saga.server.endpoints import JSON, NoQuery
from saga.server.house import Call

SVG = "image/svg+xml"


async def listing(call: Call[NoQuery, None]) -> Response:
    """The sagas, by name."""
    found = [await call.client.definitions.get(row.id) for row in await call.client.store.definitions(call.project)]
    return json_answer({"definitions": [_entry(row, definition) for row, definition in found]})


async def get(call: Call[NoQuery, None]) -> Response:
    """One saga as a new run takes it."""
    row, definition = await call.client.deployed(call.project, call.path["saga"])
    whole = _entry(row, definition) | {
        "input": dict(definition.input.schema),
        "signals": {name: dict(signal.schema) for name, signal in definition.signals.items()},
        "steps": [
            {
                "step": step.name,
                "verb": step.verb.value,
                "inside": list(step.path),
                "pivot": step.pivot,
                "optional": step.optional,
            }
            for step in (*definition.steps, *definition.final_steps)
        ],
        "text": definition.text,
    }
    return json_answer(whole)


async def graph(call: Call[NoQuery, None]) -> Response:
    """The picture of a saga."""
    _, definition = await call.client.deployed(call.project, call.path["saga"])
    return Response(render(definition, "svg"), media_type=SVG)


async def schema(call: Call[NoQuery, None]) -> Response:
    """The JSON Schema of saga files, for editors."""
    return Response(committed_text(), media_type=JSON)


def _entry(row: DefinitionRow, definition: Definition) -> dict[str, Any]:
    return {
        "saga": row.name,
        "version": row.label,
        "description": definition.description,
        "digest": row.digest.hex(),
    }
