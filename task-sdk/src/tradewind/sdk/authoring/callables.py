"""How Python functions get the task context: by the names of their parameters."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints

from tradewind.sdk.authoring.context import CONTEXT_KEYS, EMPTY_KEYS, MISSING_KEYS
from tradewind.sdk.authoring.generators import returned_by
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.exceptions import DagAuthoringError
from tradewind.sdk.lazy_value import resolved

_REQUIRED = object()
_NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def call_with_context(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], context: Mapping[str, Any]
) -> Any:
    """Call a function with its own arguments and with what it wants of the context.

    A parameter that is named like a key of the context gets its value; one with two asterisks gets the whole context.

    Raises:
        ValueError: a positional argument takes the place of a key of the context.
        KeyError: a parameter without a default is named like a key that this context has not.
    """
    takes = learn(function)
    if takes is None:
        return function(*args, **kwargs)
    given = []
    for name, named in takes.positional[: len(args)]:
        given.append(name)
        if named and (name in context or name in kwargs):
            raise ValueError(
                f"Parameter {name!r} of {function_name(function)} would get a positional argument, "
                "but its name stands for a key of the task context or has a keyword argument already; rename it."
            )
    if takes.all:
        everything = {**context, **kwargs}
        wanted = {name: resolved(value) if name in takes.named else value for name, value in everything.items()}
    else:  # only what it takes is touched: a forked process copies the memory page of each value that it looks at
        wanted = {}
        for name in takes.named:
            if name in kwargs or name in context:
                wanted[name] = resolved(kwargs[name] if name in kwargs else context[name])
    for name in takes.needed:
        if name not in wanted and name not in given:
            wanted[name] = context[name]
    return returned_by(function, function(*args, **wanted))


class Takes(NamedTuple):
    """What a function takes.

    Attributes:
        positional: parameters that may be given by position, in their order, and whether by name, too.
        named: parameters that may be given by name.
        needed: those of them that have no default and are named like a key of the task context.
        all: whether it takes any further keyword.
    """

    positional: tuple[tuple[str, bool], ...]
    named: frozenset[str]
    needed: tuple[str, ...]
    all: bool


def learn(function: Callable[..., Any]) -> Takes | None:
    """What a function takes, None when it does not say. It is looked at once, best where tries are forked."""
    try:
        return _learned(function)
    except TypeError:  # it cannot be a key
        return _look_at(function)


@functools.lru_cache(maxsize=1024)
def _learned(function: Callable[..., Any]) -> Takes | None:
    return _look_at(function)


def _look_at(function: Callable[..., Any]) -> Takes | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C say nothing of their parameters
        return None
    positional = parameters_by_position(parameters, len(parameters))
    named = [parameter for parameter in parameters if parameter.kind in _NAMED]
    return Takes(
        tuple((parameter.name, parameter.kind in _NAMED) for parameter in positional),
        frozenset(parameter.name for parameter in named),
        tuple(
            parameter.name
            for parameter in named
            if parameter.default is inspect.Parameter.empty
            and (parameter.name in CONTEXT_KEYS or parameter.name in MISSING_KEYS)
        ),
        any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
    )


def parameters_by_position(parameters: Iterable[inspect.Parameter], given: int) -> list[inspect.Parameter]:
    """The parameters that so many positional arguments go to; what `*args` takes is not among them."""
    by_position = itertools.takewhile(lambda parameter: parameter.kind in _POSITIONAL, parameters)
    return list(itertools.islice(by_position, given))


def check_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Check, when a task is made, that the function will take these arguments beside the context.

    Raises:
        DagAuthoringError: they do not fit its parameters, or a parameter for the context has a default of its own.
    """
    signature = inspect.signature(function)
    name = function_name(function)
    lenient = []
    taken = parameters_by_position(signature.parameters.values(), len(args))
    for parameter in signature.parameters.values():
        if parameter.name not in CONTEXT_KEYS or parameter.kind not in _NAMED:
            lenient.append(parameter)
            continue
        if parameter.default is not inspect.Parameter.empty and parameter.default is not None:
            raise DagAuthoringError(
                f"Parameter {parameter.name!r} of {name} stands for a key of the task context; "
                "its default can only be None."
            )
        if parameter in taken and parameter.name not in EMPTY_KEYS:
            raise DagAuthoringError(
                f"Parameter {parameter.name!r} of {name} stands for a key of the task context and cannot be given by "
                "position; rename it."
            )
        lenient.append(parameter.replace(default=None))
    lenient = _legal_order(lenient)
    try:
        bound = signature.replace(parameters=lenient).bind(*args, **kwargs)
    except TypeError as error:
        raise DagAuthoringError(f"{name} cannot be called like this: {error}.") from None
    for parameter in lenient:
        if parameter.default is _REQUIRED and parameter.name not in bound.arguments:
            raise DagAuthoringError(
                f"{name} cannot be called like this: missing a required argument: {parameter.name!r}."
            )


def check_callable(function: object, owner: str) -> None:
    """Check that a task can call this.

    Raises:
        DagAuthoringError: it is no function.
        UnsupportedFeatureError: it is an asynchronous generator.
    """
    if not callable(function):
        raise DagAuthoringError(f"{owner} needs a function, not {function!r}.")
    if inspect.isasyncgenfunction(function):
        raise unsupported(f"An asynchronous generator ({function_name(function)})", "async tasks")


def returns_mapping(function: Callable[..., Any]) -> bool:
    """Whether its annotation says that the function returns a dict, each key of which becomes an XCom."""
    try:
        if "return" not in getattr(function, "__annotations__", {}):
            return False
        hint = get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001 - a name that only type checkers see; the author can say multiple_outputs
        return False
    kind = getattr(hint, "__origin__", hint)
    return isinstance(kind, type) and issubclass(kind, Mapping)


def function_name(function: object) -> str:
    """How a function is called in sentences."""
    return f"{getattr(function, '__qualname__', None) or repr(function)}()"


def _legal_order(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    # A parameter for the context has a default now and may stand before one that has none, which Python forbids.
    seen_default = False
    legal = []
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            has_default = parameter.default is not inspect.Parameter.empty
            legal.append(parameter if has_default or not seen_default else parameter.replace(default=_REQUIRED))
            seen_default = seen_default or has_default
        else:
            legal.append(parameter)
    return legal
