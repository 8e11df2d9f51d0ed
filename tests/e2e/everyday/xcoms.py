"""XComs by key and task, multiple outputs, typed values, variables and connections."""

import datetime as dt
import decimal

import pendulum

from tradewind.sdk import DAG, BaseHook, Connection, Variable, task
from tradewind.sdk.standard.operators.python import PythonOperator


def push(ti):
    ti.xcom_push(key="rows", value=[1, 2, 3])
    return "pushed"


with DAG("xcoms", schedule=None, start_date=dt.datetime(2024, 1, 1)):

    @task(multiple_outputs=True)
    def several():
        return {"a": 1, "b": {"c": 2}}

    @task
    def typed() -> dict:
        return {
            "when": dt.datetime(2026, 3, 1, 6, tzinfo=dt.timezone.utc),
            "price": decimal.Decimal("1.10"),
            "raw": b"\x00\x01",
            "span": dt.timedelta(hours=1),
            "due": pendulum.datetime(2026, 3, 2, tz="Europe/Vienna"),
        }

    @task
    def gather(a, b, values, ti=None):
        rows = ti.xcom_pull(task_ids="push", key="rows")
        both = ti.xcom_pull(task_ids=["push", "several"])
        assert values["when"].year == 2026
        assert values["due"].add(days=1).to_date_string() == "2026-03-03"
        assert values["price"] + 1 == decimal.Decimal("2.10")
        return {"a": a, "b": b, "rows": rows, "both": both, "span": values["span"].total_seconds()}

    @task
    def secrets(var=None, conn=None):
        Variable.set("everyday_state", {"day": 1}, serialize_json=True)
        state = Variable.get("everyday_state", deserialize_json=True)
        Variable.delete("everyday_state")
        uri = Connection.get("everyday_db").get_uri()
        return [state, uri, BaseHook.get_connection("everyday_db").port, var.value.get("everyday_gone", "none")]

    out = several()
    pushed = PythonOperator(task_id="push", python_callable=push)
    result = gather(out["a"], out["b"], typed())
    pushed >> result >> secrets()
