"""Params: values that a run can be given, with a default and the JSON Schema that they must meet."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any, Protocol

from tradewind.sdk.authoring.xcom_arg import ResolveMixin
from tradewind.sdk.exceptions import DagAuthoringError, ParamValidationError

MAX_DESCRIPTION = 10_000


class _NotSet:
    def __repr__(self) -> str:
        return "NOTSET"

    def __bool__(self) -> bool:
        return False


NOTSET: Any = _NotSet()
"""The value of a param that has none."""


class Param:
    """A value that a run can be given: a default, words about it, and rules.

    Args:
        default: its value unless a run is given another; a param without one must be given at each trigger.
        description: what it is for.
        schema: JSON Schema that the value must meet. Other keyword arguments are that schema when this is not given:
            `Param(5, type="integer", minimum=1)`.

    Raises:
        ParamValidationError: the default or the schema is not JSON.
    """

    def __init__(self, default: Any = NOTSET, description: str | None = None, **schema: Any) -> None:
        if default is not NOTSET:
            _check_json(default, "default")
        if description is not None and not isinstance(description, str):
            raise ParamValidationError(f"description of a param must be a string, not {description!r}.")
        if description is not None and len(description) > MAX_DESCRIPTION:
            raise ParamValidationError(f"description of a param may have {MAX_DESCRIPTION} characters at most.")
        self.value = default
        self.description = description
        self.schema: dict[str, Any] = _plain_schema(schema.get("schema", schema))

    def __copy__(self) -> Param:
        return self.copy()

    def copy(self) -> Param:
        """Another param of the same value and rules."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    @property
    def has_value(self) -> bool:
        """Whether it has a value other than None."""
        return self.value is not NOTSET and self.value is not None

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:  # noqa: FBT001, FBT002 - Airflow's
        """The value, checked.

        Args:
            value: a value to take on; the one that it has when absent.
            suppress_exception: whether to return None for a value that cannot be.

        Raises:
            ParamValidationError: there is no value, or it does not meet the schema.
        """
        try:
            if value is not NOTSET:
                _check_json(value, "value")
            final = self.value if value is NOTSET else value
            if final is NOTSET:
                raise ParamValidationError("No value was given, and the param has no default.")
            if self.schema:
                _check_by_schema(final, self.schema)
        except ParamValidationError:
            if suppress_exception:
                return None
            raise
        self.value = final
        return final

    def dump(self) -> dict[str, Any]:
        """Value, description and schema as a dict; a value that is not there is None."""
        value = None if self.value is NOTSET else self.value
        return {"value": value, "description": self.description, "schema": self.schema}

    serialize = dump

    def __repr__(self) -> str:
        return f"<Param {self.value!r}>"


class ParamsDict(MutableMapping[str, Any]):
    """Params by name. Reading one gives its value, checked; setting one that is there keeps its rules.

    Args:
        dict_obj: params, or values that become params without rules.
        suppress_exception: whether a value that cannot be reads as None instead of raising.

    Raises:
        ParamValidationError: a name is no string, or a value is not JSON.
    """

    def __init__(
        self,
        dict_obj: Mapping[str, Any] | None = None,
        suppress_exception: bool = False,  # noqa: FBT001, FBT002 - Airflow's signature
    ) -> None:
        given = dict_obj.items() if dict_obj else ()
        self._params = {_name(name): value if isinstance(value, Param) else Param(value) for name, value in given}
        self.suppress_exception = suppress_exception

    def __getitem__(self, key: str) -> Any:
        try:
            return self._params[key].resolve(suppress_exception=self.suppress_exception)
        except ParamValidationError as error:
            raise _about(key, error) from None

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, Param):
            self._params[_name(key)] = value
        elif key in self._params:
            try:
                self._params[key].resolve(value, suppress_exception=self.suppress_exception)
            except ParamValidationError as error:
                raise _about(key, error) from None
        else:
            self._params[_name(key)] = Param(value)

    def __delitem__(self, key: str) -> None:
        del self._params[key]

    def __contains__(self, key: object) -> bool:
        return key in self._params

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a mapping that changes

    def __copy__(self) -> ParamsDict:
        return ParamsDict(self._params, self.suppress_exception)

    def __repr__(self) -> str:
        return repr(self.dump())

    def items(self) -> ItemsView[str, Param]:
        """Names and params, not their values."""
        return ItemsView(self._params)

    def values(self) -> ValuesView[Param]:
        """The params, not their values."""
        return ValuesView(self._params)

    def get_param(self, key: str) -> Param:
        """The param of this name."""
        return self._params[key]

    def dump(self) -> dict[str, Any]:
        """Values by name; None for one that cannot be."""
        return {name: param.resolve(suppress_exception=True) for name, param in self._params.items()}

    serialize = dump

    def validate(self) -> dict[str, Any]:
        """Values by name, each checked.

        Raises:
            ParamValidationError: names the param and what is wrong with its value.
        """
        return {name: self[name] for name in self._params}


class OwnerOfParams(Protocol):
    """What has params: a DAG."""

    params: ParamsDict


class DagParam(ResolveMixin):
    """A param of the run as an argument of a task; its value is there when the task runs.

    Args:
        current_dag: the DAG.
        name: name of the param.
        default: its value unless a run is given another; it becomes that of the DAG's param.
    """

    def __init__(self, current_dag: OwnerOfParams, name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET:
            current_dag.params[name] = default
        self._name = name
        self._default = default

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value in this run: of its configuration, else the default, else that of the DAG's param.

        Raises:
            DagAuthoringError: the run has no such param.
        """
        conf = context["dag_run"].conf if "dag_run" in context else None
        if conf and self._name in conf:
            return conf[self._name]
        if self._default is not NOTSET:
            return self._default
        if self._name in context.get("params", {}):
            return context["params"][self._name]
        raise DagAuthoringError(f"The run has no value for the param {self._name!r}, and its DAG declares no default.")

    def __repr__(self) -> str:
        return f"<DagParam {self._name}>"


def run_params(dag: ParamsDict, task: ParamsDict, conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """The params of a task in a run, as `context["params"]` has them: those of the DAG, of the task, then the conf.

    What the DAG and the task declare stays as it is.

    Args:
        dag: params of the DAG.
        task: params of the task.
        conf: configuration of the run; a key of it that is no param becomes one.

    Raises:
        ParamValidationError: names a param whose value cannot be.
    """
    merged = ParamsDict({name: param.copy() for name, param in (*dag.items(), *task.items())})
    merged.update(conf or {})
    return merged.validate()


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ParamValidationError(f"The name of a param must be a string of one character at least, not {name!r}.")
    return name


def _about(name: str, error: ParamValidationError) -> ParamValidationError:
    return ParamValidationError(f"Invalid input for param {name}: {error}")


def _check_json(value: object, what: str) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParamValidationError(f"The {what} of a param must be JSON; {value!r} is not: {error}.") from None


def _check_by_schema(value: Any, schema: Mapping[str, Any]) -> None:
    from tradewind.sdk.authoring.json_schema import check_value

    check_value(value, schema)


def _plain_schema(schema: object) -> dict[str, Any]:
    if schema is None:
        return {}
    if not isinstance(schema, Mapping):
        raise ParamValidationError(f"schema of a param must be a dict, not {schema!r}.")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(schema), allow_nan=False))  # tuples become lists
    except (TypeError, ValueError, RecursionError) as error:
        raise ParamValidationError(f"The schema of a param must be JSON: {error}.") from None
    return plain
