"""Reads variables and a connection while it is imported, and makes tasks of them in a loop."""

from tradewind.sdk import DAG, BaseHook, Variable, chain, task

SITE = Variable.get("everyday_site")
STEPS = Variable.get("everyday_steps", default_var=["load", "send"], deserialize_json=True)
HOST = BaseHook.get_connection("everyday_shop").host

with DAG("imported", tags=[Variable.get("everyday_team", default="nobody")]):

    @task
    def step(name: str) -> str:
        return f"{name} at {SITE} on {HOST}"

    chain(*[step.override(task_id=name)(name) for name in STEPS])
