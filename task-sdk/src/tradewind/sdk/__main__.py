"""`python -m tradewind.sdk`: the command line, and `run-activity` for brokers, which must start quickly."""

import sys


def main() -> None:
    """Run one activity from standard input, or else what the command line names."""
    if sys.argv[1:2] == ["run-activity"]:
        from tradewind.sdk.worker.one_shot import main as run_activity

        sys.exit(run_activity(sys.argv[2:]))
    from tradewind.sdk.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
