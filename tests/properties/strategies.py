"""Random sets of tasks."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.properties.run_model import TaskModel


@st.composite
def task_sets(draw: st.DrawFn, *, most: int = 12) -> list[TaskModel]:
    """Tasks in an order in which each waits only for earlier ones, then shuffled as a file may declare them."""
    tasks: list[TaskModel] = []
    for number in range(draw(st.integers(0, most))):
        earlier = [task.task_id for task in tasks]
        upstream = draw(st.sets(st.sampled_from(earlier), max_size=4)) if earlier else set()
        tasks.append(
            TaskModel(
                f"t{number}",
                tuple(sorted(upstream)),
                retries=draw(st.integers(0, 2)),
                retry_delay_seconds=draw(st.sampled_from([0.0, 1.0, 60.0])),
            )
        )
    return draw(st.permutations(tasks))
