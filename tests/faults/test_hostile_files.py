"""DAG files that misbehave hurt their own process alone; a run keeps the code that it began with."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.processes import eventually
from tests.faults.deployments import Deployment, deployed, wait_for_dags
from tests.faults.runs import begin

HEAD = "import os, resource, signal, sys, time\nfrom tradewind.sdk import DAG, task\n"
DAG = 'with DAG(dag_id="{dag_id}"):\n    task(task_id="only")(lambda: None)()\n'
FILES = {
    "forks.py": (
        HEAD
        + "for _ in range(5):\n"
        + "    if os.fork() == 0:\n"
        + "        os.setsid()\n"
        + "        open(os.path.join({folder!r}, str(os.getpid())), 'w').close()\n"
        + "        time.sleep(1000)\n"
        + DAG.format(dag_id="forks")
    ),
    "prints.py": HEAD + "for _ in range(1024):\n    sys.stdout.write('x' * (1 << 20))\n" + DAG.format(dag_id="prints"),
    "eats.py": (
        HEAD
        + f"resource.setrlimit(resource.RLIMIT_AS, (1 << 30, {resource.RLIM_INFINITY}))\n"
        + "eaten = []\nwhile True:\n    eaten.append(bytearray(1 << 24))\n"
        + DAG.format(dag_id="eats")
    ),
    "is_killed.py": HEAD + "os.kill(os.getpid(), signal.SIGKILL)\n" + DAG.format(dag_id="is_killed"),
}
"""Text of each file; `is_killed` does what the kernel does to a process that has eaten everything."""
CHANGING = """
import time
from pathlib import Path
from tradewind.sdk import DAG, get_current_context, task

with DAG(dag_id="changing"):

    @task
    def first():
        gate = Path(get_current_context()["dag_run"].conf["gate"])
        while not gate.exists():
            time.sleep(0.02)
        return "{version}"

    @task
    def second(value):
        return [value, "{version}"]

    second(first()){more}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pids")


@pytest.fixture(scope="module")
def deployment(alone: None, tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("files")
    with deployed("sqlite", directory, own_workers=0, DAGS__PARSE_TIMEOUT_SECONDS=20) as made:
        wait_for_dags(made, "crowd")
        for name, text in FILES.items():
            (made.system.dags / name).write_text(text.format(folder=str(folder)) if "{folder" in text else text)
        yield made
        assert made.died() == []
        assert made.close() == []


def import_errors(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return {one["filename"]: one for one in deployment.apis[0].get("importErrors", limit=100)["import_errors"]}


def known(deployment: Deployment) -> set[str]:
    return {dag["dag_id"] for dag in deployment.apis[0].get("dags", limit=1000)["dags"] if not dag["is_stale"]}


@pytest.mark.parametrize(("name", "word"), [("eats.py", "MemoryError"), ("is_killed.py", "ProcessKilled")])
def test_a_file_that_eats_memory_has_an_import_error(deployment: Deployment, name: str, word: str) -> None:
    error = eventually("the error", lambda: import_errors(deployment).get(name), 60)
    assert word in str(error), error


def test_a_file_that_forks_leaves_no_process(deployment: Deployment, folder: Path) -> None:
    eventually("its end", lambda: "forks" in known(deployment) or "forks.py" in import_errors(deployment), 60)
    pids = [int(path.name) for path in folder.iterdir()]
    assert pids
    eventually("the end of what it forked", lambda: not any(map(psutil.pid_exists, pids)))


def test_a_file_that_prints_a_gigabyte_fills_no_memory(deployment: Deployment) -> None:
    supervisor = psutil.Process(deployment.pid("remote"))
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, supervisor.memory_info().rss)
        return "prints" in known(deployment) or "prints.py" in import_errors(deployment)

    eventually("its end", over, 90)
    assert most < 250 * 1024 * 1024


def test_other_files_are_none_the_worse(deployment: Deployment, tmp_path: Path) -> None:
    run = begin(deployment, "crowd", tmp_path / "gate")
    run.gate.touch()
    assert run.wait_for_end() == "success"
    assert run.faults() == []


def test_a_run_keeps_the_code_that_it_began_with(deployment: Deployment, tmp_path: Path) -> None:
    file = deployment.system.dags / "changing.py"
    file.write_text(CHANGING.format(version="old", more=""))
    wait_for_dags(deployment, "changing")
    run = begin(deployment, "changing", tmp_path / "gate")
    eventually("its first task", lambda: run.instances()["first"]["state"] == "running")

    file.write_text(CHANGING.format(version="new", more="\n    task(task_id='third')(lambda: None)()"))
    api = deployment.apis[0]
    eventually("the new version", lambda: len(api.get("dags", "changing", "dagVersions")["dag_versions"]) == 2)
    run.gate.touch()

    assert run.wait_for_end() == "success"
    assert run.journal().xcoms("changing", run.run_id)["second", "return_value"] == ["old", "old"]
    assert set(run.instances()) == {"first", "second"}
    later = begin(deployment, "changing", run.gate)
    assert later.wait_for_end() == "success"
    assert later.journal().xcoms("changing", later.run_id)["second", "return_value"] == ["new", "new"]
    assert set(later.instances()) == {"first", "second", "third"}


def test_a_dag_belongs_to_the_bundle_that_had_it_first(deployment: Deployment, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thief.py").write_text(HEAD + DAG.format(dag_id="crowd"))
    role = deployment.roles["standalone"]
    mine = dict(role.environment)
    role.environment |= {"TRADEWIND__DAGS__BUNDLE": "other", "TRADEWIND__DAGS__FOLDER": str(other)}
    deployment.kill("standalone")
    deployment.start("standalone")
    deployment.api()
    error = eventually("the error", lambda: import_errors(deployment).get("thief.py"))
    assert "crowd" in str(error), error
    run = begin(deployment, "crowd", tmp_path / "gate")
    run.gate.touch()
    assert run.wait_for_end() == "success"
    assert len(run.instances()) == 12
    role.environment = mine
    deployment.kill("standalone")
    deployment.start("standalone")
    deployment.api()
