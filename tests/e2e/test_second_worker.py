"""A worker started by hand elsewhere: it has the task SDK alone, a token, and no directory of the server's."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.flights import EXAMPLES, facts
from tests.e2e.system import System, clean_environment
from tests.journal.records import read_journal

ROOT = Path(__file__).parents[2]
EXAMPLE_DAGS = ("etl_flights", "bash_pipeline", "retries")


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def sdk_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an environment in which the wheel of the task SDK is installed and nothing else."""
    folder = tmp_path_factory.mktemp("sdk-alone")
    source = folder / "source"
    shutil.copytree(ROOT / "task-sdk", source, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=source, check=True
    )
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    if uv := shutil.which("uv"):
        run(uv, "venv", "-q", "--python", sys.executable, environment)
        run(uv, "pip", "install", "-q", "--python", environment / "bin" / "python", wheel)
    else:
        run(sys.executable, "-m", "venv", environment)
        run(environment / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    return environment / "bin"


def test_the_environment_holds_no_server(sdk_alone: Path) -> None:
    find = "import importlib.util as u; print(*[u.find_spec(n) is None for n in ('tradewind.server', 'sqlalchemy')])"
    assert run(sdk_alone / "python", "-c", find).split() == ["True", "True"]


def test_the_examples_run_on_a_worker_that_shares_nothing_with_the_server(
    system: System, sdk_alone: Path, tmp_path: Path
) -> None:
    system.add_dags(EXAMPLES)
    system.standalone(workers=0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {
        **clean_environment(elsewhere),
        "TRADEWIND_API_URL": system.api.url,
        "TRADEWIND_API_TOKEN": system.make_token("worker", "second"),
    }
    worker = system.start([str(sdk_alone / "tradewind"), "worker"], environment)

    conf = {"etl_flights": {"database": str(elsewhere / "flights.sqlite")}}
    run_ids = {dag_id: system.trigger(dag_id, conf.get(dag_id)) for dag_id in EXAMPLE_DAGS}

    assert {dag_id: system.wait_for_end(dag_id, run_id) for dag_id, run_id in run_ids.items()} == dict.fromkeys(
        EXAMPLE_DAGS, "success"
    )
    journal = read_journal(system.database_url)
    loaded = journal.xcoms("etl_flights", run_ids["etl_flights"])["load", "return_value"]
    assert loaded["rows"] == sum(map(len, facts().delays.values()))
    counted = journal.xcoms("bash_pipeline", run_ids["bash_pipeline"])["count_flights", "return_value"]
    assert counted == str(facts().read)
    assert {one["worker"] for one in journal.tries} == {"second"}
    assert worker.stop() == 0
