"""Every trigger rule behind a success, a failure and a skip."""

import datetime

from tradewind.sdk import DAG, TriggerRule, task
from tradewind.sdk.exceptions import TradewindSkipException
from tradewind.sdk.standard.operators.empty import EmptyOperator

with DAG("rules", schedule=None, start_date=datetime.datetime(2024, 1, 1)):

    @task
    def well():
        return 1

    @task
    def badly():
        raise ValueError("no")

    @task(trigger_rule="all_done")
    def skipped():
        raise TradewindSkipException("not today")

    sources = [well(), badly(), skipped()]
    # One after the other: some rules are decided by whatever ends first.
    sources[0] >> sources[1] >> sources[2]
    for rule in TriggerRule:
        sources >> EmptyOperator(task_id=f"mixed_{rule}", trigger_rule=rule)
    good = [sources[0], EmptyOperator(task_id="also_well")]
    for rule in TriggerRule:
        good >> EmptyOperator(task_id=f"good_{rule}", trigger_rule=rule)
    # The run is judged by what stands last.
    EmptyOperator(task_id="apart")
