import asyncio
import hashlib
import logging
import os
import sys
import time
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from tradewind.server.contract import ActivityKind, DagImportError, FileParsed
from tradewind.server.dag_processor import DagProcessor
from tradewind.server.domain.versions import code_id
from tradewind.server.settings import Settings
from tradewind.server.store import Store, Transaction, bundles, dags, dispatches
from tradewind.server.store.handouts import ClaimRequest

T = TypeVar("T")
DAG_FILE = "from tradewind.sdk import DAG\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Bundle:
    """A directory of DAG files, the processor that watches it, and a worker that parses."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.processor = DagProcessor(store, settings)
        self.clock = time.time() - 10_000

    def write(self, path: str, text: str) -> None:
        """Write a file that did not change just now: so that its status can be relied on."""
        target = self.settings.dags_folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        self.clock += 1
        os.utime(target, (self.clock, self.clock))

    def remove(self, path: str) -> None:
        (self.settings.dags_folder / path).unlink()

    def restart(self) -> None:
        self.processor = DagProcessor(self.store, self.settings)

    async def refresh(self) -> list[str]:
        """Look once; returns the files that wait to be parsed."""
        await self.processor.refresh()
        return [parse.file for parse in await self.store.read(dags.list_parses) if parse.state == "scheduled"]

    async def parse(self, *, errors: Mapping[str, str] | None = None, also_read: tuple[str, ...] = ()) -> list[str]:
        """Play the worker for everything that waits; returns what was parsed."""
        request = ClaimRequest(kind=ActivityKind.PARSE_DAG_FILE, executor="worker_session", limit=100)

        def job(tx: Transaction) -> list[str]:
            done: list[str] = []
            for handout in dispatches.claim(tx, [request]):
                file = handout.activity.code.file
                dispatches.finish(tx, handout.dispatch_id, self._outcome(tx, file, errors or {}, also_read))
                done.append(file)
            return sorted(done)

        return await self.store.write(job)

    def _outcome(self, tx: Transaction, file: str, errors: Mapping[str, str], also_read: tuple[str, ...]) -> FileParsed:
        snapshot = bundles.current_snapshot(tx, "dags")
        assert snapshot is not None
        content = bundles.manifest(tx, "dags", snapshot).files
        read = {path: content[path].digest for path in (file, *also_read)}
        error = DagImportError(file=file, type="ImportError", message=errors[file]) if file in errors else None
        return FileParsed(
            ended_at=NOW, duration_seconds=0.0, code_id=code_id(read), files_read=read, dags=[], error=error
        )

    async def snapshot(self) -> str | None:
        return await self.store.read(lambda tx: bundles.current_snapshot(tx, "dags"))

    async def import_errors(self) -> dict[str, str]:
        page = await self.store.read(dags.list_import_errors)
        return {row.file: row.error.type for row in page.items}


@pytest.fixture
def bundle(store: Store, settings: Settings) -> Bundle:
    return Bundle(store, settings)


def play(scene: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(60):
            return await scene

    return asyncio.run(limited())


def test_a_directory_becomes_a_snapshot_with_all_its_files(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        bundle.write("data/x.csv", "1,2\n")
        assert await bundle.refresh() == ["a.py"]
        snapshot = await bundle.snapshot()
        assert snapshot is not None
        content = await bundle.store.read(lambda tx: bundles.file_content(tx, "dags", snapshot, "data/x.csv"))
        assert content == b"1,2\n"

    play(scene())


def test_an_unchanged_directory_asks_for_nothing(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        await bundle.refresh()
        await bundle.parse()
        snapshot = await bundle.snapshot()
        assert await bundle.refresh() == []
        assert await bundle.snapshot() == snapshot

    play(scene())


def test_a_restart_asks_for_nothing_that_is_known(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        bundle.write("b.py", DAG_FILE + "# b\n")
        await bundle.refresh()
        await bundle.parse(errors={"b.py": "no module named c"})
        bundle.restart()
        assert await bundle.refresh() == []

    play(scene())


def test_a_parse_that_waits_is_not_asked_for_twice(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        await bundle.refresh()
        bundle.restart()
        assert await bundle.refresh() == ["a.py"]
        assert len(await bundle.store.read(dags.list_parses)) == 1

    play(scene())


def test_only_what_a_change_touches_is_parsed_again(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        bundle.write("b.py", DAG_FILE + "# b\n")
        bundle.write("module.py", "x = 1\n")
        await bundle.refresh()
        assert await bundle.parse(also_read=("module.py",)) == ["a.py", "b.py"]
        bundle.write("b.py", DAG_FILE + "# changed\n")
        assert await bundle.refresh() == ["b.py"]
        await bundle.parse()
        bundle.write("module.py", "x = 2\n")
        assert await bundle.refresh() == ["a.py"]

    play(scene())


def test_a_file_that_failed_is_parsed_again_after_any_change(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        bundle.write("b.py", DAG_FILE + "# b\n")
        await bundle.refresh()
        await bundle.parse(errors={"a.py": "no module named c"})
        bundle.write("c.py", "x = 1\n")
        assert await bundle.refresh() == ["a.py"]

    play(scene())


def test_a_file_that_vanishes_or_declares_nothing_any_more_is_dropped(bundle: Bundle) -> None:
    async def scene() -> None:
        for name in ("a.py", "b.py", "c.py"):
            bundle.write(name, DAG_FILE + f"# {name}\n")
        await bundle.refresh()
        await bundle.parse()
        bundle.remove("a.py")
        bundle.write("b.py", "x = 1\n")
        assert await bundle.refresh() == []
        assert [row.file for row in await bundle.store.read(lambda tx: dags.dag_files(tx, "dags"))] == ["c.py"]

    play(scene())


def test_a_file_over_the_limit_is_an_import_error_and_the_others_go_on(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        bundle.write("big.csv", "x" * 1001)
        assert await bundle.refresh() == ["a.py"]
        await bundle.parse()
        assert await bundle.import_errors() == {"big.csv": "FileTooLarge"}
        bundle.write("big.csv", "small")
        await bundle.refresh()
        assert await bundle.import_errors() == {}

    play(scene())


def test_another_snapshot_holds_the_contents_that_did_not_change(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        await bundle.refresh()
        first = await bundle.snapshot()
        assert first is not None
        # Nothing of what was published is in memory any more; a changed bundle needs only its new contents.
        bundle.write("b.py", DAG_FILE + "# b\n")
        await bundle.refresh()
        second = await bundle.snapshot()
        assert second is not None
        assert second != first
        content = await bundle.store.read(lambda tx: bundles.file_content(tx, "dags", second, "a.py"))
        assert hashlib.sha256(content).hexdigest() == hashlib.sha256(DAG_FILE.encode()).hexdigest()

    play(scene())


def test_contents_that_the_store_has_lost_are_brought_again(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        await bundle.refresh()
        await bundle.store.write(lambda tx: tx.change(text("DELETE FROM blob WHERE size >= :least"), {"least": 0}))
        bundle.write("b.py", DAG_FILE + "# b\n")
        # The first look finds out what is missing, the second one has it.
        await bundle.refresh()
        assert await bundle.refresh() == ["a.py", "b.py"]
        snapshot = await bundle.snapshot()
        assert snapshot is not None
        content = await bundle.store.read(lambda tx: bundles.file_content(tx, "dags", snapshot, "a.py"))
        assert content == DAG_FILE.encode()

    play(scene())


def test_a_directory_that_is_gone_makes_no_dag_vanish(bundle: Bundle) -> None:
    async def scene() -> None:
        bundle.write("a.py", DAG_FILE)
        await bundle.refresh()
        snapshot = await bundle.snapshot()
        bundle.settings.dags_folder.rename(bundle.settings.home / "moved")
        with pytest.raises(FileNotFoundError):
            await bundle.refresh()
        assert await bundle.snapshot() == snapshot

    play(scene())


def test_the_loop_sees_a_new_file_and_goes_on_after_a_failure(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        bundle.settings.dags_folder.rmdir()
        ready = bundle.store.hints.subscribe("to_parse")
        stop = asyncio.Event()
        running = asyncio.create_task(bundle.processor.run(stop))
        try:
            bundle.write("a.py", DAG_FILE)
            # A hint may come without a reason.
            while not (parsed := await bundle.parse()):
                assert await ready.wait(30)
            assert parsed == ["a.py"]
        finally:
            stop.set()
            await running
            ready.close()

    play(scene())


def test_the_loop_goes_on_after_a_failure_that_nobody_thought_of(bundle: Bundle) -> None:
    """Folders that are nested deeper than the interpreter's stack stand for any such failure."""

    async def scene() -> None:
        loop, failed, stop = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        class Hearing(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.getMessage() == "bundle can not be refreshed":
                    loop.call_soon_threadsafe(failed.set)

        folders = [bundle.settings.dags_folder / "d"]
        while len(folders) < sys.getrecursionlimit():
            folders.append(folders[-1] / "d")
        for folder in folders:
            folder.mkdir()
        bundle.write("a.py", DAG_FILE)
        logger, hearing = logging.getLogger("tradewind.server.dag_processor.processor"), Hearing()
        ready = bundle.store.hints.subscribe("to_parse")
        logger.addHandler(hearing)
        running = asyncio.create_task(bundle.processor.run(stop))
        try:
            await failed.wait()
            for folder in reversed(folders):
                folder.rmdir()
            while not (parsed := await bundle.parse()):
                assert await ready.wait(30)
            assert parsed == ["a.py"]
        finally:
            logger.removeHandler(hearing)
            stop.set()
            await running
            ready.close()

    play(scene())


def test_a_failure_is_logged_once(bundle: Bundle, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    bundle.processor._complain("the disk is gone")
    bundle.processor._complain("the disk is gone")
    bundle.processor._complain("")
    bundle.processor._complain("the disk is gone")
    assert [record.msg for record in caplog.records] == ["bundle can not be refreshed"] * 2
