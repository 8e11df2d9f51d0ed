"""Runs that end in every way: a DAG that fails, one that nobody can run, and one that handles secrets."""

import logging

from tradewind.sdk import DAG, Connection, Variable, task

with DAG(dag_id="fails"):

    @task
    def breaks() -> None:
        print("about to break")
        raise ZeroDivisionError("nothing can be divided by zero")

    @task
    def never_reached() -> None:
        print("this line is in no log")

    breaks() >> never_reached()

with DAG(dag_id="unserved"):

    @task(queue="nobody")
    def stranded() -> None:
        print("this line is in no log")

    stranded()

with DAG(dag_id="secretive"):

    @task(connections=["vault"])  # the variable is not declared: it is asked for, and the asking is audited
    def whispers() -> str:
        password = Connection.get("vault").password or ""
        word = Variable.get("watchword")
        print(f"the password is {password} and the watchword {word}")
        logging.getLogger("secretive").warning("logged: %s", password)
        return f"{len(password)} {len(word)}"

    whispers()
