"""What happens when a task fails: a second try, a skip, and what that means for the tasks behind it.

`unsteady` fails on its first try and is tried again two seconds later; `after_unsteady` gets what the second try
returned. `not_on_this_day` decides that it is not needed and skips itself; `after_skip` is then skipped too. A run in
which every last task succeeded or was skipped is a success. With `--conf '{"failures": 5}'` the unsteady task fails
more often than it is tried again, and the run fails.
"""

from datetime import timedelta

from tradewind.sdk import dag, get_current_context, task
from tradewind.sdk.exceptions import TradewindSkipException


@dag(
    dag_id="retries",
    description="A task that fails at first, and one that skips itself",
    doc_md=__doc__,
    tags=["example"],
)
def retries() -> None:
    """Declare two chains of two tasks."""

    @task(retries=2, retry_delay=timedelta(seconds=2))
    def unsteady() -> dict[str, int]:
        """Fail as often as the run's configuration says, once if it says nothing."""
        context = get_current_context()
        try_number = context["ti"].try_number
        failures = int(context["dag_run"].conf.get("failures", 1))
        if try_number <= failures:
            raise ConnectionError(f"try {try_number} fails on purpose, as the first {failures} do")
        print(f"try {try_number} works")
        return {"succeeded_on_try": try_number}

    @task
    def after_unsteady(result: dict[str, int]) -> str:
        """Run once its upstream task has succeeded, whichever try that took."""
        return f"it took {result['succeeded_on_try']} tries"

    @task
    def not_on_this_day() -> None:
        """Say that there is nothing to do."""
        raise TradewindSkipException("there is nothing to do today")

    @task
    def after_skip() -> None:
        """Never run: what it waits for was skipped."""
        print("this line is in no log")

    after_unsteady(unsteady())
    not_on_this_day() >> after_skip()


retries()
