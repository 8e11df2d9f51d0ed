"""Activities that travel as envelopes: the command of an executor gets a ticket, and fetches the rest itself."""

import sys

from tests.e2e.system import System
from tests.journal.records import read_journal

COMMAND = [sys.executable, "-m", "tradewind.sdk", "run-activity"]


def test_tasks_are_handed_to_a_command_with_a_ticket(system: System) -> None:
    system.setting("EXECUTORS__COMMAND", {"local_command": COMMAND})
    system.add_dags("by_command.py")
    system.standalone()

    run_id = system.trigger("by_command")

    assert system.wait_for_end("by_command", run_id) == "success"
    journal = read_journal(system.database_url)
    assert journal.xcoms("by_command", run_id)["answer", "return_value"] == "54 in base ten"
    assert {one["executor"] for one in journal.tries} == {"local_command"}
    assert system.instances("by_command", run_id)["multiply"]["try_number"] == 2
    assert "the product is 54" in system.tradewind("tasks", "logs", "by_command", "answer").output


def test_a_command_that_cannot_be_started_is_named_as_the_reason(sqlite_system: System) -> None:
    sqlite_system.setting("EXECUTORS__COMMAND", {"local_command": ["/nonexistent/program"]})
    sqlite_system.add_dags("by_command.py")
    sqlite_system.standalone()

    run_id = sqlite_system.trigger("by_command")

    assert sqlite_system.wait_for_end("by_command", run_id) == "failed"
    shown = sqlite_system.tradewind("tasks", "show", "by_command", "ask", run_id).output
    assert "/nonexistent/program" in shown
