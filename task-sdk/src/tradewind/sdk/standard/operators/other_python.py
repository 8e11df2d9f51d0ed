"""Operators that call a function with another interpreter: of a virtual environment, or one that is there.

DAG files import them from `tradewind.sdk.standard.operators.python`.
"""

from __future__ import annotations

import datetime as dt
import inspect
import os
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import Any

from tradewind.sdk.authoring.arguments import one_of
from tradewind.sdk.authoring.callables import parameters_by_position
from tradewind.sdk.authoring.context import Context
from tradewind.sdk.exceptions import DagAuthoringError, TradewindException
from tradewind.sdk.standard.foreign_python import SERIALIZERS, ForeignCall, same_minor, source_of, version_of
from tradewind.sdk.standard.operators.python import PythonOperator
from tradewind.sdk.standard.skipping import BranchMixIn
from tradewind.sdk.standard.virtual_environment import EnvironmentRecipe, environment_for

_TEXT_KEYS = (
    "ds",
    "ds_nodash",
    "run_id",
    "task_instance_key_str",
    "try_number",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
)
_DATE_KEYS = ("data_interval_end", "data_interval_start", "logical_date")
_NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class OtherPythonOperator(PythonOperator):
    """What both operators share: the function runs in another process, which gets its source and arguments.

    Of the context it can have `ds`, `ts` and the like, `run_id`, `logical_date`, `data_interval_start`,
    `data_interval_end`, `params` and `templates_dict`, by naming them as parameters.
    """

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        string_args: Iterable[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        owner = f"task {self.task_id!r}"
        source_of(python_callable)
        self.serializer = one_of("serializer", serializer or "pickle", owner, SERIALIZERS)
        self.string_args = list(string_args or ())
        self.expect_airflow = expect_airflow
        self.skip_on_exit_code = _codes(skip_on_exit_code, owner)
        self.env_vars = env_vars
        self.inherit_env = inherit_env

    def call_with(self, python: str, context: Context) -> Any:
        """Call the function with an interpreter."""
        args, kwargs = self.call_arguments()
        call = ForeignCall(
            function=self.python_callable,
            args=args,
            kwargs={**self._wanted(context, len(args)), **kwargs},
            string_args=self.string_args,
            serializer=self.serializer,
            skip_on_exit_code=self.skip_on_exit_code,
        )
        inherited = dict(os.environ) if self.inherit_env else {}
        return call.run(python, {**inherited, **(self.env_vars or {})}, lambda line: self.log.info("%s", line))

    def _wanted(self, context: Context, given: int) -> dict[str, Any]:
        """What the function names of the context, in types that every Python has."""
        parameters = list(inspect.signature(self.python_callable).parameters.values())
        takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
        taken = parameters_by_position(parameters, given)
        named = {one.name for one in parameters if one.kind in _NAMED and one not in taken}
        known: dict[str, Any] = {key: context[key] for key in _TEXT_KEYS if key in context}  # type: ignore[literal-required]
        known.update({key: _plain_date(context[key]) for key in _DATE_KEYS if key in context})  # type: ignore[literal-required]
        known["params"] = dict(context["params"])
        known["templates_dict"] = self.templates_dict
        return {key: value for key, value in known.items() if takes_all or key in named}


class PythonVirtualenvOperator(OtherPythonOperator):
    """Calls a function in a virtual environment that is made for it.

    The function must stand by itself: it imports what it needs and uses no other name of the DAG file.

    Args:
        python_callable: the function.
        requirements: what to install, as a list or as the text of a requirements file.
        python_version: such as `3.12`; that of the worker when None.
        serializer: how arguments and result travel: `pickle`, `cloudpickle` or `dill`.
        system_site_packages: whether the environment sees the packages of the interpreter that makes it.
        pip_install_options: options of `pip install`.
        string_args: texts that the function finds as `virtualenv_string_args`.
        expect_airflow: accepted, as in Airflow.
        skip_on_exit_code: exit codes by which the task ends as skipped.
        index_urls: package indexes in place of the usual one.
        index_urls_from_connection_ids: connections whose URIs are package indexes.
        venv_cache_path: folder to keep environments in, one for each set of requirements.
        env_vars: further variables of the environment of the process.
        inherit_env: whether the process has the environment of the task.
        kwargs: as for `PythonOperator`.
    """

    template_fields: Collection[str] = (
        *PythonOperator.template_fields,
        "requirements",
        "index_urls",
        "index_urls_from_connection_ids",
        "venv_cache_path",
    )
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        index_urls_from_connection_ids: Collection[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self.requirements = [] if requirements is None else requirements
        if not isinstance(self.requirements, str):
            self.requirements = list(self.requirements)
        self.python_version = None if python_version is None else str(python_version)
        self.system_site_packages = system_site_packages
        self.pip_install_options = list(pip_install_options or ())
        self.index_urls = [index_urls] if isinstance(index_urls, str) else index_urls
        ids = index_urls_from_connection_ids
        self.index_urls_from_connection_ids = [ids] if isinstance(ids, str) else ids
        self.venv_cache_path = None if venv_cache_path is None else os.fspath(venv_cache_path)

    def execute_callable(self, context: Context) -> Any:
        with environment_for(self._recipe(), self.venv_cache_path, lambda line: self.log.info("%s", line)) as python:
            return self.call_with(python, context)

    def _recipe(self) -> EnvironmentRecipe:
        lines = self.requirements.splitlines() if isinstance(self.requirements, str) else self.requirements
        wanted = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        if self.serializer != "pickle" and not any(line.startswith(self.serializer) for line in wanted):
            wanted.append(self.serializer)
        return EnvironmentRecipe(
            requirements=tuple(wanted),
            python_version=self.python_version,
            system_site_packages=self.system_site_packages,
            pip_install_options=tuple(self.pip_install_options),
            index_urls=self._indexes(),
        )

    def _indexes(self) -> tuple[str, ...] | None:
        from tradewind.sdk.standard.hooks.package_index import PackageIndexHook

        urls = list(self.index_urls or ())
        ids = self.index_urls_from_connection_ids or ()
        urls += [PackageIndexHook(conn_id).get_connection_url() for conn_id in ids]
        return tuple(urls) or None


class ExternalPythonOperator(OtherPythonOperator):
    """Calls a function with an interpreter that is there, such as that of a prepared environment.

    Args:
        python: path of the interpreter.
        python_callable: the function; it must stand by itself.
        expect_pendulum: accepted, as in Airflow.
        kwargs: as for `PythonVirtualenvOperator`, less what makes the environment.
    """

    template_fields: Collection[str] = ("python", *PythonOperator.template_fields)

    def __init__(
        self, *, python: str, python_callable: Callable[..., Any], expect_pendulum: bool = False, **kwargs: Any
    ) -> None:
        if not python:
            raise DagAuthoringError("ExternalPythonOperator needs python: the path of an interpreter.")
        super().__init__(python_callable=python_callable, **kwargs)
        self.python = python
        self.expect_pendulum = expect_pendulum

    def execute_callable(self, context: Context) -> Any:
        version = version_of(self.python)
        if not same_minor(version):
            self.log.info("%s is Python %s, another version than this worker's.", self.python, version)
        if version.startswith("2."):
            raise TradewindException(f"{self.python!r} is Python {version}; a function needs Python 3.")
        return self.call_with(self.python, context)


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator, BranchMixIn):
    """Calls a function in a virtual environment that chooses which of the tasks behind this one run."""

    def execute(self, context: Context) -> Any:
        return self.do_branch(context, super().execute(context))


class BranchExternalPythonOperator(ExternalPythonOperator, BranchMixIn):
    """Calls a function with another interpreter that chooses which of the tasks behind this one run."""

    def execute(self, context: Context) -> Any:
        return self.do_branch(context, super().execute(context))


def _plain_date(value: Any) -> Any:
    if not isinstance(value, dt.datetime):
        return value
    return dt.datetime.fromisoformat(value.isoformat())


def _codes(given: int | Container[int] | None, owner: str) -> frozenset[int]:
    if given is None:
        return frozenset()
    if isinstance(given, int):
        return frozenset({given})
    if isinstance(given, Iterable) and all(isinstance(code, int) for code in given):
        return frozenset(given)
    raise DagAuthoringError(f"skip_on_exit_code of {owner} must be an exit code or a list of them, not {given!r}.")
