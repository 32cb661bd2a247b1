"""Carrying out what runs send out: starts, signals, what parents and children tell each other, tasks.

Each may happen more than once for a row, for the answer can get lost; a run's number, a message's key and a task's
attempt make the second time harmless (semantics.md 36). This room must not know when or in which order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast
from uuid import UUID

from saga.interpreter import outgoing
from saga.interpreter.client import Client, Refused
from saga.interpreter.codec import CHILD_ENDED, MESSAGE_KINDS
from saga.interpreter.definitions import Definitions
from saga.interpreter.machine.events import CancelRequested
from saga.interpreter.starting import check_id, child_id, new_run, undo_run
from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import Message, NewRun, OutboxRow, Parent, RunRow
from saga.interpreter.task_store import Task
from saga.schema.values import Value, ValueProblem, dump, load

Data: TypeAlias = dict[str, Any]
Delivery: TypeAlias = Callable[[OutboxRow, Data], Awaitable[str | None]]


class Deliveries:
    """Delivers rows of one project. The answer is why a row cannot be delivered now, or None."""

    def __init__(self, store: Store, definitions: Definitions, project: int) -> None:
        self._store = store
        self._definitions = definitions
        self._project = project
        self._client = Client(store, definitions)
        self._by_kind: dict[str, Delivery] = {
            outgoing.START: self._start,
            outgoing.SIGNAL: self._signal,
            outgoing.CHILD: self._start_child,
            outgoing.STOP: self._stop_child,
            outgoing.UNDO: self._undo_child,
            outgoing.ENDED: self._tell_parent,
            outgoing.TASK: self._offer,
            outgoing.WITHDRAW: self._withdraw,
        }

    async def deliver(self, row: OutboxRow) -> str | None:
        """Delivers one row. Raises StoreUnavailable."""
        return await self._by_kind[row.kind](row, cast(Data, load(row.data)))

    # -- other runs

    async def _start(self, row: OutboxRow, data: Data) -> str | None:
        why, saga = _why_started(data), data["saga"]
        if data.get("error") is not None:
            return f"{why} cannot be started: {data['error']}"
        found = await self._store.latest(self._project, saga)
        if found is None:
            return f"{why} is not registered: run or register it once"
        _, definition = await self._definitions.get(found.id)
        fallback = data.get("fallback") or f"{row.run}-{data['mseq']}"
        try:
            key = _checked(data["id"]) if "fallback" in data or data["id"] is not None else fallback
            run, _ = new_run(found, definition, data["input"], key=key, fallback=fallback)
        except ValueProblem as problem:
            return f"{why} does not take it: {problem.message}"
        if not await self._store.start(run):
            try:
                await self._client.same_run(self._project, run.address, run.input)
            except Refused as problem:
                return f"{why} cannot be started: {problem}"
        return None

    async def _signal(self, row: OutboxRow, data: Data) -> str | None:
        what = f'{data["from"]} sends signal "{data["name"]}" to {data["to"]}'
        try:
            run = await self._client.find(data["to"], self._project)
            await self._client.put_signal(run, data["name"], data["payload"], data["key"])
        except Refused as problem:
            return f"{what}: {problem}"
        except ValueProblem as problem:
            return f"{what}: {problem.message}"
        return None

    # -- children

    async def _start_child(self, row: OutboxRow, data: Data) -> str | None:
        number = child_id(data["key"], data["at"])
        there = await self._store.run(number)
        if there is not None:
            if there.status.ended:
                await self._tell(row, _end_of(there), data["ref"])
            return None
        found = await self._store.latest(self._project, data["saga"])
        if found is None:
            if await self._is_stopped(row):
                return await self._refused(row, data, "cancelled", "it was cancelled before it could be started")
            return f'the child saga "{data["saga"]}" is not registered: run or register it once'
        _, definition = await self._definitions.get(found.id)
        try:
            key = _checked(data["id"])
            run, _ = new_run(found, definition, data["input"], key=key, fallback=data["fallback"], number=number)
        except ValueProblem as problem:
            return await self._refused(row, data, problem.code, problem.message)
        run.parent = Parent(row.run, dump(data["ref"]))
        return await self._begin_child(row, data, run)

    async def _begin_child(self, row: OutboxRow, data: Data, run: NewRun) -> str | None:
        if await self._store.start(run):
            return None
        holder = (await self._store.by_address(run.address, self._project))[0]
        if holder.id == run.id:
            return None
        return await self._refused(row, data, "id_conflict", f"{run.address} is another run already")

    async def _is_stopped(self, row: OutboxRow) -> bool:
        later = [other for other in await self._store.outbox(row.run) if other.lane == row.lane and other > row]
        return any(other.kind == outgoing.STOP for other in later)

    async def _stop_child(self, row: OutboxRow, data: Data) -> str | None:
        child = await self._child(row, data)
        if child is None or child.status.ended:
            return None
        parent = await self._run(row.run)
        request: dict[str, Value] = {"by": parent.address, "reason": "its parent stops"}
        kind, name = MESSAGE_KINDS[CancelRequested], CancelRequested.__name__
        key = f"{row.run}/{row.seq}/{row.n}"
        await self._store.send([Message(child.id, kind, name, key, dump(request))])
        return None

    async def _undo_child(self, row: OutboxRow, data: Data) -> str | None:
        child = await self._child(row, data)
        if child is None or not child.status.ended:
            return "the child that is to be undone has not ended"
        if child.status is Status.COMPENSATED:
            await self._tell(row, _end_of(child), data["ref"])
            return None
        again = data["attempt"]
        number = child_id(f"{data['key']}#{again}", data["at"])
        there = await self._store.run(number)
        if there is not None and there.status.ended:
            await self._tell(row, _end_of(there), data["ref"])
        if there is not None:
            return None
        parent = await self._run(row.run)
        why = await self._client.no_undo(child)
        if why is not None:
            return await self._refused(row, data, "not_undoable", f"{child.address} cannot be undone: {why}")
        run = undo_run(child, by=parent.address, reason="its parent is undone", number=number, again=again)
        run.parent = Parent(row.run, dump(data["ref"]))
        return await self._begin_child(row, data, run)

    async def _child(self, row: OutboxRow, data: Data) -> RunRow | None:
        """The child of a place. That of an undo run is the child of the run that it undoes."""
        run = await self._run(row.run)
        step, iteration, _ = data["ref"]
        for child in await self._store.children(run.undoes or run.id):
            assert child.parent is not None
            ref = cast("list[Any]", load(child.parent.ref))
            if ref[:2] == [step, iteration] and child.undoes is None:
                return child
        return None

    async def _run(self, number: UUID) -> RunRow:
        found = await self._store.run(number)
        assert found is not None, "a run is kept as long as its outbox is"
        return found

    async def _tell_parent(self, row: OutboxRow, data: Data) -> str | None:
        told = {name: value for name, value in data.items() if name not in ("parent", "ref")}
        ref = load(data["ref"])
        message = Message(UUID(data["parent"]), CHILD_ENDED, "child", str(row.run), dump({**told, "ref": ref}))
        await self._store.send([message])
        return None

    async def _refused(self, row: OutboxRow, data: Data, code: str, message: str) -> str | None:
        """Nothing was started, and the parent is told why: that is all there is to deliver."""
        await self._tell(row, {"status": "refused", "code": code, "message": message}, data["ref"])
        return None

    async def _tell(self, row: OutboxRow, end: dict[str, Value], ref: Value) -> None:
        key = f"{row.seq}/{row.n}"
        await self._store.send([Message(row.run, CHILD_ENDED, "child", key, dump({**end, "ref": ref}))])

    # -- tasks

    async def _offer(self, row: OutboxRow, data: Data) -> str | None:
        await self._store.offer_task(
            Task(
                row.run,
                data["key"],
                data["attempt"],
                self._project,
                dump(data["ref"]),
                data["topic"],
                dump(data["work"]),
                data["attempt_timeout"],
                data["heartbeat"],
            )
        )
        return None

    async def _withdraw(self, row: OutboxRow, data: Data) -> str | None:
        await self._store.withdraw_task(row.run, data["key"], data["attempt"])
        return None


def _why_started(data: Data) -> str:
    if "signal" in data:
        return f'signal "{data["signal"]}" came too late for {data["from"]}; its handler, saga "{data["saga"]}",'
    return f'{data["from"]} starts saga "{data["saga"]}", which'


def _checked(id_: str | None) -> str | None:
    return None if id_ is None else check_id(id_)


def _end_of(run: RunRow) -> dict[str, Value]:
    """What the row of an ended run tells of its end."""
    error = cast(Data, {} if run.error is None else load(run.error))
    return {
        "status": run.status.word,
        "outcome": run.outcome or "",
        "code": error.get("code", ""),
        "message": error.get("message", ""),
        "output": None if run.output is None else load(run.output),
        "incomplete": run.incomplete,
    }
