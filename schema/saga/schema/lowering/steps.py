"""Single steps as the machine runs them: what each verb does, waits for, starts, tells or holds.

One subject: lowering one step without its surroundings. It must not know needs, guards or containment.
"""

from __future__ import annotations

from typing import Any

from saga.schema import definition as compiled
from saga.schema.checks.reach import times_out
from saga.schema.checks.survey import BlockStep, FinalStep, Placed, TellingStep, items_text, variable
from saga.schema.definition import Block, Branch, Catch, Child, Loop, Message, Place, Retry, Step, Verb
from saga.schema.durations import parse_duration
from saga.schema.expressions import compile_expression, compile_template
from saga.schema.language.actions import Arguments
from saga.schema.language.fields import output_check
from saga.schema.language.finals import CallFinally, HttpFinally, SetFinally, SqlFinally
from saga.schema.language.messages import Emitting, Signalling, Starting
from saga.schema.language.retry_rules import merged
from saga.schema.language.steps import (
    Acting,
    CallStep,
    Catching,
    CatchMap,
    EachStep,
    Effective,
    EndStep,
    FailStep,
    Forward,
    GroupStep,
    HttpStep,
    ParallelStep,
    Remote,
    RepeatStep,
    SagaStep,
    SetStep,
    SqlStep,
    StartStep,
    SwitchStep,
    TaskStep,
    WaitStep,
)
from saga.schema.language.waits import AllWait, AnyWait, Signalled, SignalWait
from saga.schema.lowering.actions import (
    Defaults,
    arguments,
    lower_action,
    lower_undo,
    maybe_expression,
    maybe_template,
)

_BLOCKS: dict[type[BlockStep], Verb] = {
    GroupStep: Verb.GROUP,
    ParallelStep: Verb.PARALLEL,
    SwitchStep: Verb.SWITCH,
    EachStep: Verb.EACH,
    RepeatStep: Verb.REPEAT,
}


def lower_step(placed: Placed, index: int, place: Place, defaults: Defaults) -> Step:
    """A forward step by itself; where it stands is filled in by `rows`."""
    step = placed.step
    common: dict[str, Any] = {"index": index, "name": placed.name, "place": place, "when": maybe_expression(step.when)}
    if isinstance(step, EndStep):
        return Step(verb=Verb.END, outcome=step.end, **common)
    if isinstance(step, FailStep):
        return Step(verb=Verb.FAIL, outcome=step.fail, **common)
    if isinstance(step, Catching):
        common |= {"optional": bool(step.optional), "catches": _catches(step)}
    if isinstance(step, BlockStep):
        return Step(verb=_BLOCKS[type(step)], **common)
    if isinstance(step, Effective):
        common |= _effective(step, defaults)
    if isinstance(step, CallStep | HttpStep | SqlStep | TaskStep):
        return _acting(step, common, defaults)
    if isinstance(step, WaitStep):
        return Step(verb=Verb.WAIT, wait=_wait(step), **common)
    if isinstance(step, SagaStep):
        child = Child(step.saga, maybe_template(step.id), arguments(step.with_))
        return Step(verb=Verb.SAGA, child=child, **common)
    assert isinstance(step, TellingStep | SetStep)
    return Step(**common, **_told(step))


def lower_final(name: str, step: FinalStep, index: int, place: Place, defaults: Defaults) -> Step:
    """A step of `finally`."""
    common: dict[str, Any] = {"index": index, "name": name, "place": place, "path": ("finally",)}
    common["when"] = maybe_expression(step.when)
    if isinstance(step, CallFinally | HttpFinally | SqlFinally):
        action = lower_action(step, defaults.attempt_timeout)
        return Step(verb=action.verb, action=action, retry=merged(defaults.retry, step.retry), **common)
    return Step(**common, **_told(step))


def _catches(step: Catching) -> tuple[Catch, ...]:
    return tuple(
        Catch(code, isinstance(body, CatchMap) and bool(body.undo)) for code, body in (step.catch or {}).items()
    )


