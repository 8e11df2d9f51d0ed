"""The forms of the fixtures' DAGs as files that are easy to read and to compare; run it to write them anew."""

import json
from pathlib import Path
from typing import Any

from tradewind.sdk.contract import to_plain
from tradewind.sdk.parsing import parse_file

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(path.name for path in FIXTURES.glob("*.py"))

USUAL_OF_TASKS = {
    "depends_on_past": False,
    "ignore_first_depends_on_past": True,
    "is_setup": False,
    "is_teardown": False,
    "isolation": "fork",
    "on_cut": "continue",
    "on_failure_fail_dagrun": False,
    "owner": "tradewind",
    "pool_slots": 1,
    "priority_weight": 1,
    "queue": "default",
    "retries": 0,
    "retry_backoff": 1,
    "retry_delay_seconds": 300.0,
    "trigger_rule": "all_success",
    "wait_for_downstream": False,
    "wait_for_past_depends_before_skipping": False,
}
USUAL_OF_DAGS = {
    "catchup": False,
    "fail_fast": False,
    "max_active_runs": 16,
    "max_active_tasks": 16,
    "max_consecutive_failed_dag_runs": 0,
    "tags": [],
}


def forms(file: str) -> dict[str, Any]:
    """The DAGs of a fixture by id, without what every DAG and every task has."""
    parsed = parse_file(FIXTURES, file, timeout_seconds=60)
    assert parsed.error is None, parsed.error
    found = {}
    for dag in parsed.dags:
        plain = to_plain(dag)
        tasks = {task.pop("task_id"): _without(task, USUAL_OF_TASKS) for task in plain.pop("tasks")}
        for task in tasks.values():
            task["operator"] = f"{task.pop('operator_module')}.{task['operator']}".rsplit("sdk.", 1)[-1]
        dag_id = plain.pop("dag_id")
        found[dag_id] = {**_without(plain, USUAL_OF_DAGS), "tasks": tasks}
    return found


def golden(file: str) -> Path:
    """Where the form of a fixture is kept."""
    return FIXTURES / "golden" / file.replace(".py", ".json")


def _without(values: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in usual or usual[name] != value}


def _text(dags: dict[str, Any]) -> str:
    """JSON with a line for each field of a DAG, each task and each group."""
    lines = ["{"]
    for last_dag, (dag_id, dag) in _marked(dags):
        lines.append(f"  {json.dumps(dag_id)}: {{")
        for last, (name, value) in _marked(dag):
            if isinstance(value, dict | list) and value and name in {"tasks", "task_groups", "edge_labels", "params"}:
                left, right = "{}" if isinstance(value, dict) else "[]"
                entries = value.items() if isinstance(value, dict) else [(None, entry) for entry in value]
                lines.append(f"    {json.dumps(name)}: {left}")
                for final, (key, entry) in _marked(dict(enumerate(entries)).values()):
                    before = "" if key is None else f"{json.dumps(key)}: "
                    lines.append(f"      {before}{json.dumps(entry)}{'' if final else ','}")
                lines.append(f"    {right}{'' if last else ','}")
            else:
                lines.append(f"    {json.dumps(name)}: {json.dumps(value)}{'' if last else ','}")
        lines.append(f"  }}{'' if last_dag else ','}")
    return "\n".join([*lines, "}", ""])


def _marked(values: Any) -> list[tuple[bool, Any]]:
    entries = list(values.items() if isinstance(values, dict) else values)
    return [(index == len(entries) - 1, entry) for index, entry in enumerate(entries)]


if __name__ == "__main__":
    for name in FILES:
        golden(name).parent.mkdir(exist_ok=True)
        golden(name).write_text(_text(forms(name)), encoding="utf-8")
