"""`BaseOperator`: a task as its author declares it, and what runs when it is its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring.dag_context import current_dag, current_group
from tradewind.sdk.authoring.default_arguments import apply_defaults
from tradewind.sdk.authoring.dependencies import AbstractDag, AbstractTaskGroup, connect
from tradewind.sdk.authoring.params import ParamsDict
from tradewind.sdk.authoring.setup_teardown import SetupTeardownTask, note_new_task
from tradewind.sdk.authoring.task_arguments import CHECKS, DEFAULTS, TaskArguments, TaskFields
from tradewind.sdk.authoring.templating import Templated
from tradewind.sdk.authoring.unsupported import (
    SET_LATER,
    TASK_ARGUMENTS,
    WITHOUT_EFFECT,
    UnusedArguments,
    refuse_used,
    unsupported,
)
from tradewind.sdk.authoring.xcom_arg import XComArg, references
from tradewind.sdk.exceptions import DagAuthoringError, ParamValidationError

if TYPE_CHECKING:
    from tradewind.sdk.authoring.context import Context

_FIELDS = frozenset(DEFAULTS)
_ACCEPTED = _FIELDS | WITHOUT_EFFECT
_MAX_DISPLAY_NAME = 500


class BaseOperator(Templated, TaskFields, UnusedArguments, SetupTeardownTask):
    """Base of all operators: override `execute`.

    A subclass calls `super().__init__(**kwargs)`. Its own arguments, too, are taken from `default_args`. Fields named
    in `template_fields` may hold templates and results of other tasks; they are filled in before `execute` is called.

    Args:
        task_id: name of the task, unique in its DAG; the ids of its task groups come before it.
        dag: its DAG; the one that is open when None.
        task_group: its task group; the one that is open when None.
        params: values that templates and code of the task can read, in addition to those of its DAG.
        default_args: defaults for arguments that are not given, before those of its groups and its DAG.
        task_display_name: name for people; the task id when None.
        pre_execute: called with the context right before `execute`.
        post_execute: called with the context and the result right after it.
        arguments: whatever `TaskFields` lists. `email_on_failure`, `email_on_retry` and `allow_nested_operators` are
            accepted and have no effect.

    Raises:
        UnsupportedArgumentError: an argument of Airflow that has no effect here would have one there.
        UnknownArgumentError: an argument that is unknown or missing.
        DuplicateTaskIdFound: the DAG has a task or group of this id.
        DagAuthoringError: a value that cannot be.
    """

    template_fields: Collection[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    custom_operator_name: str | None = None
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"

    _ready = False

    def __init__(
        self,
        *,
        task_id: str,
        dag: AbstractDag | None = None,
        task_group: AbstractTaskGroup | None = None,
        params: Mapping[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        task_display_name: str | None = None,
        pre_execute: Callable[[Context], None] | None = None,
        post_execute: Callable[[Context, Any], None] | None = None,
        **arguments: Unpack[TaskArguments],
    ) -> None:
        self.task_id = task_id
        self._dag = None
        dag, group = _place(task_id, dag, task_group)
        if group is not None and isinstance(task_id, str):
            self.task_id = group.child_id(task_id)
        me = describe(self.task_id, dag)
        check.identifier("task_id", self.task_id)
        if unusual := arguments.keys() - _ACCEPTED:
            refuse_used(arguments, TASK_ARGUMENTS, me)
            check.refuse_unknown(sorted(unusual - TASK_ARGUMENTS.keys()), _names(type(self)), me)
        self.__dict__.update(DEFAULTS)
        self.__dict__.update((name, value) for name, value in arguments.items() if name in _ACCEPTED)
        self.inlets, self.outlets = [], []
        self.params = _params(params, dag, me)
        self.default_args = default_args
        self._task_display_name = task_display_name
        self._pre_execute_hook = check.optional_callable("pre_execute", pre_execute, me)
        self._post_execute_hook = check.optional_callable("post_execute", post_execute, me)
        self.task_group = group
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.check(me)
        if dag is not None:
            dag.add_task(self)
        note_new_task(self)

    def check(self, me: str | None = None) -> None:
        """Bring each argument into its one form. Called again before serialization: attributes may be set until then.

        Args:
            me: the task in words, for errors.

        Raises:
            DagAuthoringError: a value that cannot be.
            UnsupportedArgumentError: an attribute asks for something that is not supported.
        """
        me = me or describe(self.task_id, self._dag)
        for name, bring in CHECKS.items():
            value = getattr(self, name)
            if value is not DEFAULTS[name]:
                setattr(self, name, bring(name, value, me))
        refuse_used({name: getattr(self, name) for name in SET_LATER}, TASK_ARGUMENTS, me)
        if self.wait_for_downstream:
            self.depends_on_past = True
        if type(self.params) is not ParamsDict:  # a dict was set
            self.params = _params(self.params, None, me)
        self._task_display_name = check.text(
            "task_display_name", self._task_display_name, me, longest=_MAX_DISPLAY_NAME
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            setattr(cls, "__init__", apply_defaults(cls.__dict__["__init__"]))  # noqa: B010 - a method is assigned

    def execute(self, context: Context) -> Any:
        """Do the work. What is returned is kept for other tasks.

        Args:
            context: what the task knows of itself and of its run.
        """
        raise NotImplementedError(f"{type(self).__name__} must override execute(context).")

    def pre_execute(self, context: Context) -> None:
        """Called right before `execute`, after the argument of this name; does nothing unless overridden."""

    def post_execute(self, context: Context, result: Any = None) -> None:
        """Called with what `execute` returned, after the argument of this name; does nothing unless overridden."""

    def on_kill(self) -> None:
        """Called when the process of the task is asked to end: clean up what would live on, quickly."""

    @property
    def log(self) -> logging.Logger:
        """The logger of this operator; its records are the task's log."""
        name = self.logger_name or f"{type(self).__module__}.{type(self).__qualname__}"
        return logging.getLogger(f"tradewind.task.operators.{name}")

    @property
    def output(self) -> XComArg:
        """What the task will return, as an argument for other tasks."""
        return XComArg(self)

    @property
    def dag(self) -> Any:
        """The DAG of the task.

        Raises:
            DagAuthoringError: it has none yet.
        """
        if self._dag is None:
            raise DagAuthoringError(f"Task {self.task_id!r} has no DAG yet. Create it inside `with DAG(...):`.")
        return self._dag

    @dag.setter
    def dag(self, dag: AbstractDag) -> None:
        dag.add_task(self)

    def get_dag(self) -> Any:
        """The DAG of the task, or None."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """Name of the DAG."""
        return str(self.dag.dag_id)

    @property
    def task_type(self) -> str:
        """Name of the operator's class."""
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        """What people call the operator: `custom_operator_name` of its class if it has one, else the class's name."""
        return self.custom_operator_name or self.task_type

    @property
    def node_id(self) -> str:
        """The task id."""
        return self.task_id

    @property
    def task_display_name(self) -> str:
        """Its name for people."""
        return self._task_display_name or self.task_id

    @task_display_name.setter
    def task_display_name(self, name: str | None) -> None:
        self._task_display_name = name

    @property
    def label(self) -> str:
        """Its name for people, or its id without that of its group."""
        if self._task_display_name:
            return self._task_display_name
        prefix = self.task_group.child_id("") if self.task_group is not None else ""
        return self.task_id.removeprefix(prefix)

    @property
    def upstream_list(self) -> list[BaseOperator]:
        """The tasks that this one waits for, by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[BaseOperator]:
        """The tasks that wait for this one, by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:  # noqa: FBT001, FBT002 - Airflow's signature
        """The ids of the tasks right behind this one, or right before it."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list[BaseOperator]:  # noqa: FBT001, FBT002 - Airflow's signature
        """The tasks right behind this one, or right before it, by id."""
        return self.upstream_list if upstream else self.downstream_list

    def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]:
        """The ids of all tasks behind this one, or before it."""
        found: set[str] = set()
        waiting = list(self.get_direct_relative_ids(upstream))
        while waiting:
            task_id = waiting.pop()
            if task_id not in found:
                found.add(task_id)
                waiting.extend(self.dag.get_task(task_id).get_direct_relative_ids(upstream))
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[BaseOperator]:  # noqa: FBT001, FBT002 - Airflow's signature
        """All tasks behind this one, or before it, by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.get_flat_relative_ids(upstream=upstream))]

    @classmethod
    def partial(cls, **arguments: object) -> NoReturn:  # noqa: ARG003 - Airflow's signature
        raise unsupported(f"{cls.__name__}.partial()", "mapped tasks")

    def defer(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{type(self).__name__}.defer()", "deferrable tasks")

    def add_inlets(self, inlets: Iterable[Any]) -> NoReturn:
        raise unsupported(f"{type(self).__name__}.add_inlets()", "assets")

    def add_outlets(self, outlets: Iterable[Any]) -> NoReturn:
        raise unsupported(f"{type(self).__name__}.add_outlets()", "assets")

    def __repr__(self) -> str:
        return f"<Task({type(self).__name__}): {self.task_id}>"

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self._ready and name in self.template_fields:
            self.forget_fields_to_render()
            self._take_field(value)

    def _finish(self) -> None:
        for name in self.template_fields:
            if not hasattr(self, name):
                raise DagAuthoringError(
                    f"{type(self).__name__} names {name!r} in template_fields but has no attribute of that name; "
                    "its __init__ must set it."
                )
            self._take_field(getattr(self, name))
        self._ready = True

    def _take_field(self, value: object) -> None:
        for reference in references(value):
            connect(reference, self)


def describe(task_id: object, dag: AbstractDag | None) -> str:
    """The task in words, for errors."""
    return f"task {task_id!r}" + (f" of DAG {dag.dag_id!r}" if dag is not None else "")


def _place(
    task_id: object, dag: AbstractDag | None, group: AbstractTaskGroup | None
) -> tuple[AbstractDag | None, AbstractTaskGroup | None]:
    if group is not None and not isinstance(group, AbstractTaskGroup):
        raise DagAuthoringError(f"task_group of task {task_id!r} must be a TaskGroup, not {group!r}.")
    if dag is None:
        dag = group.dag if group is not None else current_dag()
    if dag is None:
        return None, None
    if not isinstance(dag, AbstractDag):
        raise DagAuthoringError(f"dag of task {task_id!r} must be a DAG, not {dag!r}.")
    if group is None:
        return dag, current_group(dag)
    if group.dag is not dag:
        raise DagAuthoringError(f"Task {task_id!r} cannot be in DAG {dag.dag_id!r} and in a task group of another DAG.")
    return dag, group


def _params(given: object, dag: AbstractDag | None, owner: str) -> ParamsDict:
    if given is not None and not isinstance(given, Mapping):
        raise DagAuthoringError(f"params of {owner} must be a dict, not {given!r}.")
    try:
        of_dag: Iterable[tuple[str, Any]] = dag.params.items() if dag is not None else ()
        return ParamsDict({**dict(of_dag), **dict(given.items() if given else ())})
    except ParamValidationError as error:
        raise ParamValidationError(f"params of {owner}: {error}") from None


def _names(operator: type[BaseOperator]) -> set[str]:
    import inspect

    names: set[str] = set(TASK_ARGUMENTS) | _FIELDS
    for cls in operator.__mro__:
        if "__init__" in cls.__dict__ and issubclass(cls, BaseOperator):
            names |= inspect.signature(cls.__init__).parameters.keys() - {"self", "kwargs", "arguments"}
    return names


# Its own __init__ takes defaults like those of its subclasses, and notices arguments that are not supported.
setattr(BaseOperator, "__init__", apply_defaults(BaseOperator.__init__, _ACCEPTED | TASK_ARGUMENTS.keys()))  # noqa: B010
