"""`DAG`: tasks and the order between them, as their author declares them."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Any, NoReturn, Self

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring import dag_context
from tradewind.sdk.authoring.cycles import find_cycle, topological_order
from tradewind.sdk.authoring.declaration import find_declaration
from tradewind.sdk.authoring.dependencies import AbstractDag
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.unsupported import DAG_ARGUMENTS, refuse_used, unsupported
from tradewind.sdk.exceptions import DagAuthoringError, DagCycleException, DuplicateTaskIdFound, TaskNotFound

DEFAULT_MAX_ACTIVE_RUNS = 16
"""As in Airflow."""

_SUFFIX = re.compile(r"__\d+$")
_KNOWN = (
    "dag_id",
    "schedule",
    "start_date",
    "end_date",
    "catchup",
    "description",
    "doc_md",
    "tags",
    "default_args",
    "max_active_runs",
    "connections",
    "variables",
    "auto_register",
)


class DAG(AbstractDag):
    """A directed acyclic graph of tasks. Tasks that are created inside `with DAG(...):` join it.

    Args:
        dag_id: name of the DAG, unique in a deployment.
        schedule: only None is supported yet: runs are triggered by hand.
        start_date: accepted; without a schedule it has no effect.
        end_date: accepted; without a schedule it has no effect.
        catchup: accepted; without a schedule it has no effect.
        description: one line about the DAG.
        doc_md: documentation in Markdown, or the path of a `.md` file beside the DAG file.
        tags: labels for searching.
        default_args: defaults for arguments of the DAG's operators.
        max_active_runs: runs that may be running at once.
        connections: ids of connections that all tasks may read, or prefixes with an asterisk. Exact ones come with
            each task.
        variables: the same for variables.
        auto_register: whether a `with` block alone makes the DAG known, without a name at module level.
        others: arguments that Airflow knows.

    Raises:
        UnsupportedArgumentError: an argument of Airflow that has no effect here would have one there.
        UnknownArgumentError: an argument that is unknown.
        DagAuthoringError: a value that cannot be.
    """

    def __init__(
        self,
        dag_id: str,
        *,
        schedule: None = None,
        start_date: dt.datetime | None = None,
        end_date: dt.datetime | None = None,
        catchup: bool = False,
        description: str | None = None,
        doc_md: str | None = None,
        tags: Collection[str] | None = None,
        default_args: dict[str, Any] | None = None,
        max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS,
        connections: Collection[str] | None = None,
        variables: Collection[str] | None = None,
        auto_register: bool = True,
        **others: Any,
    ) -> None:
        self.dag_id = check.identifier("dag_id", dag_id)
        me = f"DAG {dag_id!r}"
        refuse_used(others, DAG_ARGUMENTS, me)
        check.refuse_unknown(sorted(others.keys() - DAG_ARGUMENTS.keys()), (*_KNOWN, *DAG_ARGUMENTS), me)
        self.declaration = find_declaration()
        self.fileloc = self.declaration.fileloc
        self.schedule = schedule
        self.start_date = start_date
        self.end_date = end_date
        self.catchup = catchup
        self.description = description
        self.doc_md = _documentation(doc_md, self.fileloc)
        self.tags: Collection[str] = tags if tags is not None else set()
        if default_args is not None and not isinstance(default_args, dict):
            raise DagAuthoringError(f"default_args of {me} must be a dict, not {default_args!r}.")
        self.default_args = dict(default_args or {})
        self.max_active_runs = max_active_runs
        self.connections: Collection[str] | None = connections
        self.variables: Collection[str] | None = variables
        self.auto_register = auto_register
        self.task_dict: dict[str, BaseOperator] = {}
        self.edge_info: dict[str, dict[str, dict[str, str]]] = {}
        self._copies: dict[str, int] = {}
        self.check()

    def check(self) -> None:
        """Bring each argument into its one form. Called again before serialization: attributes may be set until then.

        Raises:
            DagAuthoringError: a value that cannot be.
        """
        me = f"DAG {self.dag_id!r}"
        refuse_used({"schedule": self.schedule}, DAG_ARGUMENTS, me)
        check.date("start_date", self.start_date, me)
        check.date("end_date", self.end_date, me)
        self.description = check.text("description", self.description, me)
        self.doc_md = check.text("doc_md", self.doc_md, me, longest=check.MAX_DOCUMENTATION)
        self.tags = check.tags(self.tags, me)
        self.max_active_runs = check.whole_number(
            "max_active_runs", self.max_active_runs, me, smallest=1, largest=100_000
        )
        self.connections = check.grants("connections", self.connections, me)
        self.variables = check.grants("variables", self.variables, me)
        self.auto_register = check.flag("auto_register", self.auto_register, me)

    def __enter__(self) -> Self:
        dag_context.push(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        dag_context.pop()
        if self.auto_register and error is None:
            dag_context.declare(self)

    @property
    def tasks(self) -> list[BaseOperator]:
        """All tasks, in the order of their creation."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """The ids of all tasks, in the order of their creation."""
        return list(self.task_dict)

    @property
    def task_count(self) -> int:
        """How many tasks there are."""
        return len(self.task_dict)

    @property
    def roots(self) -> list[BaseOperator]:
        """Tasks that wait for no other."""
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[BaseOperator]:
        """Tasks that no other waits for."""
        return [task for task in self.tasks if not task.downstream_task_ids]

    def has_task(self, task_id: str) -> bool:
        """Whether there is a task of this id."""
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> BaseOperator:
        """The task of this id.

        Raises:
            TaskNotFound: there is none.
        """
        if task_id not in self.task_dict:
            raise TaskNotFound(f"DAG {self.dag_id!r} has no task {task_id!r}.")
        return self.task_dict[task_id]

    def add_task(self, task: BaseOperator) -> None:
        """Make the task one of this DAG.

        Raises:
            DuplicateTaskIdFound: another task has its id.
            DagAuthoringError: it belongs to another DAG.
        """
        if not isinstance(task, BaseOperator):
            raise DagAuthoringError(f"DAG {self.dag_id!r} can hold tasks only, not {task!r}.")
        if task._dag is not None and task._dag is not self:  # noqa: SLF001 - a DAG and its tasks are one family
            raise DagAuthoringError(
                f"Task {task.task_id!r} belongs to DAG {task._dag.dag_id!r} and cannot join DAG {self.dag_id!r}."  # noqa: SLF001
            )
        if self.task_dict.get(task.task_id, task) is not task:
            raise DuplicateTaskIdFound(
                f"DAG {self.dag_id!r} has a task {task.task_id!r} already; give each task an id of its own."
            )
        self.task_dict[task.task_id] = task
        task._dag = self  # noqa: SLF001 - a DAG and its tasks are one family

    def add_tasks(self, tasks: Iterable[BaseOperator]) -> None:
        """Make each task one of this DAG."""
        for task in tasks:
            self.add_task(task)

    def unique_task_id(self, task_id: str) -> str:
        """The id itself, or with `__1`, `__2` … behind it when a task of the DAG has it already."""
        if task_id not in self.task_dict:
            return task_id
        core = _SUFFIX.sub("", task_id)
        number = self._copies.get(core, 0) + 1
        while f"{core}__{number}" in self.task_dict:
            number += 1
        self._copies[core] = number
        return f"{core}__{number}"

    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, info: dict[str, str]) -> None:
        """Remember what is said about an edge: `{"label": "…"}`."""
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, str]:
        """What is said about an edge."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def topological_sort(self) -> list[BaseOperator]:
        """All tasks, each after those that it waits for, among several the first by id.

        Raises:
            DagCycleException: there is no such order.
        """
        self.check_cycle()
        return [self.task_dict[task_id] for task_id in topological_order(self._upstream())]

    def check_cycle(self) -> None:
        """Check that no task waits for itself, directly or by way of others.

        Raises:
            DagCycleException: names the tasks on the circle, and where the DAG is declared.
        """
        if circle := find_cycle(self._upstream()):
            shown = circle if len(circle) <= 20 else [*circle[:19], "…", circle[-1]]
            raise DagCycleException(
                f"DAG {self.dag_id!r} has a cycle: {' -> '.join(shown)}. A task cannot wait for itself."
            ).at(self.declaration.file, self.declaration.line)

    def test(self, *args: object, **kwargs: object) -> NoReturn:
        raise unsupported("dag.test()", "running a DAG without a server")

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"

    def _upstream(self) -> dict[str, set[str]]:
        return {task_id: task.upstream_task_ids for task_id, task in self.task_dict.items()}


def _documentation(doc_md: str | None, fileloc: str) -> str | None:
    if not isinstance(doc_md, str) or not doc_md.endswith(".md") or "\n" in doc_md:
        return doc_md
    try:
        with open(os.path.join(os.path.dirname(fileloc), doc_md), encoding="utf-8") as file:  # noqa: PTH118, PTH120, PTH123 - pathlib costs a DAG file its import
            return file.read()
    except FileNotFoundError:
        return doc_md
