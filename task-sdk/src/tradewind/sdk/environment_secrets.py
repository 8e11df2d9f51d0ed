"""Variables and connections in the environment of a worker: `TRADEWIND_VAR_<KEY>` and `TRADEWIND_CONN_<ID>`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tradewind.sdk.authoring.connection_uri import parse_text
from tradewind.sdk.contract import Connection, Variable
from tradewind.sdk.exceptions import TradewindException

VARIABLE_PREFIX: Final = "TRADEWIND_VAR_"
CONNECTION_PREFIX: Final = "TRADEWIND_CONN_"


class EnvironmentSecrets:
    """Looks for variables and connections in an environment. Names there are in capitals, whatever they are otherwise.

    Args:
        environ: the environment, such as `os.environ`; what is in it now counts.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        prefixes = (VARIABLE_PREFIX, CONNECTION_PREFIX)
        self._environ = {name: text for name, text in environ.items() if name.startswith(prefixes)}

    def variable(self, key: str) -> Variable | None:
        """A variable; None when the environment has none."""
        text = self._environ.get(VARIABLE_PREFIX + key.upper())
        return None if text is None else Variable(key=key, value=text)

    def connection(self, conn_id: str) -> Connection | None:
        """A connection, given as a URI or as a JSON object; None when the environment has none.

        Raises:
            TradewindException: the text is neither.
        """
        name = CONNECTION_PREFIX + conn_id.upper()
        text = self._environ.get(name)
        if text is None:
            return None
        try:
            said = parse_text(text)
        except ValueError as error:
            raise TradewindException(f"{name} of the worker's environment is wrong: {error}.") from None
        return Connection(
            conn_id=conn_id,
            conn_type=said.conn_type,
            description=said.description,
            host=said.host,
            login=said.login,
            password=said.password,
            port=said.port,
            schema_name=said.schema,
            extra=said.extra,
        )
