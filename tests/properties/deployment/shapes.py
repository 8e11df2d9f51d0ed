"""Random DAGs with everything that decides what runs when: rules, retries, setups, pasts, pools and limits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.properties.deployment.databases import START
from tests.properties.run_model import DagModel, TaskModel
from tradewind.server.contract import (
    ActivityKind,
    FileParsed,
    Isolation,
    OnCut,
    SerializedDag,
    SerializedTask,
    TriggerRule,
)
from tradewind.server.domain.task_traits import TaskTraits
from tradewind.server.domain.versions import code_id
from tradewind.server.store import Transaction, bundles, dags, dispatches
from tradewind.server.store.handouts import ClaimRequest

EXECUTOR = "worker_session"
QUEUES = ("default", "other")
POOLS = {"narrow": 2, "single": 1}
DEFAULT_POOL = "default_pool"
MOST_TASKS = 6


@dataclass(frozen=True)
class Demand:
    """What a task asks of the deployment beside its place in the graph."""

    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    queue: str = QUEUES[0]
    weight: int = 1
    per_dag: int | None = None
    per_run: int | None = None
    takeover_after_seconds: float | None = None


@dataclass(frozen=True)
class Shape:
    """A DAG.

    Attributes:
        model: what the reference needs to know of it.
        demands: by task id.
    """

    dag_id: str
    tasks: Sequence[TaskModel]
    model: DagModel
    demands: dict[str, Demand]
    max_active_runs: int
    max_active_tasks: int

    @property
    def looks_back(self) -> bool:
        return any(task.traits.looks_back for task in self.tasks)


def make_shape(random: Random, dag_id: str) -> Shape:
    """Choose a DAG."""
    tasks: list[TaskModel] = []
    with_past = random.random() < 0.2
    for number in range(random.randint(1, MOST_TASKS)):
        earlier = [task.task_id for task in tasks]
        upstream = random.sample(earlier, random.randint(0, min(3, len(earlier))))
        tasks.append(
            TaskModel(
                f"t{number}",
                tuple(sorted(upstream)),
                retries=random.choice([0, 0, 1, 2]),
                retry_delay_seconds=random.choice([0.0, 0.0, 1.0, 5.0]),
                traits=_traits(random, with_past=with_past),
            )
        )
    random.shuffle(tasks)
    has_end = random.random() < 0.25
    model = DagModel(
        fail_fast=has_end and random.random() < 0.5,
        timeout_seconds=random.choice([6.0, 30.0]) if has_end and random.random() < 0.5 else None,
    )
    return Shape(
        dag_id=dag_id,
        tasks=tasks,
        model=model,
        demands={task.task_id: _demand(random) for task in tasks},
        max_active_runs=random.choice([1, 2, 16]),
        max_active_tasks=random.choice([1, 2, 16, 16]),
    )


def _traits(random: Random, *, with_past: bool) -> TaskTraits:
    rule = random.choice(list(TriggerRule)) if random.random() < 0.4 else TriggerRule.ALL_SUCCESS
    kind = random.choice(["plain", "plain", "plain", "setup", "teardown", "past" if with_past else "plain"])
    if kind == "setup":
        return TaskTraits(is_setup=True, trigger_rule=rule)
    if kind == "teardown":
        return TaskTraits(
            is_teardown=True,
            trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
            on_failure_fail_dagrun=random.random() < 0.5,
        )
    traits = TaskTraits(trigger_rule=rule)
    if kind == "past":
        return replace(traits, depends_on_past=True, wait_for_downstream=random.random() < 0.3)
    return traits


def _demand(random: Random) -> Demand:
    if random.random() < 0.4:
        return Demand()
    pool = random.choice([DEFAULT_POOL, *POOLS])
    return Demand(
        pool=pool,
        pool_slots=random.randint(1, POOLS.get(pool, 3)),
        queue=random.choice(QUEUES),
        weight=random.randint(-3, 10),
        per_dag=random.choice([None, None, 1, 2]),
        per_run=random.choice([None, None, 1]),
        takeover_after_seconds=random.choice([None, None, 2.0, 9.0]),
    )


def declare(tx: Transaction, shape: Shape) -> None:
    """Let the DAG be declared by a file of its own that was parsed."""
    file, content = f"{shape.dag_id}.py", shape.dag_id.encode()
    read = {file: hashlib.sha256(content).hexdigest()}
    snapshot = bundles.put_snapshot(tx, "dags", {file: (read[file], len(content))}, {read[file]: content})
    dags.request_parse(tx, "dags", snapshot, file, 30.0)
    (handout,) = dispatches.claim(tx, [ClaimRequest(kind=ActivityKind.PARSE_DAG_FILE, executor=EXECUTOR, limit=1)])
    parsed = FileParsed(
        ended_at=START, duration_seconds=0.0, code_id=code_id(read), files_read=read, dags=[_serialized(shape)]
    )
    dispatches.finish(tx, handout.dispatch_id, parsed)


def _serialized(shape: Shape) -> SerializedDag:
    return SerializedDag(
        dag_id=shape.dag_id,
        tags=[],
        max_active_runs=shape.max_active_runs,
        max_active_tasks=shape.max_active_tasks,
        fail_fast=shape.model.fail_fast,
        dagrun_timeout_seconds=shape.model.timeout_seconds,
        tasks=[_serialized_task(task, shape.demands[task.task_id]) for task in shape.tasks],
    )


def _serialized_task(task: TaskModel, demand: Demand) -> SerializedTask:
    return SerializedTask(
        task_id=task.task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=sorted(task.upstream),
        trigger_rule=task.traits.trigger_rule,
        is_setup=task.traits.is_setup,
        is_teardown=task.traits.is_teardown,
        on_failure_fail_dagrun=task.traits.on_failure_fail_dagrun,
        depends_on_past=task.traits.depends_on_past,
        wait_for_downstream=task.traits.wait_for_downstream,
        retries=task.retries,
        retry_delay_seconds=task.retry_delay_seconds,
        queue=demand.queue,
        pool=demand.pool,
        pool_slots=demand.pool_slots,
        priority_weight=demand.weight,
        max_active_tis_per_dag=demand.per_dag,
        max_active_tis_per_dagrun=demand.per_run,
        takeover_after_seconds=demand.takeover_after_seconds,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
    )
