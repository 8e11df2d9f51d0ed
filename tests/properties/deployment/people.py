"""People: they trigger, pause, resize, clear, mark and cancel, whenever they like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.properties.deployment.processes import ControlProcess, Refusal
from tests.properties.deployment.shapes import DEFAULT_POOL, POOLS, Shape
from tradewind.server.contract import DagRunState, ProblemReason, TaskInstanceState
from tradewind.server.store import Transaction, dags, pools, runs
from tradewind.server.store.runs import Clearing, Marking
from tradewind.server.store.runs.mark import RunMark, TaskMark

MARKS: tuple[TaskMark, ...] = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED)
ENDS: tuple[RunMark, ...] = (DagRunState.SUCCESS, DagRunState.FAILED)
CHANGES = ["clear"] * 5 + ["mark"] * 2 + ["clear run", "mark run", "cancel"]
DEFAULT_SLOTS = 128
Name = tuple[str, str]
Place = tuple[str, str, str]
"""DAG, run and task."""


class People:
    """Those who use a deployment.

    Attributes:
        runs: runs that they triggered.
        changed: those of which they changed something by hand.
    """

    def __init__(self, random: Random, shapes: Mapping[str, Shape]) -> None:
        self.random = random
        self.shapes = shapes
        self.runs: list[Name] = []
        self.changed: set[Name] = set()

    async def trigger(self, process: ControlProcess) -> None:
        dag_id = self.random.choice(sorted(self.shapes))
        run_id = f"r{len(self.runs)}"
        answer = await process.write(lambda tx: runs.create_run(tx, dag_id, run_id=run_id))
        if isinstance(answer, Refusal):
            assert answer.reason is ProblemReason.TOO_BUSY, answer
        else:
            self.runs.append((dag_id, run_id))

    async def pause(self, process: ControlProcess) -> None:
        dag_id, paused = self.random.choice(sorted(self.shapes)), self.random.random() < 0.5
        await process.write(lambda tx: dags.set_paused(tx, dag_id, paused, actor="me"))

    async def resize(self, process: ControlProcess) -> None:
        name, slots = self.random.choice([*POOLS, DEFAULT_POOL]), self.random.randint(0, 3)
        await process.write(lambda tx: pools.update_pool(tx, name, {"slots": slots}))

    async def put_in_order(self, process: ControlProcess) -> None:
        """Nothing is paused, and every pool is large enough for what needs it."""

        def job(tx: Transaction) -> None:
            for dag_id in self.shapes:
                dags.set_paused(tx, dag_id, paused=False, actor="me")
            for name, slots in {**POOLS, DEFAULT_POOL: DEFAULT_SLOTS}.items():
                pools.update_pool(tx, name, {"slots": slots})

        assert not isinstance(await process.write(job), Refusal)

    async def cancel(self, process: ControlProcess, run: Name) -> None:
        self.changed.add(run)
        assert not isinstance(await process.write(lambda tx: runs.cancel_run(tx, *run, user="me")), Refusal)

    async def change(self, process: ControlProcess, live: Sequence[Place]) -> str:
        """Change something of a run, and return in words what; that it is refused is an answer.

        Args:
            process: where to.
            live: where user code runs: what is changed there is more interesting than elsewhere.
        """
        dag_id, run_id = self.random.choice(self.runs)
        task_id = self.random.choice(sorted(task.task_id for task in self.shapes[dag_id].tasks))
        if live and self.random.random() < 0.7:
            dag_id, run_id, task_id = self.random.choice(live)
        run = dag_id, run_id
        what, job = self._some_change(dag_id, run_id, task_id)
        answer = await process.write(job)
        if isinstance(answer, Refusal):
            assert answer.reason in {ProblemReason.CONFLICT, ProblemReason.TOO_BUSY}, answer
        self.changed.add(run)
        shown = answer if isinstance(answer, Refusal | list) else "done"
        return f"{what} {run} at {process.name}: {shown}"

    def _some_change(self, dag_id: str, run_id: str, task_id: str) -> tuple[str, Callable[[Transaction], object]]:
        random = self.random
        above, below = random.random() < 0.4, random.random() < 0.5
        mark, end = random.choice(MARKS), random.choice(ENDS)
        clearing = Clearing(dag_id=dag_id, run_id=run_id, tasks={task_id: None}, upstream=above, downstream=below)
        whole = Clearing(dag_id=dag_id, run_id=run_id, whole_run=True)
        marking = Marking(dag_id=dag_id, run_id=run_id, task_id=task_id, state=mark, upstream=above, downstream=below)
        jobs: dict[str, Callable[[Transaction], object]] = {
            "clear": lambda tx: runs.clear(tx, clearing, user="me"),
            "clear run": lambda tx: runs.clear(tx, whole, user="me"),
            "mark": lambda tx: runs.mark_instances(tx, marking, user="me"),
            "mark run": lambda tx: runs.mark_run(tx, dag_id, run_id, end, user="me"),
            "cancel": lambda tx: runs.cancel_run(tx, dag_id, run_id, user="me"),
        }
        what = random.choice(CHANGES)
        return f"{what} {task_id} {mark if what == 'mark' else ''}", jobs[what]
