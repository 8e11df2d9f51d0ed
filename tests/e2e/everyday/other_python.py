"""Tasks in other interpreters and isolations."""

import datetime
import sys

from tradewind.sdk import dag, task
from tradewind.sdk.standard.operators.python import PythonVirtualenvOperator


def in_environment(number):
    import sys

    return [number * 2, sys.prefix != sys.base_prefix]


@dag(schedule=None, start_date=datetime.datetime(2024, 1, 1), catchup=False, doc_md="Other ways to run.")
def other_python():
    PythonVirtualenvOperator(task_id="environment", python_callable=in_environment, op_args=[21])

    @task.external_python(python=sys.executable)
    def external():
        return 7

    @task(isolation="spawn")
    def spawned():
        return "spawned"

    @task(isolation="reuse")
    def reused(value):
        return value

    @task.bash
    def bash():
        return 'echo "{{ dag.dag_id }}"'

    reused(spawned()) >> reused.override(task_id="again")(external()) >> bash()


other_python()
