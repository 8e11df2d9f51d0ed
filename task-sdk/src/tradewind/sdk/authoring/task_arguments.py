"""The arguments that every operator takes: their types, defaults and checks, in one place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring.timezones import optional_utc
from tradewind.sdk.authoring.trigger_rule import TriggerRule
from tradewind.sdk.authoring.unsupported import refuse_argument
from tradewind.sdk.authoring.weight_rule import WeightRule
from tradewind.sdk.exceptions import DagAuthoringError

if TYPE_CHECKING:
    from tradewind.sdk.authoring.retry_policy import RetryPolicy

DEFAULT_OWNER = "tradewind"
DEFAULT_QUEUE = "default"
DEFAULT_POOL = "default_pool"
DEFAULT_RETRY_DELAY = dt.timedelta(seconds=300)
"""These are Airflow's, but for the owner."""

MAX_BACKOFF = 1000.0
MAX_SLOTS = 1_000_000
_WEIGHTS = 2**31

Span: TypeAlias = dt.timedelta | float
Check: TypeAlias = Callable[[str, Any, str], Any]


class TaskArguments(TypedDict, total=False):
    """What an operator may be given beside its task id; `TaskFields` says what each is for."""

    owner: str
    retries: int | str | None
    retry_delay: Span | None
    retry_exponential_backoff: bool | float
    max_retry_delay: Span | None
    retry_policy: RetryPolicy | None
    start_date: dt.datetime | None
    end_date: dt.datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    priority_weight: int
    weight_rule: WeightRule | str
    queue: str | None
    executor: str | None
    pool: str | None
    pool_slots: int
    execution_timeout: dt.timedelta | None
    trigger_rule: TriggerRule | str
    run_as_user: str | None
    isolation: str
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    do_xcom_push: bool
    multiple_outputs: bool
    connections: Collection[str] | None
    variables: Collection[str] | None
    write_variables: Collection[str] | None
    read_dags: Collection[str] | None
    trigger_dags: Collection[str] | None
    takeover_after: Span | None
    on_cut: str
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    logger_name: str | None
    render_template_as_native_obj: bool | None
    email_on_failure: bool
    email_on_retry: bool
    allow_nested_operators: bool


class TaskFields:
    """What an operator was given, as its attributes.

    Attributes:
        owner: who answers for the task.
        retries: further tries after a failed one.
        retry_delay: pause before such a try, a timedelta or seconds.
        retry_exponential_backoff: factor by which the pause grows with each failure; True for 2.0, False or 0 for none.
        max_retry_delay: longest pause, a timedelta or seconds.
        retry_policy: decides by the exception whether there is another try.
        start_date: first logical date that the task is for; that of the DAG when that is later.
        end_date: last logical date that the task is for; that of the DAG when that is earlier.
        depends_on_past: whether the task waits for itself in the run before to have ended well.
        ignore_first_depends_on_past: whether a first run may go ahead without a run before it.
        wait_for_past_depends_before_skipping: whether even skipping the task waits for the run before.
        wait_for_downstream: whether it waits for the tasks right behind it in the run before, too.
        priority_weight: weight of the task where several could start.
        weight_rule: how the priority follows from weights: `downstream`, `upstream` or `absolute`.
        queue: queue of the workers that may run it.
        executor: name of the executor that hands it out; the deployment's default when None.
        pool: pool whose slots it needs.
        pool_slots: how many of them.
        execution_timeout: time after which a try is stopped and fails.
        trigger_rule: which states of its upstream tasks let it run.
        run_as_user: operating-system user that its code runs as.
        isolation: how a try gets its process: `fork`, `spawn` or `reuse`.
        max_active_tis_per_dag: instances of the task that may be active at once over all runs.
        max_active_tis_per_dagrun: the same in one run.
        do_xcom_push: whether what `execute` returns is kept for other tasks.
        multiple_outputs: whether `execute` returns a dict each of whose values is kept under its own key, too.
        connections: ids of connections that it reads, or prefixes with an asterisk. Exact ones come with the task.
        variables: the same for variables.
        write_variables: the same for variables that it sets or deletes.
        read_dags: other DAGs whose runs and XComs it reads.
        trigger_dags: DAGs that it triggers.
        takeover_after: silence of its worker, a timedelta or seconds, after which a try counts as lost; the
            deployment's default when None.
        on_cut: what the worker does with a try that it could not report before its takeover: `continue` or `stop`.
        doc: documentation in plain text; in other forms `doc_md`, `doc_json`, `doc_yaml` and `doc_rst`.
        logger_name: name of its logger below that of all operators; that of its class when None.
        render_template_as_native_obj: whether templates give Python values; as its DAG does when None.
    """

    owner: str = DEFAULT_OWNER
    retries: int | None = 0
    retry_delay: Span = DEFAULT_RETRY_DELAY
    retry_exponential_backoff: float = 0.0
    max_retry_delay: Span | None = None
    retry_policy: RetryPolicy | None = None
    start_date: dt.datetime | None = None
    end_date: dt.datetime | None = None
    depends_on_past: bool = False
    ignore_first_depends_on_past: bool = True
    wait_for_past_depends_before_skipping: bool = False
    wait_for_downstream: bool = False
    priority_weight: int = 1
    weight_rule: WeightRule | str = WeightRule.DOWNSTREAM
    queue: str = DEFAULT_QUEUE
    executor: str | None = None
    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    execution_timeout: dt.timedelta | None = None
    trigger_rule: TriggerRule | str = TriggerRule.ALL_SUCCESS
    run_as_user: str | None = None
    isolation: str = "fork"
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    do_xcom_push: bool = True
    multiple_outputs: bool = False
    connections: Collection[str] | None = ()
    variables: Collection[str] | None = ()
    write_variables: Collection[str] | None = ()
    read_dags: Collection[str] | None = ()
    trigger_dags: Collection[str] | None = ()
    takeover_after: Span | None = None
    on_cut: str = "continue"
    doc: str | None = None
    doc_md: str | None = None
    doc_json: str | None = None
    doc_yaml: str | None = None
    doc_rst: str | None = None
    logger_name: str | None = None
    render_template_as_native_obj: bool | None = None


