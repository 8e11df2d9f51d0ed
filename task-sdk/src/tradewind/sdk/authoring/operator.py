"""`BaseOperator`: a task as its author declares it, and what runs when it is its turn."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring.dag_context import current_dag
from tradewind.sdk.authoring.default_arguments import apply_defaults
from tradewind.sdk.authoring.dependencies import AbstractDag, TaskNode, connect
from tradewind.sdk.authoring.trigger_rule import TriggerRule
from tradewind.sdk.authoring.unsupported import (
    TASK_ARGUMENTS,
    WITHOUT_EFFECT,
    refuse_argument,
    refuse_template,
    refuse_used,
    unsupported,
)
from tradewind.sdk.authoring.xcom_arg import XComArg, references
from tradewind.sdk.exceptions import DagAuthoringError

if TYPE_CHECKING:
    from tradewind.sdk.authoring.context import Context

DEFAULT_OWNER = "tradewind"
DEFAULT_QUEUE = "default"
DEFAULT_RETRY_DELAY = dt.timedelta(seconds=300)
"""As in Airflow."""


class BaseOperator(TaskNode):
    """Base of all operators: override `execute`.

    A subclass calls `super().__init__(**kwargs)`. Its own arguments, too, are taken from `default_args`. Fields named
    in `template_fields` may hold results of other tasks; they are read before `execute` is called.

    Args:
        task_id: name of the task, unique in its DAG.
        owner: who answers for the task.
        retries: further tries after a failed one.
        retry_delay: pause before such a try, a timedelta or seconds.
        queue: queue of the workers that may run it.
        executor: name of the executor that hands it out; the deployment's default when None.
        trigger_rule: which states of its upstream tasks let it run; only `all_success` is supported yet.
        do_xcom_push: whether what `execute` returns is kept for other tasks.
        multiple_outputs: whether `execute` returns a dict each of whose values is kept under its own key, too.
        connections: ids of connections that it reads, or prefixes with an asterisk. Exact ones come with the task.
        variables: the same for variables.
        takeover_after: silence of its worker, a timedelta or seconds, after which a try counts as lost; the
            deployment's default when None.
        on_cut: what the worker does with a try that it could not report before its takeover: `continue` or `stop`.
        doc_md: documentation in Markdown.
        dag: its DAG; that of the surrounding `with` block when None.
        default_args: defaults for arguments that are not given, before those of the DAG.
        others: arguments that Airflow knows. `start_date`, `email_on_failure`, `email_on_retry`,
            `ignore_first_depends_on_past` and `allow_nested_operators` are accepted and have no effect.

    Raises:
        UnsupportedArgumentError: an argument of Airflow that has no effect here would have one there.
        UnknownArgumentError: an argument that is unknown or missing.
        DuplicateTaskIdFound: the DAG has a task of this id.
        DagAuthoringError: a value that cannot be.
    """

    template_fields: Collection[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"

    _ready = False

    def __init__(
        self,
        *,
        task_id: str,
        owner: str = DEFAULT_OWNER,
        retries: int | None = 0,
        retry_delay: dt.timedelta | float = DEFAULT_RETRY_DELAY,
        queue: str = DEFAULT_QUEUE,
        executor: str | None = None,
        trigger_rule: TriggerRule | str = TriggerRule.ALL_SUCCESS,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        connections: Collection[str] | None = None,
        variables: Collection[str] | None = None,
        takeover_after: dt.timedelta | float | None = None,
        on_cut: str = "continue",
        doc_md: str | None = None,
        dag: AbstractDag | None = None,
        default_args: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        self.task_id = check.identifier("task_id", task_id)
        self._dag = None
        if dag is None:
            dag = current_dag()
        elif not isinstance(dag, AbstractDag):
            raise DagAuthoringError(f"dag of task {task_id!r} must be a DAG, not {dag!r}.")
        me = describe(task_id, dag)
        refuse_used(others, TASK_ARGUMENTS, me)
        if unknown := others.keys() - TASK_ARGUMENTS.keys() - WITHOUT_EFFECT:
            check.refuse_unknown(sorted(unknown), _names(type(self)), me)
        self.owner = owner
        self.retries = 0 if retries is None else retries
        self.retry_delay: dt.timedelta | float = retry_delay
        self.queue = queue
        self.executor = executor
        self.trigger_rule: TriggerRule | str = trigger_rule
        self.do_xcom_push = do_xcom_push
        self.multiple_outputs = multiple_outputs
        self.connections: Collection[str] | None = connections
        self.variables: Collection[str] | None = variables
        self.takeover_after: dt.timedelta | float | None = takeover_after
        self.on_cut = on_cut
        self.doc_md = doc_md
        self.start_date = others.get("start_date")
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.check(me)
        if dag is not None:
            dag.add_task(self)

    def check(self, me: str | None = None) -> None:
        """Bring each argument into its one form. Called again before serialization: attributes may be set until then.

        Args:
            me: the task in words, for errors.

        Raises:
            DagAuthoringError: a value that cannot be.
        """
        me = me or describe(self.task_id, self._dag)
        self.owner = check.text("owner", self.owner, me, longest=500) or DEFAULT_OWNER
        self.retries = check.whole_number("retries", self.retries, me, smallest=0, largest=check.MAX_RETRIES)
        self.retry_delay = check.duration("retry_delay", self.retry_delay, me)
        self.queue = check.identifier("queue", self.queue, longest=check.MAX_NAME, owner=me)
        if self.executor is not None:
            self.executor = check.identifier("executor", self.executor, longest=check.MAX_NAME, owner=me)
        self.trigger_rule = _trigger_rule(self.trigger_rule, me)
        self.do_xcom_push = check.flag("do_xcom_push", self.do_xcom_push, me)
        self.multiple_outputs = check.flag("multiple_outputs", self.multiple_outputs, me)
        self.connections = check.grants("connections", self.connections, me)
        self.variables = check.grants("variables", self.variables, me)
        if self.takeover_after is not None:
            self.takeover_after = check.duration("takeover_after", self.takeover_after, me, above_zero=True)
        self.on_cut = check.one_of("on_cut", self.on_cut, me, ("continue", "stop"))
        self.doc_md = check.text("doc_md", self.doc_md, me, longest=check.MAX_DOCUMENTATION)

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
        """Called right before `execute`, with results of other tasks read; does nothing unless overridden."""

    def post_execute(self, context: Context, result: Any = None) -> None:
        """Called with what `execute` returned; does nothing unless overridden."""

    def on_kill(self) -> None:
        """Called when the process of the task is asked to end: clean up what would live on, quickly."""

    @property
    def log(self) -> logging.Logger:
        """The logger of this operator; its records are the task's log."""
        return logging.getLogger(f"tradewind.task.operators.{type(self).__module__}.{type(self).__qualname__}")

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

    @property
    def dag_id(self) -> str:
        """Name of the DAG."""
        return str(self.dag.dag_id)

    @property
    def task_type(self) -> str:
        """Name of the operator's class."""
        return type(self).__name__

    operator_name = task_type

    @property
    def node_id(self) -> str:
        """The task id."""
        return self.task_id

    label = node_id
    task_display_name = node_id

    @property
    def upstream_list(self) -> list[BaseOperator]:
        """The tasks that this one waits for, by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[BaseOperator]:
        """The tasks that wait for this one, by id."""
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    @classmethod
    def partial(cls, **arguments: object) -> NoReturn:  # noqa: ARG003 - Airflow's signature
        raise unsupported(f"{cls.__name__}.partial()", "mapped tasks")

    def defer(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{type(self).__name__}.defer()", "deferrable tasks")

    def as_setup(self) -> NoReturn:
        raise unsupported(f"{type(self).__name__}.as_setup()", "setup and teardown tasks")

    def as_teardown(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{type(self).__name__}.as_teardown()", "setup and teardown tasks")

    def __repr__(self) -> str:
        return f"<Task({type(self).__name__}): {self.task_id}>"

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self._ready and name in self.template_fields:
            self._take_field(name, value)

    def _finish(self) -> None:
        for name in self.template_fields:
            if not hasattr(self, name):
                raise DagAuthoringError(
                    f"{type(self).__name__} names {name!r} in template_fields but has no attribute of that name; "
                    "its __init__ must set it."
                )
            self._take_field(name, getattr(self, name))
        self._ready = True

    def _take_field(self, name: str, value: object) -> None:
        refuse_template(name, value, describe(self.task_id, self._dag), self.template_ext)
        for reference in references(value):
            connect(reference, self)


def describe(task_id: object, dag: AbstractDag | None) -> str:
    """The task in words, for errors."""
    return f"task {task_id!r}" + (f" of DAG {dag.dag_id!r}" if dag is not None else "")


def _trigger_rule(value: object, owner: str) -> TriggerRule:
    rule = TriggerRule(check.one_of("trigger_rule", value, owner, [str(rule) for rule in TriggerRule]))
    if rule is not TriggerRule.ALL_SUCCESS:
        raise refuse_argument("trigger_rule", str(rule), "trigger rules other than all_success", owner)
    return rule


def _names(operator: type[BaseOperator]) -> set[str]:
    import inspect

    names: set[str] = set(TASK_ARGUMENTS)
    for cls in operator.__mro__:
        if "__init__" in cls.__dict__ and issubclass(cls, BaseOperator):
            names |= inspect.signature(cls.__init__).parameters.keys() - {"self", "kwargs", "others"}
    return names


# Its own __init__ takes defaults like those of its subclasses, and notices arguments that are not supported.
setattr(BaseOperator, "__init__", apply_defaults(BaseOperator.__init__, WITHOUT_EFFECT | TASK_ARGUMENTS.keys()))  # noqa: B010
