"""``saga show``: everything about one run."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from saga.cli.addresses import find_run, who_works
from saga.cli.advice import advice
from saga.cli.auditing import show_audit
from saga.cli.exits import Exit
from saga.cli.following import Following
from saga.cli.mail import Mail, read_mail
from saga.cli.options import json_option, run_argument
from saga.cli.screen import columns, err, note, out, print_json, say
from saga.cli.telling import event_line
from saga.cli.tree import headline, stamp, tree
from saga.cli.wiring import execute, opened
from saga.cli.words import compact, moment, problem_words
from saga.interpreter.records import children_record, event_record, story_record
from saga.schema.problems import visible
from saga.schema.values import load


@click.command()
@run_argument
@click.option("--events", is_flag=True, help="The journal: every event, as it was recorded.")
@click.option("--audit", is_flag=True, help="Who changed what, newest first: people, tokens, webhooks.")
@json_option
def show(run: str, events: bool, audit: bool, as_json: bool) -> int:
    """Show everything about RUN: its steps with their attempts, each undo under the step it undoes, input and output.

    If the run cannot go on by itself, the commands that help are shown. RUN is an address such as checkout/o-1, the
    bare id where only one run has it, @latest or checkout/@latest.
    """
    if audit:
        return execute(show_audit(run, as_json))
    return execute(_show(run, events, as_json))


async def _show(address: str, events: bool, as_json: bool) -> int:
    async with opened() as here:
        run = await find_run(here, address)
        story = await Following.begin(here, run)
        await story.poll()
        if events:
            _show_events(story, as_json)
            return Exit.DONE
        mail = await read_mail(here.store, story)
        works, command = await who_works(here, story.run)
        undelivered = await here.store.undelivered(story.run.id)
        stuck = None if story.run.status.ended else await here.client.stuck_child(story.run)
        offered = [task for task in await here.store.tasks(story.run.id) if task.state == "offered"]
    if as_json:
        signals = {"signals": [each._asdict() for each in mail], "worked_on": works}
        signals["undelivered"] = undelivered
        signals["stuck_child"] = None if stuck is None else stuck.address
        signals["offered"] = [task.topic for task in offered]
        signals["children"] = children_record(story.timeline.definition, story.others.children)
        print_json(story_record(story.run, story.timeline) | signals)
        return Exit.DONE
    _show_run(story, mail)
    for problem in undelivered:
        say(err(), "", Text(visible(f"not delivered: {problem}"), style="yellow"))
    if stuck is not None:
        said = f"waiting for its child {stuck.address}, which is stuck: {problem_words(stuck)}"
        say(err(), "", Text(visible(said), style="yellow"), f"  saga show {stuck.address}")
    for task in offered:
        note(f"nobody has taken {task.topic} yet")
    if not works and not story.run.status.ended:
        note(f"nobody is working on this run; to work on it:  {command}")
    return Exit.DONE


def _show_run(story: Following, mail: list[Mail]) -> None:
    run, now = story.run, story.now
    spent = (run.closed_at or now) - run.created_at
    shown = run.shown or story.timeline.state.shown
    about = f"  {run.saga} {run.version}, started {moment(run.created_at, now)}"
    if run.closed_at is not None:
        about += f", ended {moment(run.closed_at, now)}"
    if run.incomplete:
        about += ", rollback incomplete"
    say(out(), headline(run.address, story.status, shown, run.outcome, spent), Text(about, style="dim"), "")
    if run.prepared or not run.status.ended:  # else it never began: its input does not fit
        say(out(), *tree(story.timeline, now, story.others, held=run.hold is not None), "")
    say(out(), *columns(_facts(story, mail)))
    for each in advice(run, story.timeline):
        say(err(), "", Text(visible(each.sentence), style="yellow"), *(f"  {command}" for command in each.commands))


def _facts(story: Following, mail: list[Mail]) -> list[list[Text]]:
    run = story.run
    facts: list[tuple[str, str]] = [("input", compact(story.input))]
    labels: Any = load(run.labels)
    if labels:
        facts.append(("labels", "  ".join(f"{name}={value}" for name, value in labels.items())))
    facts += [("signal", f"{each.name} {compact(each.payload)}, {each.fate}") for each in mail]
    error: Any = None if run.error is None else load(run.error)
    if not run.prepared and error is not None:
        facts.append(("error", str(error["message"])))
    elif error is not None and "output" in error:
        facts.append(("output", f"could not be computed: {error['output']}"))
    elif run.output is not None:
        facts.append(("output", compact(story.output)))
    return [[Text(f"  {name}", style="dim"), Text(visible(value))] for name, value in facts]


def _show_events(story: Following, as_json: bool) -> None:
    timeline = story.timeline
    if as_json:
        events = [event_record(entry) for entry in timeline.entries]
        print_json({"run": story.run.address, "events": events})
        return
    rows: list[list[Text]] = []
    for entry in timeline.entries:
        line = event_line(entry)
        number = entry.row.attempt
        subject = f"{line.subject} #{number}" if number > 1 else line.subject
        rows.append(
            [
                Text(f"{entry.row.seq:>4}", style="dim"),
                stamp(line.at),
                Text(subject),
                Text(line.word),
                Text(line.detail, style="dim"),
            ]
        )
    if rows:
        say(out(), *columns(rows))
    else:
        note(f"nothing has been recorded for {story.run.address} yet")