DEFAULTS: Mapping[str, Any] = {name: getattr(TaskFields, name) for name in TaskFields.__annotations__}
"""Each field and the value that it has unless one is given."""


def _retries(name: str, value: Any, owner: str) -> int:
    if isinstance(value, str) and value.strip().isdecimal():  # of an environment variable, for instance
        value = int(value)
    return 0 if value is None else check.whole_number(name, value, owner, smallest=0, largest=check.MAX_RETRIES)


def _retry_delay(name: str, value: Any, owner: str) -> dt.timedelta:
    return DEFAULT_RETRY_DELAY if value is None else check.duration(name, value, owner)


def _queue(name: str, value: Any, owner: str) -> str:
    return DEFAULT_QUEUE if value is None else check.short_identifier(name, value, owner)


def _backoff(name: str, value: Any, owner: str) -> float:
    if isinstance(value, bool) or value is None:
        return 2.0 if value else 0.0
    if not isinstance(value, int | float) or not (value == 0 or 1 <= value <= MAX_BACKOFF):
        raise DagAuthoringError(
            f"{name} of {owner} is {value!r}; it must be True, False, or a factor from 1 to {MAX_BACKOFF:g}."
        )
    return float(value)


def _policy(name: str, value: Any, owner: str) -> RetryPolicy | None:
    from tradewind.sdk.authoring.retry_policy import RetryPolicy

    if value is not None and not isinstance(value, RetryPolicy):
        raise DagAuthoringError(f"{name} of {owner} must be a RetryPolicy, not {value!r}.")
    return value


def _timeout(name: str, value: Any, owner: str) -> dt.timedelta | None:
    if value is not None and not isinstance(value, dt.timedelta):
        raise DagAuthoringError(f"{name} of {owner} must be a timedelta, not {value!r}.")
    return None if value is None else check.duration(name, value, owner, above_zero=True)


def _pool(name: str, value: Any, owner: str) -> str:
    return check.text(name, value, owner, longest=256) or DEFAULT_POOL


def _weight_rule(name: str, value: Any, owner: str) -> WeightRule:
    if not isinstance(value, str) and value is not None:
        raise refuse_argument(name, value, "priority strategies of your own", owner, "Give the name of a rule.")
    return WeightRule(check.one_of(name, value, owner, [str(rule) for rule in WeightRule]))


def _trigger_rule(name: str, value: Any, owner: str) -> TriggerRule:
    return TriggerRule(check.one_of(name, value, owner, [str(rule) for rule in TriggerRule]))


CHECKS: Mapping[str, Check] = {
    "owner": lambda name, value, owner: check.text(name, value, owner, longest=500) or DEFAULT_OWNER,
    "retries": _retries,
    "retry_delay": _retry_delay,
    "retry_exponential_backoff": _backoff,
    "max_retry_delay": check.optional(check.duration),
    "retry_policy": _policy,
    "start_date": optional_utc,
    "end_date": optional_utc,
    "depends_on_past": check.flag,
    "ignore_first_depends_on_past": check.flag,
    "wait_for_past_depends_before_skipping": check.flag,
    "wait_for_downstream": check.flag,
    "priority_weight": check.within(-_WEIGHTS, _WEIGHTS - 1),
    "weight_rule": _weight_rule,
    "queue": _queue,
    "executor": check.optional(check.short_identifier),
    "pool": _pool,
    "pool_slots": check.within(1, MAX_SLOTS),
    "execution_timeout": _timeout,
    "trigger_rule": _trigger_rule,
    "run_as_user": lambda name, value, owner: check.text(name, value, owner, longest=255),
    "isolation": lambda name, value, owner: check.one_of(name, value, owner, ("fork", "spawn", "reuse")),
    "max_active_tis_per_dag": check.optional(check.within(1, MAX_SLOTS)),
    "max_active_tis_per_dagrun": check.optional(check.within(1, MAX_SLOTS)),
    "do_xcom_push": check.flag,
    "multiple_outputs": check.flag,
    **dict.fromkeys(("connections", "variables", "write_variables", "read_dags", "trigger_dags"), check.grants),
    "takeover_after": check.optional(lambda name, value, owner: check.duration(name, value, owner, above_zero=True)),
    "on_cut": lambda name, value, owner: check.one_of(name, value, owner, ("continue", "stop")),
    **dict.fromkeys(("doc", "doc_md", "doc_json", "doc_yaml", "doc_rst"), check.documentation),
    "logger_name": lambda name, value, owner: check.text(name, value, owner, longest=check.MAX_ID),
    "render_template_as_native_obj": check.optional(check.flag),
}
"""What brings each field into its one form, or refuses it."""
