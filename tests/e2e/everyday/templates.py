"""Templates, macros, params, native values and template files."""

from datetime import datetime, timedelta

from tradewind.sdk import DAG, Param, get_current_context, literal, task
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.python import PythonOperator

with DAG(
    "templates",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    params={
        "rows": Param(3, type="integer", minimum=1, description="How many"),
        "name": Param("world", type="string"),
        "plain": [1, 2],
    },
    user_defined_macros={"shout": lambda text: text.upper()},
    user_defined_filters={"twice": lambda text: text * 2},
    render_template_as_native_obj=True,
):
    BashOperator(
        task_id="bash",
        bash_command="echo {{ ds }} {{ params.name | twice }} {{ shout(params.name) }} {{ macros.ds_add(ds, 5) }} $WHO",
        env={"WHO": "{{ task.task_id }}"},
        append_env=True,
    )
    BashOperator(task_id="as_it_is", bash_command=literal("echo '{{ ds }}'"))
    PythonOperator(
        task_id="native",
        python_callable=lambda rows, plain: [rows + 1, *plain],
        op_kwargs={"rows": "{{ params.rows }}", "plain": "{{ params.plain }}"},
    )

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def context(logical_date, params, ti, run_id, **kwargs):
        if ti.try_number == 1:
            raise RuntimeError("the first try")
        assert get_current_context()["run_id"] == run_id
        tomorrow = logical_date.add(days=1)
        return {
            "ds": kwargs["ds"],
            "tomorrow": tomorrow.to_date_string(),
            "rows": params["rows"],
            "try": ti.try_number,
            "nodash": kwargs["ts_nodash"],
        }

    context()
