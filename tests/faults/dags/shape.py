"""DAGs of a random shape: the same number makes the same shape, in the DAG file and in the test beside it."""

import random
from dataclasses import dataclass

COUNT = 24
MOST_TASKS = 9


@dataclass(frozen=True)
class TaskShape:
    """One task.

    Attributes:
        kind: `works`, `flaky` (its first try fails), `fails` or `skips`.
        seconds: that it takes.
        pushes: XComs that it leaves while it runs.
    """

    task_id: str
    upstream: tuple[str, ...]
    kind: str
    seconds: float
    pushes: int
    isolation: str


def make_shape(number: int) -> list[TaskShape]:
    """Return the tasks of a shape, upstream ones first."""
    choice = random.Random(number)
    tasks: list[TaskShape] = []
    for index in range(choice.randint(4, MOST_TASKS)):
        above = [task.task_id for task in tasks]
        tasks.append(
            TaskShape(
                task_id=f"t{index}",
                upstream=tuple(sorted(choice.sample(above, min(len(above), choice.choice((0, 1, 1, 1, 2)))))),
                kind=choice.choices(("works", "flaky", "fails", "skips"), (75, 15, 5, 5))[0],
                seconds=choice.choice((0.0, 0.0, 0.1, 0.3, 0.6)),
                pushes=choice.choice((0, 0, 1, 2)),
                isolation=choice.choices(("fork", "reuse", "spawn"), (75, 15, 10))[0],
            )
        )
    return tasks


def expected_states(tasks: list[TaskShape]) -> dict[str, str]:
    """Return how each task must end, whatever happens to the processes meanwhile."""
    states: dict[str, str] = {}
    own = {"works": "success", "flaky": "success", "fails": "failed", "skips": "skipped"}
    for task in tasks:
        above = {states[task_id] for task_id in task.upstream}
        if above & {"failed", "upstream_failed"}:
            states[task.task_id] = "upstream_failed"
        elif "skipped" in above:
            states[task.task_id] = "skipped"
        else:
            states[task.task_id] = own[task.kind]
    return states


def expected_end(tasks: list[TaskShape]) -> str:
    """Return how the run must end: its leaves decide."""
    states = expected_states(tasks)
    leaves = set(states) - {task_id for task in tasks for task_id in task.upstream}
    return "failed" if {states[task_id] for task_id in leaves} & {"failed", "upstream_failed"} else "success"
