"""Nothing goes wrong any more: every run has to end, and as the reference says where nobody interfered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tests.properties.deployment.machine import ENDS, LEASE_SECONDS, Machine
from tests.properties.deployment.people import Name
from tests.properties.deployment.processes import ControlProcess
from tests.properties.deployment.shapes import Shape
from tests.properties.deployment.watch import Watch
from tests.properties.deployment.workers import Worker
from tests.properties.reference import Reference
from tests.properties.run_model import RunModel
from tradewind.server.contract import TASK_INSTANCE_FINAL, DagRunState, TaskInstanceState
from tradewind.server.store import Transaction, runs
from tradewind.server.store.rows import InstanceRow, RunRow

MOST_ROUNDS = 80
State = TaskInstanceState
Ended = tuple[RunRow, dict[str, InstanceRow]]


async def bring_to_an_end(machine: Machine, watch: Watch) -> None:
    """Put everything in order, and let it work until nothing is left to do."""
    for process in machine.processes:
        process.database.fault, process.breaks = None, False
    await machine.people.put_in_order(machine.processes[0])
    for worker in machine.workers:
        worker.silent = False
        await worker.connect(machine.some_process())
    machine.trace.append(f"{machine.clock.monotonic():.3f} the end")
    for number in range(MOST_ROUNDS):
        await _round(machine)
        await watch.look()
        if _is_over(machine, watch):
            return
        if number % 10 == 9:
            await _release_held(machine, watch)
    raise AssertionError(f"not everything ends: {await watch.explained()}")


async def _round(machine: Machine) -> None:
    await machine.pass_time(LEASE_SECONDS / 4)
    while any(worker.replaced for worker in machine.workers):
        for worker in machine.workers:
            if worker.replaced:
                await worker.notice_cut()
    for process in machine.processes:
        process.notice_ends()
        await process.claim()
        await process.hand_over()
        await process.cancel_ended()
    for worker in machine.workers:
        await _work_off(machine, worker)


async def _work_off(machine: Machine, worker: Worker) -> None:
    while worker.connection is not None and worker.connection.line:
        worker.receive()
    for dispatch_id in [*worker.processes]:
        worker.end(dispatch_id, machine.random.choice(ENDS), machine.random, [])
    for dispatch_id in [*worker.spool]:
        await worker.tell_outcome(_process_of(worker), dispatch_id)


def _process_of(worker: Worker) -> ControlProcess:
    assert worker.connection is not None
    return worker.connection.process


def _is_over(machine: Machine, watch: Watch) -> bool:
    idle = not any(worker.processes or worker.spool for worker in machine.workers)
    return idle and watch.nothing_left


async def _release_held(machine: Machine, watch: Watch) -> None:
    """What only waits for a run before that ended badly waits for people."""
    waiting: dict[Name, set[str]] = {}
    for one in await watch.explained():
        waiting.setdefault(one["run"], set()).add(one["reason"]["reason"])
    for run, reasons in waiting.items():
        if "waiting_for_past" in reasons and reasons <= {"waiting_for_past", "waiting_for_upstream"}:
            await machine.people.cancel(machine.processes[0], run)
            return


async def check_ends(machine: Machine) -> None:
    """Each run ended as its rules say, where nobody interfered."""
    names = machine.people.runs
    ended = await machine.processes[0].store.read(lambda tx: {name: _read(tx, name) for name in names})
    for name, (run, instances) in ended.items():
        shape = machine.shapes[name[0]]
        if name in machine.people.changed or (run.end_reason or {}).get("reason") == "run_ended":
            continue
        if shape.looks_back:
            assert {row.state for row in instances.values()} <= TASK_INSTANCE_FINAL
            continue
        _check(shape, run, instances)


def _read(tx: Transaction, name: Name) -> Ended:
    run = runs.get_run(tx, *name)
    return run, {row.task_id: row for row in runs.list_instances(tx, run.pk, limit=1000).items}


def _check(shape: Shape, run: RunRow, rows: dict[str, InstanceRow]) -> None:
    """Each task ran, or did not, as its rule says once everything else is known; and that is how the run ended."""
    model = RunModel(shape.tasks)
    for task_id, row in rows.items():
        fact = replace(model.rows[task_id].fact, state=row.state, skips=tuple(row.skips or ()))
        model.rows[task_id].fact = fact
    model.run, model.may_start = DagRunState.RUNNING, True
    expected = Reference(model).outlook().run
    assert run.state is expected, f"{run.dag_id} {run.run_id} ended in {run.state}, by its tasks it is {expected}"
    for task in shape.tasks:
        row, fact = rows[task.task_id], model.rows[task.task_id].fact
        model.rows[task.task_id].fact = replace(fact, state=State.NONE)
        judged = Reference(model).outlook().states[task.task_id]
        model.rows[task.task_id].fact = fact
        name = f"{run.dag_id} {run.run_id} {task.task_id}"
        if row.try_number:
            needless = task.task_id in _declared_needless(rows.values())
            assert judged is State.SCHEDULED or needless, f"{name} ran, its rule says {judged}"
            assert row.failures <= task.retries + 1, f"{name} failed {row.failures} times"
        else:
            # Which of the two depends on which upstream task ended first.
            assert {row.state, judged} <= {State.SKIPPED, State.UPSTREAM_FAILED}, f"{name}: {row.state}, not {judged}"


def _declared_needless(rows: Iterable[InstanceRow]) -> set[str]:
    """Tasks that others declared not needed, perhaps when they had begun."""
    return {name for row in rows for name in row.skips or ()}