def _effective(step: Effective, defaults: Defaults) -> dict[str, Any]:
    """What steps with an effect of their own have in common."""
    timeout = step.attempt_timeout if isinstance(step, Acting) else None
    inherited = parse_duration(timeout) if timeout else defaults.attempt_timeout
    found: dict[str, Any] = {
        "undo": lower_undo(step.compensate, inherited, defaults.undo_retry),
        "pivot": bool(step.pivot),
        "hold_on_failure": step.on_failure == "hold",
        "status": step.status,
    }
    if isinstance(step, Forward):
        lines = (step.fail_when or {}).items()
        found["fail_when"] = tuple(compiled.FailWhen(code, compile_expression(text)) for code, text in lines)
        found["output_check"] = None if step.output_schema is None else output_check(step.output_schema)
    return found


def _acting(step: CallStep | HttpStep | SqlStep | TaskStep, common: dict[str, Any], defaults: Defaults) -> Step:
    action = lower_action(step, defaults.attempt_timeout)
    once = isinstance(step, Remote) and bool(step.at_most_once)
    retry: Retry = merged(defaults.retry, step.retry)
    return Step(verb=action.verb, action=action, retry=retry, at_most_once=once, **common)


def _told(step: Arguments | SetStep | SetFinally) -> dict[str, Any]:
    """What a message or a `set` says."""
    if isinstance(step, SetStep | SetFinally):
        return {"verb": Verb.SET, "value": compile_template(step.set)}
    given = arguments(step.with_)
    if isinstance(step, Signalling):
        target, key = compile_template(step.to), maybe_template(step.key)
        return {"verb": Verb.SIGNAL, "message": Message(step.signal, given, target=target, key=key)}
    if isinstance(step, Emitting):
        subject = maybe_template(step.emit.subject)
        return {"verb": Verb.EMIT, "message": Message(step.emit.topic, given, subject=subject)}
    assert isinstance(step, Starting)
    assert isinstance(step, StartStep)
    return {"verb": Verb.START, "message": Message(step.start, given, id=maybe_template(step.id))}


def _wait(step: WaitStep) -> compiled.Wait:
    wait = step.wait
    timeout = maybe_template(getattr(wait, "timeout", None)) if times_out(step) else None
    if isinstance(wait, SignalWait):
        return compiled.Wait(signal=wait.signal, fits=maybe_expression(wait.if_), timeout=timeout)
    if isinstance(wait, AnyWait | AllWait):
        branches = wait.any if isinstance(wait, AnyWait) else wait.all
        lines = tuple(
            compiled.WaitBranch(
                name,
                branch.signal if isinstance(branch, Signalled) else None,
                maybe_expression(branch.if_) if isinstance(branch, Signalled) else None,
                maybe_template(getattr(branch, "after", None)),
                maybe_template(getattr(branch, "until", None)),
            )
            for name, branch in branches.items()
        )
        return compiled.Wait(timeout=timeout, branches=lines, every=isinstance(wait, AllWait))
    return compiled.Wait(
        duration=maybe_template(getattr(wait, "for_", None)), until=maybe_template(getattr(wait, "until", None))
    )


def lower_block(placed: Placed, branches: tuple[Branch, ...]) -> Block:
    """What makes a step a container. ``branches``: its rows; a group and a loop have one, without a name."""
    step = placed.step
    if isinstance(step, ParallelStep | SwitchStep):
        return Block(branches=branches)
    last = branches[0].last
    if isinstance(step, EachStep):
        loop = Loop(
            items=compile_template(items_text(step)),
            variable=variable(step),
            max=compile_template(step.max),
            at_once=step.at_once or 1,
        )
        return Block(last=last, loop=loop)
    if isinstance(step, RepeatStep):
        until = compile_expression(step.repeat.until)
        bound = compile_template(step.repeat.max)
        return Block(last=last, loop=Loop(until=until, max=bound, delay=maybe_template(step.repeat.delay)))
    assert isinstance(step, GroupStep)
    return Block(last=last, timeout=maybe_template(step.timeout) if times_out(step) else None)
