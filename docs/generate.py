"""Writes the parts of these pages that the program knows best, and the pictures.

    .venv/bin/python docs/generate.py            writes them
    .venv/bin/python docs/generate.py --check    only says which of them are not up to date

In a page such a part stands between ``<!-- generated: KIND ARGUMENTS -->`` and ``<!-- end -->``. Everything is asked of
the program itself: its JSON Schema, its explanations, its options, its pictures, its table of HTTP addresses.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from saga.cli.main import SECTIONS, cli
from saga.server.openapi import make
from saga.server.problems import KINDS
from saga.server.table import ENDPOINTS

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PICTURES = {
    **{
        f"{path.stem}.svg": ("render", f"sagas/{path.name}")
        for path in sorted((ROOT / "sagas").glob("*.yaml"))
        if "." not in path.stem
    },
    "checkout-failure.svg": ("render", "sagas/checkout.yaml", "--failure", "charge_payment"),
}
_PART = re.compile(r"(<!-- generated: (?P<what>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Writes what has changed; with --check says what would be written, and fails if there is something."""
    check = "--check" in sys.argv[1:]
    changed = [path for path, text in made() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        for path in changed:
            print(f"{path.relative_to(ROOT)} is not up to date", file=sys.stderr)
        return 1 if changed else 0
    for path, text in made():
        path.write_text(text, "utf-8")
    return 0


def made() -> Iterator[tuple[Path, str]]:
    """Every file that has a generated part, with its text as it should be."""
    for name, arguments in PICTURES.items():
        yield DOCS / "pictures" / name, saga(*arguments, "--format", "svg")
    shown: set[str] = set()
    for path in sorted(DOCS.rglob("reference/**/*.md")):
        text = path.read_text("utf-8")
        if _PART.search(text):
            new = _PART.sub(lambda match: f"{match[1]}\n{_part(match['what'])}\n{match[3]}", text)
            shown.update(re.findall(r"^\| `([a-z_0-9]+)` \|", new, re.MULTILINE))
            yield path, new
    missing = {key for each in _maps().values() for key in each.get("properties", {})} - shown
    if missing:
        raise SystemExit(f"no table of docs/reference/language has the keys {sorted(missing)}")


def saga(*arguments: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(cli, [str(ROOT / each) if each.startswith("sagas/") else each for each in arguments])
    if done.exit_code != 0 or done.exception is not None:
        raise SystemExit(f"saga {' '.join(arguments)}: {done.output}") from done.exception
    return done.stdout


def _part(what: str) -> str:
    kind, *arguments = what.split()
    return _KINDS[kind](*arguments)


# -- keys of the language


def _keys(*wanted: str) -> str:
    """The keys of maps of the schema, as one table. ``wanted``: ``Map`` or ``Map:key,key`` each."""
    lines = ["| key | value | meaning |", "|---|---|---|"]
    for each in wanted:
        name, _, only = each.partition(":")
        found = _maps()[name]
        # Of maps that stand for each other, none of the keys that tell them apart is required.
        required = found.get("required", []) if len(wanted) == 1 else []
        for key in only.split(",") if only else found["properties"]:
            schema = found["properties"][key]
            must = " Required." if key in required else ""
            lines.append(f"| `{key}` | {_kind(schema)} | {_meaning(schema)}{must} |")
    return "\n".join([*lines, ""])


def _test_keys(name: str) -> str:
    """The keys of a map of test files, as a table."""
    found = _test_maps()[name]
    lines = ["| key | value | meaning |", "|---|---|---|"]
    for key, schema in found["properties"].items():
        must = " Required." if key in found.get("required", []) else ""
        lines.append(f"| `{key}` | {_kind(schema)} | {_meaning(schema)}{must} |")
    return "\n".join([*lines, ""])


def _test_maps() -> dict[str, dict[str, Any]]:
    """Every map of the schema of test files, and the file itself as ``file``."""
    schema: dict[str, Any] = json.loads(saga("schema", "--test"))
    return {"file": schema, **schema["$defs"]}


def _places(key: str) -> str:
    """Beside which verbs a key stands, or what stands beside a verb."""
    maps = {name: each for name, each in _maps().items() if "properties" in each}
    steps = {_verb(name): each["properties"] for name, each in maps.items() if each["title"] == "step"}
    verbs = [verb for verb, properties in steps.items() if key in properties and verb != key]
    finals = [each["properties"] for each in maps.values() if each["title"] == "finally step"]
    others = [page for page, name in _ELSEWHERE.items() if key in maps[name]["properties"]]
    others += ["finally"] if any(key in properties for properties in finals) else []
    elsewhere = ", ".join(f"[{page}]({page}.md)" for page in others)
    if key in steps:
        beside = [other for other in steps[key] if other != key and (DOCS / f"reference/language/{other}.md").exists()]
        found = [f"Beside it: {' · '.join(f'[{other}]({other}.md)' for other in beside)}."]
        found += [f"Also in {elsewhere}."] if elsewhere else []
    else:
        found = [f"Beside {', '.join(f'[{verb}]({verb}.md)' for verb in verbs)}."] if verbs else []
        found += [f"In {elsewhere}."] if elsewhere else []
    return "\n\n".join(found) + "\n"


_ELSEWHERE = {
    "compensate": "CallCompensation",
    "signals": "TooLate",
    "webhooks": "StartWebhook",
    "schedule": "Schedule",
}
"""Pages of other maps that share keys with steps, and the map."""


def _verb(name: str) -> str:
    """The verb of a kind of step, by the name of its map."""
    return {"GroupStep": "steps"}.get(name, name.removesuffix("Step").lower())


def _maps() -> dict[str, dict[str, Any]]:
    """Every map of the schema by its name, and the file itself as ``file``."""
    schema: dict[str, Any] = json.loads(saga("schema"))
    return {"file": schema, **schema["$defs"]}


def _meaning(schema: dict[str, Any]) -> str:
    text: str = schema.get("description") or _resolved(schema).get("description", "")
    text = re.sub(r" \(semantics\.md [^)]*\)", "", text)
    text = re.sub(r"(?<![`\w])(\$\{\{ [^}]* \}\})(?!`)", r"`\1`", text)
    return text.replace("|", "\\|")


def _kind(schema: dict[str, Any]) -> str:
    """What stands behind the colon, in words."""
    if "$ref" in schema:
        return _titled(_resolved(schema))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_titled(schema['items'])}s"
    inside = schema.get("additionalProperties")
    if isinstance(inside, dict):
        named = _titled(schema.get("propertyNames", {"title": "text"}))
        return f"map: {named} → {_titled(_resolved(inside))}"
    return "`true` or `false`" if schema.get("type") == "boolean" else _titled(schema)


def _titled(schema: dict[str, Any]) -> str:
    found: str = schema.get("title") or schema.get("type") or "value"
    return "text" if found == "string" else found


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    found = _maps()
    return found[name] if name in found else _test_maps()[name]


# -- commands


def _commands() -> str:
    """Every command with its help, its arguments and its options."""
    parts: list[str] = []
    for title, entries in SECTIONS:
        parts.append(f"## {title}\n")
        for entry in entries:
            command = cli.get_command(click.Context(cli), entry.name)
            assert command is not None
            parts += _with_inner(command, f"saga {entry.name}")
    return "\n".join(parts)


def _with_inner(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _with_inner(inner, f"{path} {name}")
        return
    context = click.Context(command, info_name=path, terminal_width=88, help_option_names=["-h", "--help"])
    yield f"### {path}\n\n```text\n{command.get_help(context)}\n```\n"


# -- errors


def _errors() -> str:
    """Every page of `saga explain`."""
    parts: list[str] = []
    for each in json.loads(saga("explain", "--json"))["codes"]:
        page = json.loads(saga("explain", each["code"], "--json"))
        parts.append(f"### {page['code']}: {page['title']}\n\n{_as_markdown(page['text'])}\n")
    return "\n".join(parts)


def _as_markdown(text: str) -> str:
    """Paragraphs as they are, with what looks like tags or emphasis kept from being read as such; examples fenced."""
    parts = [
        "```text\n" + re.sub(r"^ {4}", "", part, flags=re.MULTILINE) + "\n```" if part.startswith(" ") else _plain(part)
        for part in re.split(r"\n\n(?! )|\n\n(?= {4})", text)
    ]
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    return re.sub(r"([<>*_`])", r"\\\1", text)


# -- HTTP


def _addresses(group: str) -> str:
    """The addresses of one group of the route table."""
    lines = ["| address | what it does | scope | answers |", "|---|---|---|---|"]
    for endpoint in ENDPOINTS:
        if endpoint.group == group:
            codes = dict.fromkeys(answer.status for answer in endpoint.answers)
            codes |= dict.fromkeys(KINDS[code].status for code in endpoint.problems)
            scope = f"`{endpoint.scope}`" if endpoint.scope else ""
            told = ", ".join(map(str, codes))
            lines.append(f"| `{endpoint.method} {endpoint.path}` | {endpoint.summary} | {scope} | {told} |")
    return "\n".join(lines)


def _parameters(name: str) -> str:
    """The parameters of one address, by its operation's name."""
    (operation,) = (
        operation
        for methods in make(ENDPOINTS, "")["paths"].values()
        for operation in methods.values()
        if operation["operationId"] == name
    )
    lines = ["| parameter | meaning |", "|---|---|"]
    for each in operation["parameters"]:
        if each["in"] == "query":
            lines.append(f"| `{each['name']}` | {each['description']} |")
    return "\n".join(lines)


def _problems() -> str:
    """Every code of a problem document."""
    lines = ["| code | status | meaning | what to do |", "|---|---|---|---|"]
    for code, kind in sorted(KINDS.items(), key=lambda item: (item[1].status, item[0])):
        lines.append(f"| `{code}` | {kind.status} | {kind.title} | {kind.move} |")
    return "\n".join(lines)


_KINDS: dict[str, Callable[..., str]] = {
    "keys": _keys,
    "places": _places,
    "test-keys": _test_keys,
    "commands": _commands,
    "errors": _errors,
    "addresses": _addresses,
    "parameters": _parameters,
    "problems": _problems,
}

if __name__ == "__main__":
    sys.exit(main())
