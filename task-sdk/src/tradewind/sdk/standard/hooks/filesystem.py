"""A folder of the worker's file system as a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradewind.sdk.authoring.hooks import BaseHook


class FSHook(BaseHook):
    """A folder that connections of type `fs` name in their `extra`: `{"path": "/data/incoming"}`.

    Args:
        fs_conn_id: the connection.
    """

    conn_name_attr = "fs_conn_id"
    default_conn_name = "fs_default"
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = default_conn_name, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.fs_conn_id = fs_conn_id
        self.conn = self.get_connection(fs_conn_id)
        self.basepath: str = self.conn.extra_dejson.get("path", "")

    def get_conn(self) -> None:
        """Nothing: a folder needs no session."""

    def get_path(self) -> str:
        """The folder; empty when the connection names none."""
        return self.basepath

    def test_connection(self) -> tuple[bool, str]:
        """Whether the folder is there, and that in words."""
        if not self.basepath:
            return False, "The connection has no path in its extra."
        if not Path(self.basepath).exists():
            return False, f"Path {self.basepath} does not exist."
        return True, f"Path {self.basepath} is existing."

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The path alone counts."""
        return {
            "hidden_fields": ["host", "schema", "port", "login", "password", "extra"],
            "relabeling": {},
            "placeholders": {},
        }
