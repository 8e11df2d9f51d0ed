"""How much each figure does: the sizes of published numbers, and tiny ones that only show that the measuring works."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of all figures; durations in seconds.

    Attributes:
        repeat: runs of each figure, of which median and spread are taken.
        links: tasks of the chain.
        wide: independent tasks of one run.
        triggers: runs that are triggered one after the other.
        calls: calls of the command line.
        settle: pause before something is called idle, and before CPU time is read.
        idle: time for which an idle system is watched.
        sleeping: numbers of tasks that sleep at once.
        dag_files: DAG files of five tasks.
        steady: time for which the system is watched once all files are visible.
        widths: tasks in one run, ascending, over which the cost of a task must not grow.
        kept: finished task instances that are kept while a run of `kept_width` tasks is measured.
        kept_width: one of `widths`.
        runs_at_once: runs of `run_tasks` tasks that begin together.
        run_tasks: tasks of each, at least three.
        short_runs_per_minute: runs of `short_links` tasks that are triggered evenly.
        short_links: tasks of each, one after the other.
        minutes: how long they are triggered; at least 2, for the first minute is compared with the last.
        minute: seconds in a minute; less only to be quick.
        imports: interpreters that import the SDK.
        patience: what has not happened after so long is a failure.
    """

    repeat: int = 5
    links: int = 20
    wide: int = 1000
    triggers: int = 20
    calls: int = 10
    settle: float = 1.0
    idle: float = 30.0
    sleeping: tuple[int, ...] = (16, 64)
    dag_files: int = 200
    steady: float = 20.0
    widths: tuple[int, ...] = (100, 1000, 10_000)
    kept: int = 100_000
    kept_width: int = 1000
    runs_at_once: int = 1000
    run_tasks: int = 10
    short_runs_per_minute: int = 2000
    short_links: int = 2
    minutes: int = 10
    minute: float = 60.0
    imports: int = 10
    patience: float = 1200.0


FULL = Sizes()
QUICK = Sizes(
    repeat=1,
    links=3,
    wide=20,
    triggers=2,
    calls=1,
    settle=0.1,
    idle=0.5,
    sleeping=(2, 4),
    dag_files=5,
    steady=0.5,
    widths=(5, 20),
    kept=100,
    kept_width=20,
    runs_at_once=5,
    run_tasks=4,
    short_runs_per_minute=5,
    minutes=2,
    minute=1.0,
    imports=2,
    patience=60.0,
)
