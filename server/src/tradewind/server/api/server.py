"""Running the API inside an event loop that is already there, on a socket that is bound before anything starts."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

import uvicorn

from tradewind.server.settings import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tradewind.server.settings import ApiSettings

_ABOUT_THE_PORT: Final = frozenset({errno.EADDRINUSE, errno.EACCES})

GRACE_SECONDS: Final = 5
"""Time that open requests get to end when the server stops."""


def bind(settings: ApiSettings) -> socket.socket:
    """Bind the listening socket; with port 0 the free port that was found is in its `getsockname()`.

    Raises:
        SettingsError: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        if error.errno in _ABOUT_THE_PORT:
            field, action = "api.port", "stop what listens there, or choose another port (--port; 0 picks a free one)"
        else:
            field, action = "api.host", "name an address of this machine, such as 127.0.0.1 or 0.0.0.0"
        at = f"{settings.host}, port {settings.port}"
        message = f"{field}: nothing can listen at {at}: {error.strerror}; {action}"
        raise SettingsError(message) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return listener


class _Server(uvicorn.Server):
    """uvicorn that takes no signal handlers and, while nothing happens, sleeps instead of looking 10 times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.stop.wait()


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket, settings: ApiSettings) -> AsyncIterator[asyncio.Task[None]]:
    """Serve the app on a bound socket until the block ends; then open requests get a moment to end.

    Args:
        app: from `create_app`.
        listener: from `bind`; closed at the end.
        settings: section `api`.

    Yields:
        The task that serves; it ends early only by failing.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        # Frames over the limit are refused with a reason; what is out of all proportion is cut off while it arrives.
        ws_max_size=settings.max_frame_bytes * 2,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]), name="api server")
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield task
    finally:
        ready.cancel()
        server.stop.set()
        server.should_exit = True
        await task
