"""Hints from other processes: one connection that listens to PostgreSQL's notifications."""

from __future__ import annotations

import logging
import os
import select
import threading

import psycopg

from tradewind.server.store.hints import Hints
from tradewind.server.store.postgres import CHANNEL, CONNECT_SECONDS

_LOG = logging.getLogger(__name__)
LONGEST_PAUSE_SECONDS = 5.0


class Listener:
    """A thread that turns notifications into hints; it connects again when its connection is lost.

    Args:
        url: URL of the database as the driver takes it.
        sender: name of this process; its own notifications were delivered when they were sent.
        hints: where they go.
    """

    def __init__(self, url: str, *, sender: str, hints: Hints) -> None:
        self._url = url
        self._sender = sender
        self._hints = hints
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="tradewind-listener", daemon=True)
        self._listening = threading.Event()

    def start(self) -> None:
        """Begin to listen. Returns once the connection is there, or could not be made so far."""
        self._thread.start()
        self._listening.wait(CONNECT_SECONDS)

    def stop(self) -> None:
        """End the thread and its connection."""
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._stop_read)

    def _run(self) -> None:
        pause = 0.1
        while True:
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    pause = 0.1
                    if self._listening.is_set():
                        # What was sent while nobody listened is lost.
                        self._hints.deliver()
                    self._listening.set()
                    if self._listen(connection):
                        return
            except psycopg.Error as error:
                _LOG.warning("no hints from PostgreSQL for now: %s", str(error).strip())
            # A later connection has something to make up for.
            self._listening.set()
            if self._stopped(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _listen(self, connection: psycopg.Connection) -> bool:
        """Deliver notifications until stopped."""
        while True:
            ready, _, _ = select.select([connection.fileno(), self._stop_read], [], [])
            if self._stop_read in ready:
                return True
            connection.pgconn.consume_input()
            while notification := connection.pgconn.notifies():
                sender, *topics = notification.extra.decode().split(" ")
                if sender != self._sender:
                    self._hints.deliver(topics)

    def _stopped(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._stop_read], [], [], seconds)
        return bool(ready)
