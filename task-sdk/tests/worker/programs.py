"""`python -m tests.worker.programs worker|run-activity …`: the programs, with scripts in the place of DAG files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.worker.rig import RUNNER
from tradewind.sdk.worker.main import run_worker
from tradewind.sdk.worker.one_shot import main as run_activity
from tradewind.sdk.worker.settings import load_worker_settings


def main() -> int:
    """Run one of them."""
    if sys.argv[1] == "run-activity":
        return run_activity(sys.argv[2:], runner=RUNNER)
    settings = load_worker_settings(os.environ, state_directory=Path(sys.argv[2]))
    return run_worker(settings, exit_with_parent="--exit-with-parent" in sys.argv, runner=RUNNER)


if __name__ == "__main__":
    sys.exit(main())
