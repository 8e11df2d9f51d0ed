import hashlib
from pathlib import Path

import pytest

from tests.worker.fake_server import Answer, FakeServer, Refusal
from tests.worker.rig import Worker, run_with_worker

PARSED = """
def run(child):
    digest = "0" * 64
    return {"outcome": "parsed", "ended_at": "2026-01-01T00:00:00Z", "duration_seconds": 0.1, "code_id": digest,
            "files_read": {"script.py": digest}, "dags": []}
"""


def test_a_parse_ends_with_what_its_process_reports_and_has_no_log(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.parse(PARSED + "\nprint('noise')")))
        assert outcome["code_id"] == "0" * 64
        assert not server.of("put_log_segment")

    run_with_worker(tmp_path, work)


def test_a_parse_that_dies_is_an_import_error_with_what_it_said_and_its_line(tmp_path: Path) -> None:
    script = """
import faulthandler, os, signal
faulthandler.enable()
print("about to crash", flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.parse(script)))
        digest = hashlib.sha256(script.encode()).hexdigest()
        assert outcome["outcome"] == "parsed"
        assert outcome["dags"] == []
        assert outcome["files_read"] == {"script.py": digest}
        assert outcome["code_id"] == hashlib.sha256(f"script.py\0{digest}\n".encode()).hexdigest()
        error = outcome["error"]
        assert error["file"] == "script.py"
        assert error["type"] == "ProcessKilled"
        assert error["line"] == 5
        assert "SIGSEGV" in error["message"]
        assert "about to crash" in error["traceback"]

    run_with_worker(tmp_path, work)


def test_a_parse_that_does_not_end_is_killed_after_its_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.activity_run._PARSE_GRACE_SECONDS", 0.1)

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.parse("while True: pass", timeout_seconds=0.2)))
        assert outcome["error"]["type"] == "DagFileTimeout"
        assert "0.2 s" in outcome["error"]["message"]

    run_with_worker(tmp_path, work)


def test_a_list_of_dags_above_the_servers_limit_is_an_import_error(tmp_path: Path) -> None:
    script = PARSED.replace('"script.py": digest', "f'{number:0500}': digest for number in range(100)")

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.parse(script)))
        assert outcome["error"]["type"] == "ResultTooLarge"
        assert "20000" in outcome["error"]["message"]

    run_with_worker(tmp_path, work, max_body_bytes=20_000)


READING = """
import os

def run(child):
    word = child.call("get_variable", {"key": "word"})["body"]["value"]
    if DIES:
        print("dying with", word, flush=True)
        os.kill(os.getpid(), 9)
    digest = "0" * 64
    dag = {"dag_id": "d", "description": word, "tags": [], "max_active_runs": 16, "tasks": []}
    error = {"file": "script.py", "line": 1, "type": "ValueError", "message": "it is " + word,
             "traceback": "in " + word}
    return {"outcome": "parsed", "ended_at": "2026-01-01T00:00:00Z", "duration_seconds": 0.1, "code_id": digest,
            "files_read": {"script.py": digest}, "dags": [dag], "error": error}
"""


def test_what_a_file_read_is_masked_in_its_error_and_not_in_what_it_declares(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_variable"] = lambda call: (200, b'{"key": "word", "value": "s3cr3t-w0rd"}')
        outcome = await server.outcome(server.deliver(server.parse(f"DIES = False{READING}")))
        assert (outcome["error"]["message"], outcome["error"]["traceback"]) == ("it is ***", "in ***")
        assert [dag["description"] for dag in outcome["dags"]] == ["s3cr3t-w0rd"]
        assert len(server.of("get_variable")) == 1

    run_with_worker(tmp_path, work)


def test_what_a_file_read_is_masked_in_what_it_said_before_it_died(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_variable"] = lambda call: (200, b'{"key": "word", "value": "s3cr3t-w0rd"}')
        error = (await server.outcome(server.deliver(server.parse(f"DIES = True{READING}"))))["error"]
        assert error["type"] == "ProcessKilled"
        assert "dying with ***" in error["traceback"]

    run_with_worker(tmp_path, work)


def test_waiting_for_the_server_takes_nothing_of_the_time_of_a_parse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.activity_run._PARSE_GRACE_SECONDS", 0.1)

    async def work(server: FakeServer, worker: Worker) -> None:
        answers: list[Answer | Refusal] = [
            Refusal(429, "too_busy", {"retry_after_seconds": 1.5}),
            (200, b'{"key": "word", "value": "s3cr3t-w0rd"}'),
        ]
        server.handlers["get_variable"] = lambda call: answers.pop(0)
        outcome = await server.outcome(server.deliver(server.parse(f"DIES = False{READING}", timeout_seconds=0.5)))
        assert outcome["error"]["message"] == "it is ***"

    run_with_worker(tmp_path, work)
