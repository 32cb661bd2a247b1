"""What the server says of itself: the OpenAPI document, the page to read it, and the codes of problems."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
from http_world import Served

from saga.server import models
from saga.server.openapi import make
from saga.server.problems import KINDS
from saga.server.table import ENDPOINTS

DOCUMENT = make(ENDPOINTS, "")


def check(model: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{model}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_answers_have_the_shape_that_is_documented(site: Served, shop: Callable[..., str], order: str) -> None:
    path = shop()
    site.post(f"{path}/signals/paid", {"amount": 5})
    stuck = site.begin("stuck", id=order)
    for run in (path, stuck):
        check("RunStory", site.get(run).json)
        check("History", site.get(f"{run}/history").json)
    family = site.begin("announce", id=order)
    site.until_status(family, "completed")
    check("RunStory", site.get(family).json)
    check("EmittedPage", site.get("/v1/emitted").json)
    check("RunPage", site.get("/v1/runs").json)
    check("DefinitionList", site.get("/v1/definitions").json)
    check("DefinitionWhole", site.get("/v1/definitions/shop").json)
    check("ProblemKinds", site.get("/v1/problems").json)
    check("ProblemDocument", site.post("/v1/runs", {}).json)


def test_every_endpoint_is_documented_with_its_scope(site: Served) -> None:
    document = site.get("/openapi.json").json
    assert document == DOCUMENT | {"servers": [{"url": "/"}]}
    assert document["openapi"] == "3.1.0"
    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        assert bool(operation["security"]) is bool(endpoint.scope), endpoint.path
        if endpoint.scope:
            assert f"`{endpoint.scope}`" in operation["description"]


def test_every_problem_has_a_place_to_read_about_it(site: Served) -> None:
    listed = {each["code"]: each for each in site.get("/v1/problems").json["problems"]}
    assert set(listed) == set(KINDS)
    told = site.get("/nowhere").json
    assert site.get(told["type"]).json == listed["not_found"]
    unknown = site.get("/v1/problems/conflct")
    assert (unknown.code, unknown.json["hint"]) == ("unknown_problem", 'did you mean "conflict"?')


class Links(HTMLParser):
    """What a page loads and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.strange: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.anchors.add(value or "")
            elif name == "src" or (tag == "link" and name == "href"):
                self.loads.append(value or "")
            elif name == "href":
                self.leads.append(value or "")
            elif name == "style" or name.startswith("on"):
                self.strange.append(f"{tag} {name}")
        if tag in ("script", "style"):
            self.strange.append(tag)


def test_the_page_needs_nothing_from_elsewhere_and_no_script(site: Served) -> None:
    page = site.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; style-src 'self'" in page.headers["content-security-policy"]
    links = Links(page.body.decode())
    assert (links.loads, links.strange) == (["/docs/style.css"], [])
    assert {lead[1:] for lead in links.leads if lead.startswith("#")} <= links.anchors
    for lead in (*links.loads, *(lead for lead in links.leads if not lead.startswith("#"))):
        assert site.get(lead).status == 200, lead
    assert {endpoint.name for endpoint in ENDPOINTS} <= links.anchors


def test_models_have_no_names_twice() -> None:
    assert models.RunStory.model_fields.keys() == models.Run.model_fields.keys() | {"steps", "children", "seq"}


def test_only_serving_imports_the_server(tmp_path: Path) -> None:
    """`saga --help` and `saga validate` stay quick."""
    code = (
        "import sys; from saga.cli.main import main; main(sys.argv[1:]);"
        "print([name for name in ('starlette', 'uvicorn', 'prometheus_client', 'saga.server') if name in sys.modules])"
    )
    for arguments in (["--help"], ["validate", str(Path(__file__).parent / "project" / "shop.yaml")]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ, timeout=180
        )
        assert done.stdout.splitlines()[-1] == "[]", done
