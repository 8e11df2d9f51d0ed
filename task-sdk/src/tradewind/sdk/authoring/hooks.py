"""Hooks: objects that know how to use a connection."""

from __future__ import annotations

import logging
from typing import Any

from tradewind.sdk.authoring.secrets import Connection


class BaseHook:
    """Base of hooks: something that a connection leads to.

    Args:
        logger_name: end of the name of its logger; made from the class when absent.

    Attributes:
        conn_name_attr: name of the argument that a subclass takes the name of its connection by.
        default_conn_name: the connection that is used when none is named.
        conn_type: type of the connections that it is for.
        hook_name: the type in words.
    """

    conn_name_attr: str = "conn_id"
    default_conn_name: str = ""
    conn_type: str = ""
    hook_name: str = ""

    def __init__(self, logger_name: str | None = None) -> None:
        self._logger_name = logger_name

    @property
    def log(self) -> logging.Logger:
        """The logger of this hook; its records are the task's log."""
        kind = type(self)
        return logging.getLogger(
            f"tradewind.task.hooks.{self._logger_name or f'{kind.__module__}.{kind.__qualname__}'}"
        )

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """A connection of the deployment.

        Raises:
            ConnectionNotFound: there is none.
        """
        return Connection.get(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """The same as `get_connection` for an event loop, which goes on meanwhile."""
        return await Connection.async_get(conn_id)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> BaseHook:
        """The hook for a connection, by its type.

        Args:
            conn_id: the connection.
            hook_params: further arguments of the hook.

        Raises:
            ConnectionNotFound: there is no such connection.
            TradewindException: nothing that is installed knows its type.
        """
        hook: BaseHook = cls.get_connection(conn_id).get_hook(hook_params=hook_params)
        return hook

    @classmethod
    def for_connection(cls, conn_id: str, **arguments: Any) -> BaseHook:
        """This hook for a connection.

        Args:
            conn_id: the connection.
            arguments: further arguments of the hook.
        """
        return cls(**{cls.conn_name_attr: conn_id, **arguments})

    def get_conn(self) -> Any:
        """What the connection leads to, ready for use; each hook has its own.

        Raises:
            NotImplementedError: this one has none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no get_conn().")

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Fields of a form for connections of this type beyond the usual ones: none unless overridden."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """How a form for connections of this type names and hides its fields: as usual unless overridden."""
        return {}
