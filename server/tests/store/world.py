"""A deployment in small: DAGs, runs, a leader and workers that act on a store step by step."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tradewind.server.contract import (
    VERSION,
    ActivityInterrupted,
    ActivityKind,
    DagImportError,
    ExecuteTask,
    FileParsed,
    Hello,
    InterruptCause,
    Isolation,
    OnCut,
    Outcome,
    OutcomeReceipt,
    SerializedDag,
    SerializedTask,
    Started,
    TaskError,
    TaskFailed,
    TaskSucceeded,
    TriggerRule,
    XComEntry,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import code_id
from tradewind.server.scheduler.run_pass import RunMemory, RunPass
from tradewind.server.store import (
    Store,
    Transaction,
    bundles,
    credentials,
    dags,
    dispatches,
    runs,
    scheduling,
    sessions,
)
from tradewind.server.store.dispatches import Handouts
from tradewind.server.store.handouts import ClaimRequest, Handout, OpenedSession, Report, WorkerBinding
from tradewind.server.store.identity import uuid7
from tradewind.server.store.rows import CredentialRow, EventRow, InstanceRow, RunRow

T = TypeVar("T")
OpenStore = Callable[..., Store]
"""The fixture `open_store`: `open_store(url, **options)`."""

BUNDLE = "dags"
EXECUTOR = "worker_session"
SECONDS = 30.0


def task(task_id: str, *upstream: str, **options: Any) -> SerializedTask:
    values: dict[str, Any] = {
        "operator": "PythonOperator",
        "operator_module": "tradewind.sdk.standard.operators.python",
        "trigger_rule": TriggerRule.ALL_SUCCESS,
        "retries": 0,
        "retry_delay_seconds": 0.0,
        "queue": "default",
        "isolation": Isolation.FORK,
        "on_cut": OnCut.CONTINUE,
        "owner": "somebody",
        **options,
    }
    return SerializedTask(task_id=task_id, upstream=sorted(upstream), **values)


def dag(dag_id: str, *tasks: SerializedTask, **options: Any) -> SerializedDag:
    return SerializedDag(
        dag_id=dag_id, tasks=list(tasks), **{"tags": [], "max_active_runs": 16, "max_active_tasks": 1000, **options}
    )


def parsed(
    dags: Sequence[SerializedDag] = (), *, file: str = "f.py", content: bytes = b"", error: DagImportError | None = None
) -> FileParsed:
    read = {file: hashlib.sha256(content).hexdigest()}
    return FileParsed(
        ended_at=datetime.now(UTC),
        duration_seconds=0.1,
        code_id=code_id(read),
        files_read=read,
        dags=list(dags),
        error=error,
    )


def succeeded(**xcoms: Any) -> TaskSucceeded:
    now = datetime.now(UTC)
    entries = [XComEntry(key=key, value=value) for key, value in xcoms.items()]
    return TaskSucceeded(started_at=now, ended_at=now, xcoms=entries)


def failed(message: str = "it broke", *, retryable: bool = True) -> TaskFailed:
    error = TaskError(type="ValueError", message=message, traceback="Traceback …", retryable=retryable)
    return TaskFailed(ended_at=datetime.now(UTC), error=error)


def interrupted(cause: InterruptCause = InterruptCause.WORKER_STOPPING) -> ActivityInterrupted:
    return ActivityInterrupted(ended_at=datetime.now(UTC), cause=cause)


def started() -> Started:
    return Started(hostname="host", unixname="somebody", pid=4711, started_at=datetime.now(UTC))


def later(seconds: float, job: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    """The job as it runs some time from now; the transaction must be its own."""

    def shifted(tx: Transaction) -> T:
        tx.now += timedelta(seconds=seconds)
        return job(tx)

    return shifted


class World:
    """Speaks to a store from one event loop, which lives as long as the test."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runner = asyncio.Runner()
        self._epoch: int | None = None
        self._contents: dict[str, bytes] = {}

    def close(self) -> None:
        self._runner.close()

    def run(self, scene: Coroutine[Any, Any, T]) -> T:
        async def limited() -> T:
            async with asyncio.timeout(SECONDS):
                return await scene

        return self._runner.run(limited())

    def write(self, job: Callable[[Transaction], T]) -> T:
        return self.run(self.store.write(job))

    def read(self, query: Callable[[Transaction], T]) -> T:
        return self.run(self.store.read(query))

    def report(self, dispatch_id: str, body: Started | Outcome) -> OutcomeReceipt | None:
        answer = self.run(self.store.write_each(dispatches.record_reports, Report(dispatch_id, body)))
        assert not isinstance(answer, Refused)
        return answer

    # What a DAG processor and its worker do.

    def publish(self, **contents: bytes) -> str:
        """Put files into the bundle; keywords are names without `.py`."""
        self._contents |= {f"{name}.py": content for name, content in contents.items()}
        digests = {path: hashlib.sha256(content).hexdigest() for path, content in self._contents.items()}
        files = {path: (digest, len(self._contents[path])) for path, digest in digests.items()}
        blobs = {digest: self._contents[path] for path, digest in digests.items()}
        return self.write(lambda tx: bundles.put_snapshot(tx, BUNDLE, files, blobs))

    def parse(self, outcome: Outcome, *, file: str = "f.py", content: bytes = b"") -> str:
        """Publish a file and let a parse of it end like this; return its dispatch."""
        snapshot = self.publish(**{file.removesuffix(".py"): content})
        self.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, file, 30))
        handout = self.claim_parse()
        self.report(handout.dispatch_id, outcome)
        return handout.dispatch_id

    def declare(self, *declared: SerializedDag, file: str = "f.py") -> None:
        self.parse(parsed(declared, file=file), file=file)

    # What a leader does.

    def trigger(self, dag_id: str = "d", **options: Any) -> RunRow:
        return self.write(lambda tx: runs.create_run(tx, dag_id, **options))

    def lead(self) -> int:
        epoch = self.write(lambda tx: scheduling.take_leadership(tx, "leader", 3600))
        assert epoch is not None
        return epoch

    def schedule(self, *, seconds_from_now: float = 0) -> None:
        """Look at dirty and due runs until nothing more is to be done."""
        epoch = self.lead()

        def one_pass(tx: Transaction) -> bool:
            result = RunPass(RunMemory(), tx, epoch).run()
            assert not result.faulty
            assert not result.refused
            return result.more or bool(scheduling.dirty_runs(tx, 1))

        while self.write(later(seconds_from_now, one_pass)):
            pass

    # What workers do.

    def worker(self, name: str = "worker") -> CredentialRow:
        def job(tx: Transaction) -> CredentialRow:
            return credentials.ensure_credential(tx, name, "worker", credentials.hash_token(name))

        return self.write(job)

    def connect(
        self,
        name: str = "worker",
        *,
        instance_id: str | None = None,
        live: Iterable[str] = (),
        spooled: Iterable[str] = (),
        ended: Iterable[str] = (),
        queues: Sequence[str] = ("default",),
    ) -> OpenedSession:
        credential = self.worker(name)
        hello = Hello(
            api_version=VERSION,
            sdk_version="1.0",
            language="python",
            instance_id=instance_id or uuid7(),
            hostname="host",
            pid=1,
            queues=list(queues),
            capacity={kind.value: 16 for kind in ActivityKind},
            live=list(live),
            spooled=list(spooled),
            ended_instances=list(ended),
        )
        return self.write(lambda tx: sessions.open_session(tx, credential, hello))

    def claim(
        self,
        worker: WorkerBinding | None = None,
        *,
        limit: int = 100,
        queues: Sequence[str] = (),
        executor: str = EXECUTOR,
    ) -> Handouts:
        request = ClaimRequest(
            kind=ActivityKind.EXECUTE_TASK, executor=executor, limit=limit, queues=queues, worker=worker
        )
        return self.write(lambda tx: dispatches.claim(tx, [request]))

    def claim_parse(self) -> Handout:
        request = ClaimRequest(kind=ActivityKind.PARSE_DAG_FILE, executor=EXECUTOR, limit=1)
        (handout,) = self.write(lambda tx: dispatches.claim(tx, [request]))
        return handout

    def hand_out(self, *tasks: SerializedTask, worker: WorkerBinding | None = None, **options: Any) -> list[Handout]:
        """Declare a DAG `d`, run it as `r`, and claim what is ready."""
        self.declare(dag("d", *(tasks or (task("t"),)), **options))
        self.trigger("d", run_id="r")
        self.schedule()
        return self.claim(worker)

    def hand_out_one(self, worker: WorkerBinding | None = None, **options: Any) -> Handout:
        (handout,) = self.hand_out(task("t", **options), worker=worker)
        return handout

    # What can be seen.

    def instance(self, task_id: str = "t", run_id: str = "r", dag_id: str = "d") -> InstanceRow:
        return self.read(lambda tx: runs.get_instance(tx, dag_id, run_id, task_id))

    def states(self, run_id: str = "r", dag_id: str = "d") -> dict[str, str]:
        def query(tx: Transaction) -> dict[str, str]:
            run = runs.get_run(tx, dag_id, run_id)
            return {row.task_id: row.state.value for row in runs.list_instances(tx, run.pk).items}

        return self.read(query)

    def run_row(self, run_id: str = "r", dag_id: str = "d") -> RunRow:
        return self.read(lambda tx: runs.get_run(tx, dag_id, run_id))

    def events(self, run_id: str = "r", dag_id: str = "d") -> list[EventRow]:
        return self.read(lambda tx: runs.list_events(tx, runs.get_run(tx, dag_id, run_id).pk))


def task_id_of(handout: Handout) -> str:
    assert isinstance(handout.activity, ExecuteTask)
    return handout.activity.task_try.task_id
