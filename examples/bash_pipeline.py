"""Shell commands as tasks: the flights of `data/` by way of zcat, cut, sort and uniq.

The last line that a command prints is its XCom; `share` gets those of the two tasks before it through its
environment.
"""

from datetime import timedelta
from pathlib import Path

from tradewind.sdk import DAG, task
from tradewind.sdk.standard.operators.bash import BashOperator

DATA = str(Path(__file__).parent / "data")

with DAG(
    dag_id="bash_pipeline",
    description="Busiest destinations from New York, with shell commands alone",
    doc_md=__doc__,
    tags=["example", "bash"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
) as bash_pipeline:
    count_flights = BashOperator(
        task_id="count_flights",
        cwd=DATA,
        bash_command="zcat flights_2013q1.csv.gz | tail -n +2 | wc -l",
    )

    # Field 14 is the destination. The five busiest stand in the log, and on one line for the next task.
    busiest_destinations = BashOperator(
        task_id="busiest_destinations",
        cwd=DATA,
        bash_command=r"""
            set -eu -o pipefail
            export LC_ALL=C
            zcat flights_2013q1.csv.gz | tail -n +2 | cut -d , -f 14 |
                sort | uniq -c | sort -k 1,1nr -k 2 | sed -n 1,5p |
                tee /dev/stderr |
                awk '{ printf "%s%s=%d", separator, $2, $1; separator = " " } END { print "" }'
        """,
    )

    share = BashOperator(
        task_id="share",
        env={"FLIGHTS": count_flights.output, "BUSIEST": busiest_destinations.output},
        append_env=True,
        bash_command="""
            set -eu
            for entry in $BUSIEST; do
                echo "${entry%=*}: $((${entry#*=} * 1000 / FLIGHTS)) of 1,000 flights"
            done
            echo "${BUSIEST%%=*}"
        """,
    )

    @task
    def announce(destination: str) -> str:
        """Take the last line of a shell command into Python."""
        sentence = f"Most flights from New York went to {destination}."
        print(sentence)
        return sentence

    announce(share.output)
