"""Checks across files: the sagas that a project's sagas run and start, and what they pass on to them.

One subject: what only several files together can show. It must not know how files are found or read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.reach import moments
from saga.schema.checks.signals import passed
from saga.schema.checks.survey import Placed, Survey, passed_names
from saga.schema.language.actions import Arguments
from saga.schema.language.signals import StartWebhook
from saga.schema.language.steps import Effective, SagaStep, StartStep
from saga.schema.problems import closest
from saga.schema.yaml_text.nodes import Pointer

Found = Iterator[tuple[str, Finding]]
"""Findings, each with the path of its file."""


@dataclass(frozen=True, slots=True)
class _Use:
    """One place where a file names another saga."""

    saga: str
    at: Pointer
    """The map that has `with`."""
    key: str
    """``saga`` or ``start``."""
    arguments: Arguments
    placed: Placed | None = None


def across(surveys: Mapping[str, Survey], *, whole: bool) -> Found:
    """What is wrong between files, by their paths. ``whole``: they are all sagas of the project."""
    named = _by_name(surveys)
    names = {survey.file.name for survey in surveys.values()}
    for path, survey in surveys.items():
        for use in _uses(survey):
            child = named.get(use.saga)
            if child is None:
                if whole and use.saga not in names:
                    yield path, _unknown(use, named)
            elif use.saga != survey.file.name:
                yield from ((path, finding) for finding in _fits(use, survey, child))
    yield from _circles(surveys, named)
    yield from _shared_paths(surveys, named)


def _by_name(surveys: Mapping[str, Survey]) -> dict[str, Survey]:
    """The newest version of each saga; none where two files say that they are."""
    found: dict[str, list[Survey]] = {}
    for survey in surveys.values():
        found.setdefault(survey.file.name, []).append(survey)
    named: dict[str, Survey] = {}
    for name, versions in found.items():
        *_, newest = sorted(versions, key=lambda each: each.file.version)
        if [each.file.version for each in versions].count(newest.file.version) == 1:
            named[name] = newest
    return named


def _uses(survey: Survey) -> Iterator[_Use]:
    for placed in survey.steps:
        if isinstance(placed.step, SagaStep):
            yield _Use(placed.step.saga, placed.at, "saga", placed.step, placed)
        elif isinstance(placed.step, StartStep):
            yield _Use(placed.step.start, placed.at, "start", placed.step)
    for name, signal in (survey.file.signals or {}).items():
        if signal.too_late is not None:
            yield _Use(signal.too_late.start, ("signals", name, "too_late"), "start", signal.too_late)
    for name, webhook in (survey.file.webhooks or {}).items():
        if isinstance(webhook, StartWebhook):
            yield _Use(webhook.start, ("webhooks", name), "start", webhook)


def _unknown(use: _Use, named: Mapping[str, Survey]) -> Finding:
    message = f'no file of the project is the saga "{use.saga}"'
    match = closest(use.saga, named)
    hint = f'did you mean "{match}"?' if match else "a run that comes here waits until it is deployed"
    return Finding("SAGA235", message, (*use.at, use.key), hint, warning=True)


def _fits(use: _Use, survey: Survey, child: Survey) -> Iterator[Finding]:
    whose = f'the saga "{use.saga}"'
    yield from passed(use.at, passed_names(use.arguments.with_), child.file.input or {}, whose, code="SAGA236")
    pivot = next((each.name for each in child.steps if isinstance(each.step, Effective) and each.step.pivot), None)
    if pivot is None or use.placed is None or not isinstance(use.placed.step, SagaStep) or use.placed.step.pivot:
        return
    if moments(survey)[use.placed.at].before_pivot:
        message = f'{whose} has a pivot ("{pivot}"), and {describe(use.at)} can still be rolled back'
        hint = "make this step the pivot, or put it behind the pivot"
        yield Finding("SAGA236", message, (*use.at, "saga"), hint)


def _circles(surveys: Mapping[str, Survey], named: Mapping[str, Survey]) -> Found:
    """Children whose children lead back; told once, in the file that comes first."""
    children = {
        name: {use.saga: use for use in _uses(survey) if use.key == "saga" and use.saga in named}
        for name, survey in named.items()
    }
    paths = {id(survey): path for path, survey in surveys.items()}
    told: set[str] = set()
    for name in children:
        way = _way_back(name, name, children, set())
        if len(way) < 2 or told & set(way):
            continue
        told.update(way)
        story = " runs ".join(f'"{each}"' for each in (*way, way[0]))
        use = children[name][way[1]]
        message = f"these sagas run each other without end: {story}"
        yield paths[id(named[name])], Finding("SAGA234", message, (*use.at, "saga"), "start begins a run of its own")


def _shared_paths(surveys: Mapping[str, Survey], named: Mapping[str, Survey]) -> Found:
    """Webhooks of two sagas at one path; told in the file that comes later."""
    seen: dict[str, str] = {}
    for path, survey in surveys.items():
        saga = survey.file.name
        if named.get(saga) is not survey:
            continue
        for name, webhook in (survey.file.webhooks or {}).items():
            owner = seen.setdefault(webhook.path, saga)
            if owner != saga:
                message = f'the saga "{owner}" has a webhook at {webhook.path} already'
                yield path, Finding("SAGA233", message, ("webhooks", name, "path"), "give each its own path")


def _way_back(name: str, goal: str, children: Mapping[str, Mapping[str, _Use]], seen: set[str]) -> list[str]:
    """The sagas from ``name`` on that lead back to ``goal``; empty: none do."""
    if goal in children[name]:
        return [name]
    for child in children[name]:
        if child not in seen:
            seen.add(child)
            rest = _way_back(child, goal, children, seen)
            if rest:
                return [name, *rest]
    return []
