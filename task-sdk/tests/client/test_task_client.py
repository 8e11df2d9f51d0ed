"""Rules of the operations of a task, over frames."""

import datetime as dt
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tradewind.sdk.client.calls import Call, ProblemError, Reply
from tradewind.sdk.client.frame_transport import FrameTransport
from tradewind.sdk.client.task_client import BUSY_PATIENCE_SECONDS, TaskClient
from tradewind.sdk.contract import (
    UNSET,
    ChildFrame,
    Connection,
    DagRunState,
    Mask,
    Request,
    Response,
    Variable,
    decode,
    encode,
)
from tradewind.sdk.exceptions import ServerUnreachable, TaskTerminated

BUSY = {"reason": "too_busy", "detail": "later", "retry_after_seconds": 0.5}


class Supervisor:
    """The other end of a task's connection: answers each request frame by a function, and hides what it is told to."""

    def __init__(self, answer: Callable[[Request], list[bytes]]) -> None:
        self.requests: list[Request] = []
        self.masked: list[str] = []
        self._answer = answer
        self._frames: queue.Queue[bytes | None] = queue.Queue()

    def send(self, body: bytes) -> None:
        frame = decode(ChildFrame, body)
        if isinstance(frame, Mask):
            self.masked.extend(frame.values)
            status = 422 if "too much" in frame.values else 204
            self._frames.put(encode(Response(request_id=frame.request_id - 1, status=200)))
            self._frames.put(encode(Response(request_id=frame.request_id, status=status)))
            return
        assert isinstance(frame, Request)
        self.requests.append(frame)
        for answer in self._answer(frame):
            self._frames.put(answer)

    def receive(self) -> bytes | None:
        return self._frames.get(timeout=30)

    def close(self) -> None:
        self._frames.put(None)


def reply(request: Request, status: int, body: Any = UNSET) -> list[bytes]:
    return [encode(Response(request_id=request.request_id, status=status, body=body))]


def client(
    answer: Callable[[Request], list[bytes]], pauses: list[float] | None = None
) -> tuple[TaskClient, Supervisor]:
    supervisor = Supervisor(answer)
    waited = pauses if pauses is not None else []
    return TaskClient(FrameTransport(supervisor), sleep=waited.append), supervisor


def test_each_operation_is_a_request_frame_without_a_token() -> None:
    bodies = {
        "get_xcom": {"value": None},
        "get_variable": {"key": "v", "value": "x"},
        "get_connection": {"conn_id": "c", "conn_type": "t"},
    }
    task, supervisor = client(
        lambda request: (
            reply(request, 200, bodies[request.operation]) if request.operation in bodies else reply(request, 204)
        )
    )
    found = task.get_xcom("t", "k", 3)
    assert found is not None
    assert found.value is None
    task.set_xcom("k", {"a": [1]})
    assert task.get_variable("v") == Variable(key="v", value="x")
    assert task.get_connection("c") == Connection(conn_id="c", conn_type="t")
    assert [(one.request_id, one.operation, one.parameters) for one in supervisor.requests] == [
        (1, "get_xcom", {"task_id": "t", "key": "k", "map_index": "3"}),
        (2, "set_xcom", {"key": "k"}),
        (3, "get_variable", {"key": "v"}),
        (4, "get_connection", {"conn_id": "c"}),
    ]
    assert all(one.token is None for one in supervisor.requests)
    assert supervisor.requests[1].body["value"] == {"a": [1]}
    assert len(supervisor.requests[1].body["op_id"]) == 36


def test_what_does_not_exist_is_none() -> None:
    task, _ = client(lambda request: reply(request, 404, {"reason": "not_found", "detail": "x"}))
    assert (task.get_xcom("t", "k"), task.get_variable("v"), task.get_connection("c")) == (None, None, None)


RUN = {
    "dag_id": "d",
    "run_id": "r",
    "run_type": "operator_triggered",
    "state": "queued",
    "run_after": "2026-03-01T06:00:00Z",
}


def test_operations_beyond_the_own_run_carry_what_is_given_and_nothing_else() -> None:
    bodies: dict[str, Any] = {
        "find_xcom": {"value": 5},
        "list_variable_keys": {"keys": ["a"]},
        "trigger_run": RUN,
        "get_run": RUN,
        "get_previous_run": RUN,
    }
    task, supervisor = client(
        lambda request: (
            reply(request, 200, bodies[request.operation]) if request.operation in bodies else reply(request, 204)
        )
    )
    task.find_xcom("d", "t", "k")
    task.find_xcom("d", "t", "k", run_id="r", include_prior_dates=True, map_index=0)
    task.set_variable("v", "1")
    assert task.delete_variable("v")
    assert (task.list_variable_keys(), task.list_variable_keys("a")) == (["a"], ["a"])
    moment = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
    run = task.trigger_run("d", conf={"a": 1}, logical_date=moment, note="words", reset=True)
    assert (run.run_id, run.run_after, run.state) == ("r", moment, "queued")
    assert task.get_run("d", "r") == task.get_previous_run() == task.get_previous_run(DagRunState.FAILED) == run
    sent = supervisor.requests
    op_id = sent[3].parameters.pop("op_id")
    assert [(one.operation, one.parameters) for one in sent] == [
        ("find_xcom", {"dag_id": "d", "task_id": "t", "key": "k"}),
        (
            "find_xcom",
            {"dag_id": "d", "task_id": "t", "key": "k", "run_id": "r", "include_prior_dates": "true", "map_index": "0"},
        ),
        ("set_variable", {"key": "v"}),
        ("delete_variable", {"key": "v"}),
        ("list_variable_keys", {}),
        ("list_variable_keys", {"prefix": "a"}),
        ("trigger_run", {"dag_id": "d"}),
        ("get_run", {"dag_id": "d", "run_id": "r"}),
        ("get_previous_run", {}),
        ("get_previous_run", {"state": "failed"}),
    ]
    ids = {op_id, sent[2].body.pop("op_id"), sent[6].body.pop("op_id")}
    assert len(ids) == 3
    assert sent[2].body == {"value": "1"}
    assert sent[6].body == {
        "conf": {"a": 1},
        "logical_date": "2026-03-01T06:00:00Z",
        "note": "words",
        "reset": True,
    }


