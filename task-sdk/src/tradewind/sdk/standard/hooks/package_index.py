"""An index of Python packages as a connection."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Final
from urllib.parse import quote

from tradewind.sdk.authoring.hooks import BaseHook

_TEST_SECONDS: Final = 60.0


class PackageIndexHook(BaseHook):
    """The index that connections of type `package_index` name: its URL as host, and login and password if it has any.

    Args:
        pi_conn_id: the connection.
    """

    conn_name_attr = "pi_conn_id"
    default_conn_name = "package_index_default"
    conn_type = "package_index"
    hook_name = "Package Index (Python)"

    def __init__(self, pi_conn_id: str = default_conn_name, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.pi_conn_id = pi_conn_id

    def get_conn(self) -> str:
        """The URL of the index."""
        return self.get_connection_url()

    def get_connection_url(self) -> str:
        """The URL of the index, with login and password in it.

        Raises:
            ValueError: the connection has no host.
        """
        connection = self.get_connection(self.pi_conn_id)
        if not connection.host:
            raise ValueError(f"Connection {self.pi_conn_id!r} needs the URL of the package index as its host.")
        if not connection.login:
            return connection.host
        user = quote(connection.login, safe="")
        if connection.password:
            user += f":{quote(connection.password, safe='')}"
        scheme, separator, rest = connection.host.rpartition("://")
        return f"{scheme}{separator}{user}@{rest}"

    def test_connection(self) -> tuple[bool, str]:
        """Whether pip can look into the index, and that in words."""
        # The URL may hold a password: in the environment other users of the host do not see it.
        environment = {**os.environ, "PIP_INDEX_URL": self.get_connection_url()}
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "index", "versions", "pip"]
        try:
            ended = subprocess.run(
                command, env=environment, check=False, capture_output=True, text=True, timeout=_TEST_SECONDS
            )
        except subprocess.TimeoutExpired:
            return False, f"The package index did not answer within {_TEST_SECONDS:g} s."
        if ended.returncode:
            return False, ended.stderr.strip() or ended.stdout.strip()
        return True, "Connection successfully tested"

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """URL, login and password count."""
        return {
            "hidden_fields": ["schema", "port", "extra"],
            "relabeling": {"host": "Package Index URL"},
            "placeholders": {
                "host": "Example: https://my-package-mirror.net/pypi/repo-name/simple",
                "login": "Username for package index",
                "password": "Password for package index (will be masked)",
            },
        }
