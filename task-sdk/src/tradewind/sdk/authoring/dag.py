"""`DAG`: tasks and the order between them, as their author declares them."""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring import dag_context
from tradewind.sdk.authoring.cycles import find_cycle, topological_order
from tradewind.sdk.authoring.dag_arguments import (
    CHECKS,
    DEFAULTS,
    DagArguments,
    DagFields,
    dag_params,
    default_args,
    documentation,
)
from tradewind.sdk.authoring.dag_rules import check_fail_fast, check_schedule, check_setups
from tradewind.sdk.authoring.declaration import find_declaration
from tradewind.sdk.authoring.dependencies import AbstractDag, AbstractTaskGroup
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.params import NOTSET, DagParam
from tradewind.sdk.authoring.task_group import TaskGroup
from tradewind.sdk.authoring.timetables import Timetable, timetable_of
from tradewind.sdk.authoring.timezones import zone_name
from tradewind.sdk.authoring.unsupported import DAG_ARGUMENTS, refuse_used
from tradewind.sdk.exceptions import (
    DagAuthoringError,
    DagCycleException,
    DuplicateTaskIdFound,
    TaskNotFound,
)

if TYPE_CHECKING:
    import jinja2

    from tradewind.sdk.authoring.task_decorator import TaskDecorator
    from tradewind.sdk.local import LocalClock, LocalDeployment, LocalRun

_SUFFIX = re.compile(r"__\d+$")
_KNOWN = frozenset(DEFAULTS) | {"default_args", "params", "dag_display_name"}


