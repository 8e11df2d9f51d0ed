"""Tasks that a command executor hands out by ticket."""

from witness import witnessed

from tradewind.sdk import DAG, get_current_context, task

with DAG(dag_id="by_command", default_args={"executor": "local_command"}):

    @task
    def ask() -> dict[str, int]:
        return {"six": 6, "nine": 9}

    @task(retries=1, retry_delay=0.1)
    def multiply(numbers: dict[str, int]) -> int:
        with witnessed():
            if get_current_context()["ti"].try_number == 1:
                raise ValueError("the first try of multiply fails")
            return numbers["six"] * numbers["nine"]

    @task
    def answer(product: int) -> str:
        print(f"the product is {product}")
        return f"{product} in base ten"

    answer(multiply(ask()))
