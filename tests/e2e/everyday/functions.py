"""Functions as tasks: decorated ones, ones made in loops, arguments by position and name, results in each other."""

import datetime as dt
import functools

from tradewind.sdk import DAG, get_current_context, get_parsing_context, task, task_group
from tradewind.sdk.standard.operators.python import PythonOperator
from tradewind.sdk.standard.utils.weekday import WeekDay


def told(function):
    @functools.wraps(function)
    def tell(*args, **kwargs):
        return ["told", function(*args, **kwargs)]

    return tell


def maker(number):
    def make(ti, **context):
        ti.xcom_push(key=f"made_{number}", value=context["ds"])
        return number

    return make


class Adder:
    def __init__(self, number):
        self.number = number

    def add(self, *numbers, ti, times=1):
        return [self.number + sum(numbers) * times, ti.task_id]


with DAG("functions", start_date=dt.datetime(2024, 1, 1), default_args={"retries": "1", "email_on_failure": False}):

    @task(show_return_value_in_logs=False)
    @told
    def decorated(x, ds=None):
        return [x, ds]

    @task
    def total(*numbers, task, weight=1):
        return [sum(numbers) * weight, task.retries, task.email_on_failure]

    @task
    def collect(values):
        day = get_current_context()["logical_date"]
        return {"values": values, "day": WeekDay(day.isoweekday()).name, "dag": get_parsing_context().dag_id}

    @task_group
    def doubled(value):
        @task
        def double(number):
            return number * 2

        return double(double(value))

    made = [PythonOperator(task_id=f"make_{number}", python_callable=maker(number)) for number in range(2)]
    inline = [task(task_id=f"inline_{number}")(lambda number=number: number)() for number in range(2)]
    decorated(1)
    total(1, 2, made[1].output, weight=10)
    collect([inline, doubled(5), {"made": made[0].output}])
    PythonOperator(task_id="add", python_callable=Adder(1).add, op_args=[2, 3], op_kwargs={"times": 2})
