"""What `tradewind-server db prune` does: a round of retention by hand, and its words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from tradewind.server.api.log_retention import QUIET_SECONDS, LogSweep
from tradewind.server.cli.context import CommandFailed
from tradewind.server.roles import open_store
from tradewind.server.scheduler.retention import Round
from tradewind.server.settings import Settings
from tradewind.server.store import retention
from tradewind.server.store.errors import InUseError
from tradewind.server.store.retention import RetentionPlan

SHARE_BESIDE_OTHERS: Final = 0.5
"""Part of the time in which the command keeps a PostgreSQL busy that others use."""

LOGS: Final = "logs"


def plan_by_hand(settings: Settings, older_than: timedelta, dag_ids: tuple[str, ...]) -> RetentionPlan:
    """Everything that is older than one age, with the numbers of the settings."""
    return RetentionPlan(
        runs=older_than,
        parses=older_than,
        audit=older_than,
        code=older_than,
        refused_calls=settings.retention.refused_calls or None,
        runs_per_dag=settings.retention.runs_per_dag,
        dag_ids=dag_ids,
    )


async def preview(settings: Settings, plan: RetentionPlan) -> dict[str, int]:
    """Count what would be deleted, by table."""
    async with open_store(settings, alone=False) as store:
        return await store.read(partial(retention.count_what_is_old, plan=plan))


async def prune(
    settings: Settings, plan: RetentionPlan, quiet: timedelta, tell: Callable[[dict[str, int]], None]
) -> dict[str, int]:
    """Delete what is old, and its logs as far as they are kept on this machine.

    Args:
        settings: of the deployment.
        plan: what is to be kept.
        quiet: how long nothing may have been written to a log, at most an hour.
        tell: hears of deleted rows by table.

    Raises:
        CommandFailed: On SQLite a control plane is running.
    """
    is_shared = not settings.database_url.startswith("sqlite")
    try:
        async with open_store(settings) as store:
            rows = await Round(store, plan, share=SHARE_BESIDE_OTHERS if is_shared else 1.0, tell=tell).run()
            sweep = LogSweep(
                store,
                settings.logs_directory,
                dag_ids=plan.dag_ids,
                quiet_seconds=min(QUIET_SECONDS, quiet.total_seconds()),
            )
            logs = await sweep.run()
    except InUseError as error:
        raise CommandFailed(
            f"{error}. The control plane that runs deletes old rows by itself, as the settings `retention.…` say: "
            "change those and restart it, or stop it, run this command, and start it again. With --dry-run this "
            "command works beside it"
        ) from None
    return {**rows, LOGS: logs} if logs else rows