class DAG(DagFields, AbstractDag):
    """A directed acyclic graph of tasks. Tasks that are created inside `with DAG(...):` join it.

    Args:
        dag_id: name of the DAG, unique in a deployment.
        arguments: whatever `DagFields` lists, and `default_args` with defaults for arguments of the DAG's operators,
            `params` with values that a run can be given, and `dag_display_name`, its name for people.

    Raises:
        UnsupportedArgumentError: an argument of Airflow that has no effect here would have one there.
        UnknownArgumentError: an argument that is unknown.
        DagAuthoringError: a value that cannot be.
    """

    def __init__(self, dag_id: str, **arguments: Unpack[DagArguments]) -> None:
        self.dag_id = check.identifier("dag_id", dag_id)
        me = f"DAG {dag_id!r}"
        if unusual := arguments.keys() - _KNOWN:
            refuse_used(arguments, DAG_ARGUMENTS, me)
            check.refuse_unknown(sorted(unusual - DAG_ARGUMENTS.keys()), (*_KNOWN, *DAG_ARGUMENTS), me)
        self.declaration = find_declaration()
        self.fileloc = self.declaration.fileloc
        self.__dict__.update(DEFAULTS)
        self.__dict__.update((name, value) for name, value in arguments.items() if name in DEFAULTS)
        self.doc_md = documentation(self.doc_md, self.fileloc)
        self.default_args, zone = default_args(arguments.get("default_args"), me)
        if self.start_date is None:
            self.start_date = self.default_args.get("start_date")
        else:
            zone = getattr(self.start_date, "tzinfo", None)
        self.timezone: dt.tzinfo = zone or dt.UTC
        self.params = dag_params(arguments.get("params"), self.default_args.pop("params", None), me)
        self.dag_display_name: str = arguments.get("dag_display_name") or ""
        self.task_dict: dict[str, BaseOperator] = {}
        self.task_group: TaskGroup = TaskGroup.create_root(self)
        self.edge_info: dict[str, dict[str, dict[str, str]]] = {}
        self._copies: dict[str, int] = {}
        self.check()

    def check(self) -> None:
        """Bring each argument into its one form. Called again before serialization: attributes may be set until then.

        Raises:
            DagAuthoringError: a value that cannot be.
        """
        me = f"DAG {self.dag_id!r}"
        for name, bring in CHECKS.items():
            value = getattr(self, name)
            if value is not DEFAULTS[name]:
                setattr(self, name, bring(name, value, me))
        refuse_used(vars(self), DAG_ARGUMENTS, me)
        display_name = check.text("dag_display_name", self.dag_display_name, me, longest=500)
        self.dag_display_name = display_name or self.dag_id
        self.timetable: Timetable = timetable_of(self.schedule, self.timezone, me)
        check_schedule(
            self.timetable,
            self.params,
            me,
            max_active_runs=self.max_active_runs,
            catches_up_from_nowhere=self.catchup and self.start_date is None,
        )
        if self.fail_fast:
            check_fail_fast(self.task_dict.values(), me)
        self.validate_setup_teardown()

    def validate_setup_teardown(self) -> None:
        """Check what stands behind setup tasks.

        Raises:
            DagAuthoringError: a task there may run although the setup task failed.
        """
        check_setups(self.task_dict.values(), f"DAG {self.dag_id!r}")

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

    @property
    def teardowns(self) -> list[BaseOperator]:
        """The teardown tasks."""
        return [task for task in self.tasks if task.is_teardown]

    @property
    def task_group_dict(self) -> dict[str, TaskGroup]:
        """All task groups by id, outer ones first."""
        groups = self.task_group.get_task_group_dict()
        return {group_id: group for group_id, group in groups.items() if group_id is not None}

    @property
    def owner(self) -> str:
        """The owners of its tasks, each once, with commas between them."""
        return ", ".join(sorted({task.owner for task in self.tasks}))

    @property
    def folder(self) -> str:
        """The directory of its file."""
        return os.path.dirname(self.fileloc)  # noqa: PTH120 - pathlib costs a DAG file its import

    @property
    def timezone_name(self) -> str:
        """The name of its time zone in the IANA database."""
        return zone_name(self.timezone, f"DAG {self.dag_id!r}")

    def has_task(self, task_id: str) -> bool:
        """Whether there is a task of this id."""
        return task_id in self.task_dict

    def has_task_group(self, task_group_id: str) -> bool:
        """Whether there is a task group of this id."""
        return task_group_id in self.task_group_dict

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
            DuplicateTaskIdFound: another task or a task group has its id.
            DagAuthoringError: it belongs to another DAG.
        """
        if not isinstance(task, BaseOperator):
            raise DagAuthoringError(f"DAG {self.dag_id!r} can hold tasks only, not {task!r}.")
        owner = task.get_dag()
        if owner is not None and owner is not self:
            raise DagAuthoringError(
                f"Task {task.task_id!r} belongs to DAG {owner.dag_id!r} and cannot join DAG {self.dag_id!r}."
            )
        if owner is self:
            return
        if task.task_id in self.task_group.used_ids:
            raise DuplicateTaskIdFound(
                f"DAG {self.dag_id!r} has a task {task.task_id!r} already; give each task an id of its own."
                if task.task_id in self.task_dict
                else f"DAG {self.dag_id!r} has a task group {task.task_id!r} already; give the task another id."
            )
        if self.fail_fast:
            check_fail_fast([task], f"DAG {self.dag_id!r}")
        self._share_dates(task)
        self.task_dict[task.task_id] = task
        task._dag = self  # noqa: SLF001 - a DAG and its tasks are one family
        group = task.task_group if isinstance(task.task_group, TaskGroup) else self.task_group
        task.task_group = group
        group.adopt(task)

    def _share_dates(self, task: BaseOperator) -> None:
        if self.start_date is not None:
            task.start_date = max(task.start_date or self.start_date, self.start_date)
        if self.end_date is not None:
            task.end_date = min(task.end_date or self.end_date, self.end_date)

    def add_tasks(self, tasks: Iterable[BaseOperator]) -> None:
        """Make each task one of this DAG."""
        for task in tasks:
            self.add_task(task)

    def unique_task_id(self, task_id: str, group: AbstractTaskGroup | None = None) -> str:
        """The id itself, or with `__1`, `__2` … behind it when a task of the DAG has it already.

        Args:
            task_id: id of a task, without those of its groups.
            group: its task group; the one that is open when None.
        """
        group = group if group is not None else dag_context.current_group(self)
        if group.child_id(task_id) not in self.task_dict:
            return task_id
        core = _SUFFIX.sub("", task_id)
        whole = group.child_id(core)
        number = self._copies.get(whole, 0) + 1
        while f"{whole}__{number}" in self.task_dict:
            number += 1
        self._copies[whole] = number
        return f"{core}__{number}"

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Make one task wait for another, both named by their ids."""
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, info: dict[str, str]) -> None:
        """Remember what is said about an edge: `{"label": "…"}`."""
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, str]:
        """What is said about an edge."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def param(self, name: str, default: Any = NOTSET) -> DagParam:
        """A param of the run, to be given to a task as an argument.

        Args:
            name: its name.
            default: its value unless a run is given another.
        """
        return DagParam(self, name, default)

    def get_template_env(self, *, force_sandboxed: bool = False) -> jinja2.Environment:
        """The Jinja environment of the DAG's templates, made once in a process.

        Args:
            force_sandboxed: whether templates give text, whatever render_template_as_native_obj says.
        """
        from tradewind.sdk.authoring.template_environment import environment_of

        return environment_of(self, native=bool(self.render_template_as_native_obj) and not force_sandboxed)

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

    @property
    def task(self) -> TaskDecorator:
        """`@dag.task`: as `@task`, for tasks of this DAG wherever the function is called."""
        from tradewind.sdk.authoring.task_decorator import task

        return cast("TaskDecorator", functools.partial(task, dag=self))

    def test(
        self,
        run_after: dt.datetime | None = None,
        logical_date: dt.datetime | None = None,
        run_conf: Mapping[str, Any] | None = None,
        conn_file_path: str | None = None,
        variable_file_path: str | None = None,
        *,
        run_id: str | None = None,
        mark_success_pattern: str | None = None,
        clock: LocalClock | None = None,
        deployment: LocalDeployment | None = None,
    ) -> LocalRun:
        """Run the DAG in this process, one task after the other: no server, no database.

        Waits, such as those for a retry, are leaps of the clock. Runs of other DAGs that a task triggers are noted in
        `deployment.triggered` and not carried out.

        Args:
            run_after: moment from which the run may start; the clock leaps there.
            logical_date: the date that the run is about; now when None.
            run_conf: configuration that tasks can read.
            conn_file_path: JSON file of connections.
            variable_file_path: JSON file of variables.
            run_id: name of the run; made from the date when None.
            mark_success_pattern: regular expression; tasks whose id fits it count as successful without being run.
            clock: tells the time; `tradewind.sdk.local.LocalClock` makes one that stands still or begins elsewhere.
            deployment: variables, connections and XComs; that of an earlier run to go on from it.

        Raises:
            TradewindException: the DAG or a file is wrong, or tasks wait for a run that is not there.
        """
        from tradewind.sdk.local import LocalDeployment, run_locally

        deployment = deployment or LocalDeployment()
        if variable_file_path is not None:
            deployment.read_variables(variable_file_path)
        if conn_file_path is not None:
            deployment.read_connections(conn_file_path)
        return run_locally(
            self,
            run_after=run_after,
            logical_date=logical_date,
            run_conf=run_conf,
            run_id=run_id,
            mark_success_pattern=mark_success_pattern,
            clock=clock,
            deployment=deployment,
        )

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"

    def _upstream(self) -> dict[str, set[str]]:
        return {task_id: task.upstream_task_ids for task_id, task in self.task_dict.items()}
