"""A value of the task context that is looked up when it is first used, because looking it up is a call."""

from __future__ import annotations

from collections.abc import Callable
from operator import add, eq, ge, gt, le, lt, ne, sub
from typing import Any

_UNKNOWN = object()


class LazyValue:
    """Stands for a value and behaves as it does, once something is done with it.

    The context gives the value itself when it is asked by key. This stands in for it where all keys are handed over at
    once, as to a function with `**context`; compare it with `== None` there, for it is never the object None itself.

    Args:
        look_up: finds the value; called once at most.
    """

    __slots__ = ("_look_up", "_value")

    def __init__(self, look_up: Callable[[], Any]) -> None:
        object.__setattr__(self, "_look_up", look_up)
        object.__setattr__(self, "_value", _UNKNOWN)

    def __getattr__(self, name: str) -> Any:
        return getattr(value_of(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(value_of(self), name, value)

    @property  # type: ignore[misc]  # `isinstance` asks for it
    def __class__(self) -> type:
        return type(value_of(self))

    def __reduce__(self) -> Any:
        return _same, (value_of(self),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()


def value_of(lazy: LazyValue) -> Any:
    """The value that it stands for."""
    value = object.__getattribute__(lazy, "_value")
    if value is _UNKNOWN:
        value = object.__getattribute__(lazy, "_look_up")()
        object.__setattr__(lazy, "_value", value)
    return value


def resolved(value: Any) -> Any:
    """The value itself, whether or not it is lazy."""
    return value_of(value) if type(value) is LazyValue else value


def _same(value: Any) -> Any:
    return value


# Python looks for operators at the class: `__getattr__` is not asked for them.
def _forwarded(operate: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *others: operate(value_of(self), *(resolved(other) for other in others))


def _reflected(operate: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: operate(other, value_of(self))


for _operate in (lt, le, eq, ne, gt, ge, add, sub, str, repr, bool, hash, format):
    setattr(LazyValue, f"__{_operate.__name__}__", _forwarded(_operate))
for _operate in (add, sub):
    setattr(LazyValue, f"__r{_operate.__name__}__", _reflected(_operate))
