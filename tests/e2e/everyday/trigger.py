"""One DAG triggers another and waits for it."""

import datetime

from tradewind.sdk import DAG, task
from tradewind.sdk.standard.operators.trigger_dagrun import TriggerDagRunOperator

with DAG("trigger", schedule=None, start_date=datetime.datetime(2024, 1, 1)):
    TriggerDagRunOperator(
        task_id="other",
        trigger_dag_id="triggered",
        trigger_run_id="from_{{ dag.dag_id }}",
        conf={"day": "{{ params.get('day', 'today') }}"},
        wait_for_completion=True,
        poke_interval=0.2,
        reset_dag_run=True,
    )

with DAG("triggered", schedule=None, start_date=datetime.datetime(2024, 1, 1)):

    @task
    def told(dag_run=None):
        return [dag_run.conf["day"], str(dag_run.run_type)]

    told()