def test_what_else_does_not_exist_is_none_and_a_dag_is_an_error() -> None:
    task, _ = client(lambda request: reply(request, 404, {"reason": "not_found", "detail": "there is no DAG d"}))
    assert (task.find_xcom("d", "t", "k"), task.get_run("d", "r"), task.get_previous_run()) == (None, None, None)
    assert not task.delete_variable("v")
    with pytest.raises(ProblemError, match="there is no DAG d"):
        task.trigger_run("d")


def test_another_refusal_is_an_error() -> None:
    task, _ = client(lambda request: reply(request, 403, {"reason": "not_allowed", "detail": "not declared"}))
    with pytest.raises(ProblemError, match="get_variable was refused, not_allowed: not declared"):
        task.get_variable("v")


def test_a_busy_server_is_asked_again_with_the_same_operation_id() -> None:
    pauses: list[float] = []
    task, supervisor = client(
        lambda request: reply(request, 429, BUSY) if request.request_id < 3 else reply(request, 204), pauses
    )
    task.set_xcom("k", 1)
    assert pauses == [0.5, 0.5]
    assert len({one.body["op_id"] for one in supervisor.requests}) == 1


def test_patience_with_a_busy_server_ends() -> None:
    pauses: list[float] = []
    task, _ = client(lambda request: reply(request, 429, {**BUSY, "retry_after_seconds": 100}), pauses)
    with pytest.raises(ProblemError, match="too_busy"):
        task.get_variable("v")
    assert sum(pauses) <= BUSY_PATIENCE_SECONDS


def test_an_answer_to_an_interrupted_call_is_passed_over() -> None:
    stale = encode(Response(request_id=99, status=500))
    transport = FrameTransport(Supervisor(lambda request: [stale, *reply(request, 200, {"value": 1})]))
    assert transport.send(Call("get_xcom", {"task_id": "t", "key": "k"})) == Reply(200, {"value": 1})


def test_threads_get_their_own_answers() -> None:
    transport = FrameTransport(Supervisor(lambda request: reply(request, 200, {"value": request.parameters["key"]})))
    found: dict[str, Any] = {}

    def ask(key: str) -> None:
        found[key] = transport.send(Call("get_xcom", {"task_id": "t", "key": key})).body["value"]

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {str(number): str(number) for number in range(20)}


def test_a_signal_handler_may_call_while_a_call_waits() -> None:
    transport: FrameTransport

    class Interrupted(Supervisor):
        def receive(self) -> bytes | None:
            if len(self.requests) == 1:
                transport.send(Call("get_variable", {"key": "inner"}))
                raise TaskTerminated
            return super().receive()

    channel = Interrupted(lambda request: reply(request, 200, {"key": "k", "value": "v"}))
    transport = FrameTransport(channel)
    with pytest.raises(TaskTerminated):
        transport.send(Call("get_variable", {"key": "outer"}))
    assert [one.parameters["key"] for one in channel.requests] == ["outer", "inner"]


def test_a_supervisor_that_is_gone_or_speaks_nonsense_is_unreachable() -> None:
    gone = Supervisor(lambda request: [])
    gone.close()
    with pytest.raises(ServerUnreachable, match="the supervisor of this task is gone"):
        FrameTransport(gone).send(Call("get_variable", {"key": "v"}))
    with pytest.raises(ServerUnreachable, match="is no frame"):
        FrameTransport(Supervisor(lambda request: [b"{"])).send(Call("get_variable", {"key": "v"}))


def test_texts_are_masked_once_the_supervisor_has_said_so() -> None:
    task, supervisor = client(lambda request: reply(request, 204))
    task.set_xcom("k", 1)
    task.mask(["s3cr3t"])
    task.set_xcom("k", 2)
    assert supervisor.masked == ["s3cr3t"]
    assert [request.request_id for request in supervisor.requests] == [1, 3]
    with pytest.raises(ProblemError):
        task.mask(["too much"])


def test_a_call_does_not_show_its_token() -> None:
    assert "secret" not in repr(Call("get_variable", {"key": "v"}, token="secret"))
