"""On PostgreSQL every role of the control plane is a process of its own, and may be there twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.flights import EXAMPLES
from tests.e2e.processes import Running, eventually, program
from tests.e2e.system import System, free_port

Start = Callable[..., Running]


@pytest.fixture
def server(postgres_system: System) -> Start:
    """Start a role by its command."""

    def start(role: str, *options: str) -> Running:
        return postgres_system.start([program("tradewind-server"), role, *options])

    return start


@pytest.fixture
def roles(postgres_system: System, server: Start) -> dict[str, Running]:
    """A deployment of one process for each role and one worker, with the examples."""
    system, port = postgres_system, free_port()
    system.add_dags(EXAMPLES, "gated.py")
    url = f"http://127.0.0.1:{port}"
    system.setting("API__PUBLIC_URL", url)
    assert system.call([program("tradewind-server"), "db", "migrate"]).code == 0
    admin, worker = system.make_token("admin", "operator"), system.make_token("worker", "first")
    started = {"api-server": server("api-server", "--port", str(port))}
    system.connect(started["api-server"], url, admin)
    started |= {role: server(role) for role in ("scheduler", "dag-processor")}
    environment = {**system.environment, "TRADEWIND_API_TOKEN": worker}
    started["worker"] = system.start([program("tradewind"), "worker"], environment)
    return started


def test_the_roles_run_the_etl_together(postgres_system: System, roles: dict[str, Running], tmp_path: Path) -> None:
    run_id = postgres_system.trigger("etl_flights", {"database": str(tmp_path / "flights.sqlite")})

    assert postgres_system.wait_for_end("etl_flights", run_id) == "success"
    assert set(postgres_system.states("etl_flights", run_id).values()) == {"success"}
    assert [running.stop() for running in reversed(roles.values())] == [0, 0, 0, 0]


def test_a_second_scheduler_takes_over_when_the_first_is_killed(
    postgres_system: System, roles: dict[str, Running], server: Start, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    run_id = postgres_system.trigger("gated", {"journal": str(tmp_path / "journal"), "gate": str(gate)})
    postgres_system.wait_for_state("gated", run_id, "left", "running")
    server("scheduler")

    roles["scheduler"].kill()
    gate.touch()

    assert postgres_system.wait_for_end("gated", run_id) == "success"


def test_a_run_survives_the_end_of_the_api_server(
    postgres_system: System, roles: dict[str, Running], server: Start, tmp_path: Path
) -> None:
    journal, gate = tmp_path / "journal", tmp_path / "gate"
    run_id = postgres_system.trigger("gated", {"journal": str(journal), "gate": str(gate)})
    for side in ("left", "right"):
        postgres_system.wait_for_state("gated", run_id, side, "running")

    roles["api-server"].kill()
    gate.touch()  # the tries end while nobody can be told
    server("api-server", "--port", roles["api-server"].command[-1])
    eventually("the server's return", postgres_system.api.answers)

    assert postgres_system.wait_for_end("gated", run_id) == "success"
    tries = sorted(line.split()[:2] for line in journal.read_text().splitlines())
    assert tries == [["first", "1"], ["last", "1"], ["left", "1"], ["right", "1"]]
