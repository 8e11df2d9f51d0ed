"""The loop of a DAG processor: look, publish what changed, ask for parses."""

from __future__ import annotations

import asyncio
import logging
import time

from tradewind.server.dag_processor.bundle_scan import BundleScanner, BundleState
from tradewind.server.dag_processor.parse_choice import files_to_parse
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import snapshot_digest
from tradewind.server.settings import Settings
from tradewind.server.store import Store, Transaction, bundles, dags

log = logging.getLogger(__name__)

LARGEST_SHARE = 0.05
"""Part of a core that scanning may take: a bundle that takes longer to walk is looked at less often."""


class DagProcessor:
    """Keeps the store's view of one bundle up to date with a directory.

    Args:
        store: the metadata database.
        settings: sections `dags` and `executors`.
        looked: set once the store knows what the directory holds, with a parse asked for each file that needs one.
    """

    def __init__(self, store: Store, settings: Settings, *, looked: asyncio.Event | None = None) -> None:
        self._store = store
        self._settings = settings
        self._bundle = settings.dags.bundle
        self._scanner = BundleScanner(
            settings.dags_folder,
            max_file_bytes=settings.dags.max_file_bytes,
            max_bundle_bytes=settings.dags.max_bundle_bytes,
        )
        self._looked = asyncio.Event() if looked is None else looked
        self._published: BundleState | None = None
        self._complaint = ""
        self._scan_seconds = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Look every `dags.refresh_seconds` until `stop` is set."""
        while not stop.is_set():
            try:
                await self.refresh()
                self._complain("")
            except (OSError, Refused) as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001  it is logged, and the next look may fare better
                self._complain(f"{type(error).__name__}: {error}", error)
            pause = self._scan_seconds / LARGEST_SHARE - self._scan_seconds
            try:
                async with asyncio.timeout(max(self._settings.dags.refresh_seconds, pause)):
                    await stop.wait()
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Look once, and publish what changed.

        Raises:
            OSError: the directory can not be read; nothing is published, so that no DAG vanishes for that.
            Refused: the store can not write now; the next look tries again.
        """
        began = time.monotonic()
        state = await asyncio.to_thread(self._scanner.scan)
        self._scan_seconds = time.monotonic() - began
        if state is not self._published and await self._publish(state):
            self._published = state
            self._looked.set()
            self._scanner.forget_contents()

    async def _publish(self, state: BundleState) -> bool:
        """Store the snapshot and ask for parses; False when contents are missing that the next scan will bring."""
        digests = {path: file.digest for path, file in state.files.items()}
        needed = set(digests.values())
        known = await self._store.read(lambda tx: bundles.known_blobs(tx, needed))
        if not needed - known <= self._scanner.contents.keys():
            self._scanner.read_everything_again()
            return False
        blobs = {digest: self._scanner.contents[digest] for digest in needed - known}
        asked = await self._store.write(lambda tx: self._write(tx, state, digests, blobs))
        if asked is not None:
            log.info("bundle published", extra={"bundle": self._bundle, "files": len(digests), "parses": len(asked)})
        return True

    def _write(
        self, tx: Transaction, state: BundleState, digests: dict[str, str], blobs: dict[str, bytes]
    ) -> list[str] | None:
        """Inside a write job: snapshot, errors and parses together, or none of them."""
        snapshot = snapshot_digest(digests)
        changed = bundles.current_snapshot(tx, self._bundle) != snapshot
        if changed:
            files = {path: (file.digest, file.size) for path, file in state.files.items()}
            snapshot = bundles.put_snapshot(tx, self._bundle, files, blobs)
        candidates = [path for path, file in state.files.items() if file.declares_dags]
        dags.drop_files(tx, self._bundle, candidates)
        dags.set_bundle_errors(tx, self._bundle, state.errors)
        rows = dags.dag_files(tx, self._bundle)
        due = files_to_parse(digests, candidates, rows, snapshot=snapshot, snapshot_changed=changed)
        if due:
            dags.request_parses(
                tx,
                self._bundle,
                snapshot,
                due,
                self._settings.dags.parse_timeout_seconds,
                executor=self._settings.executors.default,
            )
        return due if changed or due else None

    def _complain(self, why: str, unexpected: Exception | None = None) -> None:
        """Log a failure once, not at every look; one that nobody expected with where it came from."""
        if why and why != self._complaint:
            log.error("bundle can not be refreshed", extra={"bundle": self._bundle, "why": why}, exc_info=unexpected)
        self._complaint = why
