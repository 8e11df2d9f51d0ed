"""Hooks, and which one is for which type of connection."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authoring.running_task import RunningTask
from tradewind.sdk import BaseHook, Connection, contract
from tradewind.sdk.authoring import connection_types
from tradewind.sdk.authoring.context import running
from tradewind.sdk.bases.hook import BaseHook as SameHook
from tradewind.sdk.exceptions import ConnectionNotFound, TradewindException
from tradewind.sdk.standard.hooks.filesystem import FSHook

HOOKS = """
from tradewind.sdk import BaseHook

class SeaHook(BaseHook):
    conn_name_attr = "sea_conn_id"

    def __init__(self, sea_conn_id, depth=0, **arguments):
        super().__init__(**arguments)
        self.sea_conn_id, self.depth = sea_conn_id, depth

class NoHook:
    pass
"""
ENTRY_POINTS = """[tradewind.connection_types]
sea = sea_hooks:SeaHook
shore = sea_hooks:NoHook
sky = sky_hooks:SkyHook
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution that registers types of connections."""
    (tmp_path / "sea_hooks.py").write_text(HOOKS)
    information = tmp_path / "sea-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sea\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    connection_types.hook_class.cache_clear()
    yield
    connection_types.hook_class.cache_clear()
    sys.modules.pop("sea_hooks", None)


def task_with(conn_type: str) -> RunningTask:
    task = RunningTask()
    task.connections["mine"] = contract.Connection(conn_id="mine", conn_type=conn_type, extra='{"path": "/data"}')
    return task


def test_the_entry_point_of_a_type_gives_its_hook(installed: None) -> None:
    with running(task_with("sea")):
        hook = BaseHook.get_hook("mine", hook_params={"depth": 5})
        assert (type(hook).__name__, vars(hook)["sea_conn_id"], vars(hook)["depth"]) == ("SeaHook", "mine", 5)
        assert Connection.get("mine").get_hook().depth == 0


@pytest.mark.parametrize(
    ("conn_type", "words"),
    [
        (
            "moon",
            "No hook is known for connections of type 'moon'; there is one for fs, package_index, sea, shore, sky",
        ),
        ("shore", "sea_hooks:NoHook for connections of type 'shore' is no subclass of BaseHook"),
        ("sky", "sky_hooks:SkyHook for connections of type 'sky' cannot be imported: No module named 'sky_hooks'"),
    ],
)
def test_a_type_without_a_hook_says_what_is_missing(installed: None, conn_type: str, words: str) -> None:
    with running(task_with(conn_type)), pytest.raises(TradewindException, match=words):
        Connection.get("mine").get_hook()


def test_types_of_the_sdk_need_no_entry_point() -> None:
    with running(task_with("fs")):
        hook = Connection.get("mine").get_hook()
        assert isinstance(hook, FSHook)
        assert hook.get_path() == "/data"


def test_a_hook_reads_its_connection_and_has_a_log() -> None:
    class MyHook(BaseHook):
        pass

    with running(RunningTask()):
        assert MyHook.get_connection("db").host == "h.example"
        with pytest.raises(ConnectionNotFound):
            MyHook.get_connection("none")
    assert MyHook().log.name.startswith("tradewind.task.hooks.")
    assert MyHook(logger_name="mine").log.name == "tradewind.task.hooks.mine"
    with pytest.raises(NotImplementedError, match="MyHook has no get_conn"):
        MyHook().get_conn()
    assert SameHook is BaseHook
