"""XComs beyond arguments and `ti`: reading those of any run, and classes that decide how values are kept.

A back end is a subclass of `BaseXCom` that overrides `serialize_value` and `deserialize_value`. A worker's settings
name it; nothing in a DAG does, so that the same DAG runs on workers that keep values elsewhere.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from tradewind.sdk import typed_values
from tradewind.sdk.authoring.context import running_task
from tradewind.sdk.authoring.xcom_arg import XCOM_RETURN_KEY
from tradewind.sdk.exceptions import TradewindException, XComNotReadableError, XComNotSerializableError

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND_VARIABLE: Final = "TRADEWIND_WORKER_XCOM_BACKEND"
"""Environment variable of a worker that names its back end, as `module:Class`."""

CLASSES_VARIABLE: Final = "TRADEWIND_WORKER_XCOM_CLASSES"
"""Environment variable of a worker with the classes that XComs may be turned into, comma separated."""


class XComResult(Protocol):
    """An XCom as the control plane keeps it."""

    @property
    def value(self) -> Any:
        """Its JSON."""
        ...


class InstanceKey(Protocol):
    """Names a task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class BaseXCom:
    """How values become XComs and back; this class keeps them in the control plane, as `typed_values` writes them."""

    XCOM_RETURN_KEY = XCOM_RETURN_KEY

    @staticmethod
    def serialize_value(
        value: Any,
        *,
        key: str | None = None,  # noqa: ARG004 - for back ends that override this
        task_id: str | None = None,  # noqa: ARG004
        dag_id: str | None = None,  # noqa: ARG004
        run_id: str | None = None,  # noqa: ARG004
        map_index: int | None = None,  # noqa: ARG004
    ) -> Any:
        """What the control plane is to keep for a value: any JSON of at most 1 MiB.

        Args:
            value: what a task leaves.
            key: key of the XCom.
            task_id: the task that leaves it.
            dag_id: its DAG.
            run_id: its run.
            map_index: its index; -1 when the task is not mapped.

        Raises:
            XComNotSerializableError: the value has no form in JSON.
        """
        try:
            return typed_values.write_value(value)
        except typed_values.Unwritable as error:
            raise XComNotSerializableError(str(error)) from None

    @staticmethod
    def deserialize_value(result: XComResult) -> Any:
        """The value that an XCom stands for.

        Raises:
            XComNotReadableError: it cannot or may not be rebuilt in this process.
        """
        try:
            return typed_values.read_value(result.value, _settings.classes)
        except typed_values.Unreadable as error:
            raise XComNotReadableError(f"An XCom cannot be read: {error}.") from error

    @classmethod
    def get_one(
        cls,
        *,
        key: str = XCOM_RETURN_KEY,
        dag_id: str,
        task_id: str,
        run_id: str,
        map_index: int | None = None,
        include_prior_dates: bool = False,
    ) -> Any:
        """A value of any run, in a running task; None when there is none.

        Args:
            key: key of the XCom.
            dag_id: DAG of the run. Another DAG than the own one is declared in `read_dags`.
            task_id: the task that left it.
            run_id: the run.
            map_index: which of the mapped instances; None for a task that is not mapped.
            include_prior_dates: whether the newest of that run and those before it is meant.

        Raises:
            OutsideTaskError: no task runs in this process.
        """
        found = running_task("XCom.get_one()").find_xcom(
            dag_id,
            task_id,
            key,
            run_id=run_id,
            map_index=map_index,
            include_prior_dates=include_prior_dates,
        )
        return None if found is None else cls.deserialize_value(found)

    @classmethod
    def get_value(cls, *, ti_key: InstanceKey, key: str) -> Any:
        """A value of the task instance that is named, in a running task; None when there is none."""
        index = None if ti_key.map_index < 0 else ti_key.map_index
        return cls.get_one(key=key, dag_id=ti_key.dag_id, task_id=ti_key.task_id, run_id=ti_key.run_id, map_index=index)

    @classmethod
    def set(cls, key: str, value: Any, *, dag_id: str, task_id: str, run_id: str, map_index: int = -1) -> None:
        """Leave a value of the running task instance: no task writes XComs of another.

        Raises:
            OutsideTaskError: no task runs in this process.
            TradewindException: another task instance is named.
        """
        instance = running_task("XCom.set()").context["ti"]
        if (dag_id, run_id, task_id, map_index) != (
            instance.dag_id,
            instance.run_id,
            instance.task_id,
            instance.map_index,
        ):
            raise TradewindException(
                f"XCom.set() names task {task_id!r} of run {run_id!r} of DAG {dag_id!r}; a task leaves its own alone."
            )
        instance.xcom_push(key, value)


class XCom(BaseXCom):
    """XComs as the back end of this process keeps them, whichever it is."""

    @staticmethod
    def serialize_value(value: Any, **place: Any) -> Any:
        """See `BaseXCom.serialize_value`."""
        return xcom_backend().serialize_value(value, **place)

    @staticmethod
    def deserialize_value(result: XComResult) -> Any:
        """See `BaseXCom.deserialize_value`."""
        return xcom_backend().deserialize_value(result)


class _Settings:
    """How this process keeps XComs. A process runs one task at a time."""

    def __init__(self) -> None:
        self.backend_name: str | None = None
        self.backend: type[BaseXCom] | None = None
        self.classes = typed_values.ClassPatterns()


_settings = _Settings()


def use_xcom_settings(backend: str | None, classes: Iterable[str] = ()) -> None:
    """Say how this process keeps XComs from now on.

    Args:
        backend: name of the back end's class, as `module:Class`; None for `BaseXCom` itself. It is imported when the
            first XCom is written or read, so that it may lie beside the DAG files.
        classes: patterns of the classes that XComs may be turned into, such as `acme.models.*`.
    """
    if backend != _settings.backend_name:
        _settings.backend_name, _settings.backend = backend, None
    patterns = tuple(classes)
    if patterns != _settings.classes.patterns:
        _settings.classes = typed_values.ClassPatterns(patterns)


def xcom_settings_of(environ: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Back end and classes that an environment names, for `use_xcom_settings`."""
    classes = (name.strip() for name in environ.get(CLASSES_VARIABLE, "").split(","))
    return environ.get(BACKEND_VARIABLE) or None, tuple(name for name in classes if name)


def xcom_backend() -> type[BaseXCom]:
    """The class that keeps the XComs of this process.

    Raises:
        TradewindException: the one that the settings name cannot be imported, or is no `BaseXCom`.
    """
    if _settings.backend is None:
        name = _settings.backend_name
        _settings.backend = BaseXCom if name is None else _import_backend(name)
    return _settings.backend


def read_value(plain: Any) -> Any:
    """The value that the JSON of an XCom stands for, as the back end of this process reads it.

    Raises:
        XComNotReadableError: it cannot or may not be rebuilt in this process.
    """
    return xcom_backend().deserialize_value(_Kept(plain))


class _Kept(NamedTuple):
    value: Any


def _import_backend(name: str) -> type[BaseXCom]:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise TradewindException(f"The XCom back end {name!r} cannot be imported: {error}. {_REMEDY}") from error
    if not (isinstance(found, type) and issubclass(found, BaseXCom)):
        raise TradewindException(f"The XCom back end {name!r} is no subclass of BaseXCom. {_REMEDY}")
    return found


_REMEDY = f"Correct {BACKEND_VARIABLE} of the worker, which is like acme.xcoms:ObjectStore."
