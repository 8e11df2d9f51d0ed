"""Time limits, retries with back-off, pools, priorities and limits of active tasks."""

import datetime
import time

from tradewind.sdk import DAG, task
from tradewind.sdk.exceptions import TradewindFailException
from tradewind.sdk.standard.operators.empty import EmptyOperator

with DAG(
    "limits",
    schedule=None,
    start_date=datetime.datetime(2024, 1, 1),
    max_active_tasks=2,
    max_active_runs=1,
    dagrun_timeout=datetime.timedelta(minutes=10),
    default_args={"retry_delay": datetime.timedelta(seconds=0)},
):

    @task(execution_timeout=datetime.timedelta(milliseconds=200))
    def too_long():
        time.sleep(60)

    @task(retries=3, retry_exponential_backoff=True, max_retry_delay=datetime.timedelta(seconds=1))
    def third_time(ti=None):
        if ti.try_number < 3:
            raise ConnectionError("again")
        return ti.try_number

    @task(retries=3)
    def at_once():
        raise TradewindFailException("of no use")

    for number in range(4):
        EmptyOperator(
            task_id=f"in_pool_{number}", pool="everyday_pool", pool_slots=1, priority_weight=number, queue="default"
        )
    [too_long(), third_time(), at_once()] >> EmptyOperator(task_id="end", trigger_rule="all_done")
