"""Tasks that do what no task should do to its worker."""

import os
import signal
import sys
import time
from pathlib import Path

from witness import witnessed

from tradewind.sdk import DAG, get_current_context, task

LINE_BYTES = 100 * 1024 * 1024
PATIENCE_SECONDS = 100.0


def place(name: str) -> Path:
    """Name a file in the folder of the run."""
    return Path(get_current_context()["dag_run"].conf["folder"]) / name


with DAG(dag_id="hostile"):

    @task
    def prints_one_line() -> int:
        with witnessed():
            chunk = "x" * (1024 * 1024)
            for _ in range(LINE_BYTES // len(chunk)):
                sys.stdout.write(chunk)
            sys.stdout.write("\nthe end of the line\n")
            return LINE_BYTES

    @task
    def leaves_a_daemon() -> None:
        with witnessed():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    place("daemon").write_text(str(os.getpid()), encoding="utf-8")
                    time.sleep(PATIENCE_SECONDS)
                os._exit(0)
            os.wait()
            until = time.monotonic() + PATIENCE_SECONDS
            while not place("daemon").exists() and time.monotonic() < until:
                time.sleep(0.01)

    @task
    def returns_no_value() -> object:
        with witnessed():
            return object()

    @task
    def returns_too_much() -> str:
        with witnessed():
            return "x" * (6 * 1024 * 1024)

    @task
    def closes_everything() -> int:
        with witnessed():
            pass
        os.closerange(0, 1024)
        return 1

    @task
    def leaves_without_a_word() -> None:
        with witnessed():
            pass
        os._exit(0)

    @task
    def is_healthy() -> int:
        with witnessed():
            return 7

    for declared in (
        prints_one_line,
        leaves_a_daemon,
        returns_no_value,
        returns_too_much,
        closes_everything,
        leaves_without_a_word,
        is_healthy,
    ):
        declared()

with DAG(dag_id="deaf"):

    @task
    def ignores_sigterm() -> None:
        with witnessed():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            place("deaf").write_text(str(os.getpid()), encoding="utf-8")
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until:
                time.sleep(0.05)

    ignores_sigterm()
