"""What happens in a seed, chosen before it happens: the same number makes the same plan."""

import random
from dataclasses import dataclass

from tests.faults.dags.shape import COUNT
from tests.faults.deployments import LEASE_SECONDS, TAKEOVER_SECONDS, TOPOLOGIES

SHORT = LEASE_SECONDS * 0.4
LONG = LEASE_SECONDS * 1.6
BEYOND_TAKEOVER = LEASE_SECONDS + TAKEOVER_SECONDS + 0.8

WORKER_PARTS = ("supervisor", "task", "zygote", "warm parent")
SERVER_PARTS = {
    "sqlite": ("control plane",),
    "postgresql": ("control plane", "database"),
    "split": ("api server", "scheduler", "database"),
}
OPERATIONS = ("report_started", "finish", "set_xcom", "renew_leases", "put_log_segment")


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: `kill`, `stop`, `cut`, `swallow`, `garble` or `lose reply`; or `clear`, which is no fault and meets them.
        target: a part of the deployment, or a task; for what happens on the way, the worker whose way it is.
        begun: number of tries that have begun in the run before it happens.
        pause: seconds after that.
        seconds: how long it lasts.
        choice: decides what the plan cannot know: which of several processes, which frames.
    """

    kind: str
    target: str
    begun: int
    pause: float
    seconds: float
    choice: int

    def __str__(self) -> str:
        return f"{self.kind} {self.target} for {self.seconds:.2f} s after {self.begun} tries and {self.pause:.2f} s"


@dataclass(frozen=True)
class Plan:
    """A seed's topology, DAG and faults."""

    seed: int
    topology: str
    shape: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        said = "\n  ".join(map(str, self.faults))
        return (
            f"seed {self.seed} on {self.topology} with chaos_{self.shape}:\n  {said}\n"
            f"repeat it with: FAULT_SEEDS={self.seed} pytest tests/faults/test_seeds.py"
        )


def topology_of(seed: int) -> str:
    """Return the topology of a seed without the rest of its plan."""
    return TOPOLOGIES[seed % len(TOPOLOGIES)]


def make_plan(seed: int) -> Plan:
    """Choose what happens in a seed."""
    choice = random.Random(seed)
    topology = topology_of(seed)
    faults = tuple(
        sorted(
            (_fault(choice, topology) for _ in range(choice.choice((1, 1, 2, 3)))),
            key=lambda fault: (fault.begun, fault.pause),
        )
    )
    return Plan(seed, topology, choice.randrange(COUNT), faults)


def _fault(choice: random.Random, topology: str) -> Fault:
    kind = choice.choice(("kill", "kill", "kill", "stop", "stop", "cut", "swallow", "garble", "lose reply", "clear"))
    ways = ("first", "second") if topology == "split" else ("remote",)
    if kind == "clear":
        target = "task"
    elif kind in {"kill", "stop"}:
        parts = WORKER_PARTS if choice.random() < 0.6 else SERVER_PARTS[topology]
        target = choice.choice(parts)
    else:
        target = choice.choice(ways)
    if kind == "kill":
        seconds = choice.choice((0.0, 0.0, 0.2, BEYOND_TAKEOVER if target == "supervisor" else LONG))
    elif kind in {"lose reply", "clear"}:
        seconds = 1.0
    else:
        seconds = choice.choice((SHORT, LONG, LONG, BEYOND_TAKEOVER))
    return Fault(
        kind, target, choice.randrange(6), choice.choice((0.0, 0.0, 0.05, 0.2)), seconds, choice.getrandbits(30)
    )
