"""A branch, a join, a short circuit, and conditions."""

import pendulum

from tradewind.sdk import DAG, Label, task
from tradewind.sdk.standard.operators.empty import EmptyOperator
from tradewind.sdk.standard.operators.python import BranchPythonOperator, ShortCircuitOperator

with DAG(
    dag_id="branching",
    schedule=None,
    start_date=pendulum.datetime(2021, 1, 1, tz="UTC"),
    catchup=False,
    tags=["example"],
    default_args={"retries": 0, "owner": "ada"},
) as dag:
    branch = BranchPythonOperator(task_id="branch", python_callable=lambda: ["left", "inner"])
    left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    branch >> Label("to the left") >> left >> join
    branch >> Label("to the right") >> right >> join

    @task.branch(task_id="inner")
    def choose_none():
        return None

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def stop():
        return False

    @task.run_if(lambda context: context["params"].get("wanted", False), "not wanted")
    @task
    def sometimes():
        return "ran"

    inner = choose_none()
    branch >> inner >> [EmptyOperator(task_id="never_a"), EmptyOperator(task_id="never_b")]
    stop() >> EmptyOperator(task_id="stopped") >> EmptyOperator(task_id="always", trigger_rule="all_done")
    ShortCircuitOperator(task_id="go_on", python_callable=lambda: True) >> sometimes()
