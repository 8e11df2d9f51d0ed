"""What a DAG file may leave out because only one of its DAGs is wanted: nothing, here."""

from __future__ import annotations

from typing import NamedTuple


class ParsingContext(NamedTuple):
    """The DAG and the task that a file is imported for; None stands for all of them."""

    dag_id: str | None = None
    task_id: str | None = None


def get_parsing_context() -> ParsingContext:
    """For which DAG and task the file is imported: always all, because one import serves the tries of all of them.

    Airflow imports the file for each try, and a file that makes many DAGs may save time by making one only.
    """
    return ParsingContext()
