"""The OpenAPI document as one page for people: no script, nothing from elsewhere. It must not know the route table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

STYLE = """\
:root { color-scheme: light dark; --line: #8885; --soft: #8882; --accent: light-dark(#0b57d0, #8ab4f8) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem }
h1 { margin: 0.5rem 0 } h2 { margin-top: 2.5rem } p { margin: 0.3rem 0 }
a { color: var(--accent) }
code, pre { font: 13px/1.45 ui-monospace, monospace }
pre { background: var(--soft); padding: 0.6rem; overflow: auto }
section { border-top: 1px solid var(--line); padding: 0.8rem 0 }
section h3 { margin: 0; font-size: 1rem }
.method { display: inline-block; min-width: 3.2rem; font-weight: 700 }
table { border-collapse: collapse; width: 100%; margin: 0.4rem 0 }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th, td { padding: 0.15rem 0.8rem 0.15rem 0 }
th { font-weight: 600 }
summary { cursor: pointer }
"""

Schema = Mapping[str, Any]


def make_page(document: Schema, root_path: str) -> str:
    """The page. ``root_path``: where this server is mounted."""
    return "\n".join(_page(document, escape(root_path)))


def _page(document: Schema, root: str) -> Iterator[str]:
    info = document["info"]
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{escape(info['title'])} API</title>"
    yield f'<link rel="stylesheet" href="{root}/docs/style.css">\n</head>\n<body>'
    yield f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
    yield f"<p>{escape(info['description'])}</p>"
    yield f'<p>For programs: <a href="{root}/openapi.json">openapi.json</a> (OpenAPI 3.1). '
    yield f'What can go wrong: <a href="{root}/v1/problems">problems</a>.</p>'
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for group in dict.fromkeys(operation["tags"][0] for _, _, operation in operations):
        yield f"<h2>{escape(group)}</h2>"
        for method, path, operation in operations:
            if operation["tags"][0] == group:
                yield from _operation(method, path, operation)
    yield "<h2>Shapes</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<section id="{escape(name)}"><details><summary><code>{escape(name)}</code> '
        yield f"{escape(schema.get('description', ''))}</summary>{_json(schema)}</details></section>"
    yield "</body>\n</html>\n"


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f'<section id="{escape(operation["operationId"])}">'
    yield f'<h3><code><span class="method">{method.upper()}</span> {escape(path)}</code></h3>'
    yield f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        yield "<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>"
        for each in parameters:
            yield f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td>"
            yield f"<td>{_type(each['schema'])}</td><td>{escape(each['description'])}</td></tr>"
        yield "</table>"
    if body := operation.get("requestBody"):
        for media_type, content in body["content"].items():
            yield f"<p>Body, <code>{escape(media_type)}</code>: {_type(content['schema'])}</p>"
    yield "<table><tr><th>answer</th><th></th><th></th></tr>"
    for status, answer in operation["responses"].items():
        kinds = [_type(content["schema"]) for content in answer.get("content", {}).values()]
        yield f"<tr><td>{status}</td><td>{', '.join(kinds)}</td><td>{escape(answer['description'])}</td></tr>"
    yield "</table></section>"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(word))}</code>" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return f"<code>{escape(str(schema.get('type', 'anything')))}</code>"


def _json(schema: Schema) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
