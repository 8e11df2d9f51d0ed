"""What one run or one schedule may raise that the others must not suffer from."""

from __future__ import annotations

from typing import Final

FAULTS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Rows that contradict each other, numbers out of range, an error of ours; what the database itself says is no fault
of a run."""


class RunFaultError(Exception):
    """A decision about a run failed when some of it was written: nothing of the transaction may be committed.

    Args:
        run_pk: the run to leave alone.
    """

    def __init__(self, run_pk: int) -> None:
        super().__init__(f"the decision about run {run_pk} failed half-way")
        self.run_pk = run_pk


class ScheduleFaultError(Exception):
    """Making a run of a schedule failed when some of it was written: nothing of the transaction may be committed.

    Args:
        dag_id: the DAG to leave alone.
    """

    def __init__(self, dag_id: str) -> None:
        super().__init__(f"making the next run of {dag_id} failed half-way")
        self.dag_id = dag_id
