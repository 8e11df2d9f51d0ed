"""A whole deployment, moved by one random step after the other; the same seed makes the same history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.properties.deployment.databases import FAULTS, Bench, Clock
from tests.properties.deployment.people import People, Place
from tests.properties.deployment.processes import ControlProcess, Refusal
from tests.properties.deployment.races import race
from tests.properties.deployment.shapes import POOLS, QUEUES, Shape, declare, make_shape
from tests.properties.deployment.workers import UserCode, Worker
from tradewind.server.contract import ActivityKind
from tradewind.server.settings import Settings
from tradewind.server.store import StoreOptions, Transaction, credentials, dispatches, pools
from tradewind.server.store.handouts import ClaimRequest

Step = Callable[[], Awaitable[object]]
ENDS = ("succeed", "succeed", "succeed", "fail", "fail", "fail for good", "skip", "interrupt")
LEASE_SECONDS = 4.0
TAKEOVER_SECONDS = 6.0
SETTINGS = Settings.model_validate(
    {
        "home": Path("/"),
        "scheduler": {"lease_seconds": 3, "poll_seconds": 2, "max_lost_tries": 2},
        "workers": {
            "lease_seconds": LEASE_SECONDS,
            "renew_every_seconds": 1,
            "takeover_after_seconds": TAKEOVER_SECONDS,
        },
    }
)
OPTIONS = StoreOptions.from_settings(SETTINGS)


@dataclass
class Machine:
    """A deployment.

    Attributes:
        random: where all choices come from.
        trace: what happened, for people.
    """

    bench: Bench
    random: Random
    clock: Clock
    processes: list[ControlProcess] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)

    @classmethod
    async def start(cls, bench: Bench, seed: int) -> Machine:
        """Empty the database and set a deployment up."""
        machine = cls(bench, Random(seed), bench.empty())
        for number, (database, store) in enumerate(zip(bench.databases, bench.stores, strict=True)):
            name, first = f"process {number}", machine.random.random() < 0.3
            process = ControlProcess(name, database, store, SETTINGS, machine.clock, claims_first=first)
            machine.processes.append(process)
        await machine._populate()
        return machine

    async def _populate(self) -> None:
        store, random = self.processes[0].store, self.random
        user_code = UserCode(self.clock)
        shapes = [make_shape(random, f"dag{number}") for number in range(random.randint(1, 3))]
        self.shapes = {shape.dag_id: shape for shape in shapes}
        names = [f"worker{number}" for number in range(random.randint(1, 3))]

        def job(tx: Transaction) -> list[Any]:
            for name, slots in POOLS.items():
                pools.create_pool(tx, name, slots)
            for shape in shapes:
                declare(tx, shape)
            return [credentials.ensure_credential(tx, one, "worker", credentials.hash_token(one)) for one in names]

        for number, credential in enumerate(await store.write(job)):
            # The first one serves all queues, so that everything can be served.
            queues = list(QUEUES) if number == 0 else random.sample(QUEUES, random.randint(1, len(QUEUES)))
            self.workers.append(Worker(names[number], credential, user_code, queues, random.randint(1, 4)))
        self.people = People(self.random, self.shapes)
        await self.pass_time(1.0)
        for worker in self.workers:
            await worker.connect(self.some_process())

    @property
    def user_code(self) -> UserCode:
        return self.workers[0].user_code

    def some_process(self) -> ControlProcess:
        return self.random.choice(self.processes)

    def tell(self, detail: str) -> None:
        """Add something to what the trace says of this step."""
        self.trace[-1] += f" {detail}"

    async def step(self) -> None:
        """Something happens."""
        possible = self._possible()
        names = list(possible)
        (name,) = self.random.choices(names, [possible[one][0] for one in names])
        self.trace.append(f"{self.clock.monotonic():.3f} {name}")
        await possible[name][1]()
        self.clock.move(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Whoever is well gives a sign of life after it."""
        self.clock.move(seconds)
        # Between two steps of a process nothing lasts as long as the pause between two signs of life.
        await self._hand_over()
        await self.some_process().sign()
        for worker in self.workers:
            if worker.connection is not None and not worker.silent:
                await worker.renew()
        for process in self.processes:
            # One that stands still may be deposed and not know it.
            if self.random.random() < 0.7:
                await process.turn()

    def _possible(self) -> dict[str, tuple[int, Step]]:
        """What may happen now, and how likely it is."""
        return {**self._of_control_plane(), **self._of_time(), **self._of_workers(), **self._of_people()}

    def _of_control_plane(self) -> dict[str, tuple[int, Step]]:
        process = self.some_process()
        stale = [one for one in self.workers if one.stale_connection() is not None]
        steps: dict[str, tuple[int, Step]] = {
            "turn": (3, self._turn),
            "claim": (3, process.claim),
            "cancel ended": (3, process.cancel_ended),
            "notice ends": (2, _later(process.notice_ends)),
            "fault": (3, _later(self._inject)),
            "batch": (3, self._batch),
        }
        if self.bench.dialect == "postgresql":
            steps["race"] = (6, self._race)
        if any(one.has_parcels for one in self.processes):
            steps["hand over"] = (45, self._hand_over)
        if stale:
            steps["stale renewal"] = (1, self._renew_stale)
            steps["stale claim"] = (1, self._claim_stale)
        if any(worker.replaced for worker in self.workers):
            steps["notice cut"] = (4, self._notice_cut)
        return steps

    def _of_time(self) -> dict[str, tuple[int, Step]]:
        return {
            "a moment": (4, lambda: self.pass_time(self.random.choice([0.1, 0.5, 1.0]))),
            "seconds": (2, lambda: self.pass_time(2.0)),
            "standstill": (1, _later(lambda: self.clock.move(self.random.choice([3.5, 5.0, 20.0])))),
            "long silence": (1 if self.random.random() < 0.5 else 0, self._long_silence),
        }

    def _of_workers(self) -> dict[str, tuple[int, Step]]:
        connected = [one for one in self.workers if one.connection is not None and not one.silent]
        steps: dict[str, tuple[int, Step]] = {"reconnect": (2, self._reconnect), "silence": (1, _later(self._silence))}
        if any(one.connection and one.connection.line for one in connected):
            steps["receive"] = (45, _later(self._receive))
        if any(one.processes for one in self.workers):
            steps["end"] = (14, _later(self._end))
            steps["kill worker"] = (1, _later(self._kill_worker))
        if any(one.processes for one in connected):
            steps["start"] = (10, self._start)
        if any(one.spool for one in connected):
            steps["report"] = (24, self._report)
        if any(one.said for one in self.workers):
            steps["say again"] = (2, self._say_again)
        return steps

    def _of_people(self) -> dict[str, tuple[int, Step]]:
        people = self.people
        steps: dict[str, tuple[int, Step]] = {
            "trigger": (
                12 if len(people.runs) < 3 else 2 if len(people.runs) < 6 else 0,
                lambda: people.trigger(self.some_process()),
            ),
            "pause": (1, lambda: people.pause(self.some_process())),
            "resize": (1, lambda: people.resize(self.some_process())),
        }
        if people.runs:
            steps["change"] = (self.changes, self._change)
        return steps

    changes: int = 5

    async def _change(self) -> None:
        self.tell(await self.people.change(self.some_process(), self._live()))

    def _live(self) -> list[Place]:
        """Where user code runs."""
        return [(one.dag_id, one.run_id, one.task_id) for worker in self.workers for one in worker.processes.values()]

    # Steps of the control plane.

    async def _turn(self) -> None:
        process = self.some_process()
        self.tell(f"of {process.name}")
        await process.turn()

    async def _hand_over(self) -> None:
        for process in self.processes:
            await process.hand_over()

    def _inject(self) -> None:
        process = self.some_process()
        fault = self.random.choice([*FAULTS[self.bench.dialect], "follower"])
        self.tell(f"{fault} at {process.name}")
        if fault == "follower":
            process.breaks = True
        else:
            process.database.fault = fault

    async def _batch(self) -> None:
        """Several writes become one transaction, perhaps with one among them that spoils it."""
        process = self.some_process()
        writes: list[Callable[[], Any]] = []
        for worker in self.workers:
            unstarted = [one for one in worker.processes if one not in worker.started]
            writes += [_bind(worker.tell_outcome, process, one) for one in [*worker.spool][:2]]
            writes += [_bind(worker.tell_start, process, one) for one in unstarted[:1]]
        if self.random.random() < 0.3 and self.people.runs:
            writes.append(_bind(self.people.change, process, self._live()))
        if self.random.random() < 0.4:
            writes.insert(self.random.randint(0, len(writes)), _bind(process.store.write, _spoil))
        for answer in await process.together(writes):
            if isinstance(answer, BaseException) and not isinstance(answer, Spoilt):
                raise answer

    async def _race(self) -> None:
        """Something happens at one process in the middle of a transaction of the other."""
        first, second = self.random.sample(self.processes, 2)
        (held, do_first), (other, do_second) = self._at(first), self._at(second)
        self.tell(f"{held} at {first.name}, meanwhile {other} at {second.name}")
        await race(self.bench, first, do_first, do_second)

    def _at(self, process: ControlProcess) -> tuple[str, Step]:
        """Something that may happen at a process."""
        random, worker = self.random, self.random.choice(self.workers)
        steps: dict[str, Step] = {"turn": process.turn, "claim": process.claim}
        if self.people.runs and self.changes:
            steps["change"] = _bind(self.people.change, process, self._live())
        if worker.spool:
            steps["outcome"] = _bind(worker.tell_outcome, process, random.choice([*worker.spool]))
        if worker.processes:
            steps["start"] = _bind(worker.tell_start, process, random.choice([*worker.processes]))
        name = random.choice(list(steps))
        return name, steps[name]

    async def _renew_stale(self) -> None:
        worker = next(one for one in self.workers if one.stale_connection() is not None)
        await worker.renew(over=worker.stale_connection())

    async def _claim_stale(self) -> None:
        """A process that has not heard of a newer connection elsewhere claims for the old one."""
        worker = next(one for one in self.workers if one.stale_connection() is not None)
        stale, newest = worker.stale_connection(), worker.newest
        assert stale is not None
        assert newest is not None
        if stale.binding == newest:
            return
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor="worker_session", limit=1, worker=stale.binding)
        given = await stale.process.write(lambda tx: dispatches.claim(tx, [request]))
        assert not given or isinstance(given, Refusal), f"{stale.binding} was replaced and gets work"

    async def _notice_cut(self) -> None:
        await self.random.choice([one for one in self.workers if one.replaced]).notice_cut()

    # Steps of time.

    async def _long_silence(self) -> None:
        """Long enough for takeovers, with an API that is there."""
        for _ in range(5):
            await self.pass_time(LEASE_SECONDS * 0.7)

    # Steps of workers.

    async def _reconnect(self) -> None:
        worker = self.random.choice(self.workers)
        worker.silent = False
        process = self.some_process()
        self.tell(f"{worker.name} to {process.name}")
        await worker.connect(process)

    def _silence(self) -> None:
        worker = self.random.choice(self.workers)
        worker.silent = not worker.silent
        self.tell(f"of {worker.name}" if worker.silent else f"ends, {worker.name}")
        if self.random.random() < 0.5:
            worker.cut()

    def _kill_worker(self) -> None:
        worker = self.random.choice(self.workers)
        self.tell(worker.name)
        worker.die()

    def _receive(self) -> None:
        able = [one for one in self.workers if not one.silent and one.connection and one.connection.line]
        worker = self.random.choice(able)
        self.tell(f"{worker.name}: {worker.receive()}")

    def _end(self) -> None:
        worker = self.random.choice([one for one in self.workers if one.processes])
        dispatch_id = self.random.choice([*worker.processes])
        how = self.random.choice(ENDS)
        names = sorted(task.task_id for task in self.shapes[worker.processes[dispatch_id].dag_id].tasks)
        skips = self.random.sample(names, 1) if how == "succeed" and self.random.random() < 0.15 else []
        self.tell(f"{worker.name}: {worker.processes[dispatch_id].task_id} {how} {dispatch_id} {skips or ''}")
        worker.end(dispatch_id, how, self.random, skips)

    async def _start(self) -> None:
        able = [one for one in self.workers if one.processes and one.connection and not one.silent]
        worker = self.random.choice(able)
        process, dispatch_id = self.some_process(), self.random.choice([*worker.processes])
        self.tell(f"{worker.name} at {process.name}: {dispatch_id}")
        await worker.tell_start(process, dispatch_id)

    async def _report(self) -> None:
        able = [one for one in self.workers if one.spool and one.connection and not one.silent]
        worker = self.random.choice(able)
        process, dispatch_id, heard = (
            self.some_process(),
            self.random.choice([*worker.spool]),
            self.random.random() < 0.8,
        )
        self.tell(f"{worker.name} at {process.name}: {dispatch_id}{'' if heard else ', unheard'}")
        await worker.tell_outcome(process, dispatch_id, heard=heard)

    async def _say_again(self) -> None:
        worker = self.random.choice([one for one in self.workers if one.said])
        await worker.say(self.some_process(), self.random.choice(worker.said))


class Spoilt(Exception):
    """Raised by a write after it changed something."""


def _spoil(tx: Transaction) -> None:
    credentials.create_credential(tx, "spoilt", "worker")
    raise Spoilt


def _later(action: Callable[[], object]) -> Step:
    async def step() -> object:
        return action()

    return step


def _bind(call: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: call(*arguments)
