import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tradewind.server.contract import ActivityKind, to_plain
from tradewind.server.executors.command import CommandExecutor
from tradewind.server.executors.protocol import NotAccepted, Observation

from .conftest import RecordingHost, envelope

PARSE = ActivityKind.PARSE_DAG_FILE


def observe(*argv: str, environment: dict[str, str] | None = None, dispatch_id: str | None = None) -> Observation:
    """Run one activity through a command and return what was seen of it."""

    async def run() -> Observation:
        executor = CommandExecutor("shell", argv, environment=environment)
        host = RecordingHost()
        executor.attach(host)
        context = envelope(dispatch_id or str(uuid4()))
        await executor.queue_activity(kind=PARSE, context=context)
        await host.until(lambda: context.dispatch_id in host.observations)
        await executor.close()
        return host.observations[context.dispatch_id]

    return asyncio.run(run())


def test_the_envelope_is_on_standard_input(tmp_path: Path) -> None:
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    dispatch_id = str(uuid4())
    observe(sys.executable, "-c", script, str(tmp_path / "read"), dispatch_id=dispatch_id)
    assert json.loads((tmp_path / "read").read_bytes()) == to_plain(envelope(dispatch_id))


def test_the_end_of_a_command_is_an_observation() -> None:
    seen = observe(sys.executable, "-c", "raise SystemExit(7)")
    assert (seen.event, seen.exit_code) == ("exited", 7)
    assert seen.message.endswith("ended with exit code 7")


def test_the_death_of_a_command_is_an_observation() -> None:
    seen = observe(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert (seen.event, seen.exit_code) == ("exited", -9)
    assert seen.message.endswith("was ended by signal 9")


def test_a_command_that_does_not_read_its_input_is_no_error() -> None:
    assert observe("true").exit_code == 0


def test_a_program_that_does_not_exist_is_undelivered() -> None:
    seen = observe("no-such-program")
    assert seen.event == "undelivered"
    assert seen.message == "no-such-program can not be started: No such file or directory"


def test_a_command_has_the_environment_that_it_is_given(tmp_path: Path) -> None:
    script = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ['COLOUR'])"
    environment = {**os.environ, "COLOUR": "green"}
    observe(sys.executable, "-c", script, str(tmp_path / "seen"), environment=environment)
    assert (tmp_path / "seen").read_text() == "green"


def test_a_command_does_not_see_the_settings_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__DATABASE__URL", "postgresql://somebody:hush@db/tradewind")
    monkeypatch.setenv("COLOUR", "green")
    script = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(repr(dict(os.environ)))"
    observe(sys.executable, "-c", script, str(tmp_path / "seen"))
    seen = (tmp_path / "seen").read_text()
    assert "green" in seen
    assert "hush" not in seen


def test_no_more_commands_run_than_the_capacity_says() -> None:
    async def run() -> None:
        executor = CommandExecutor("shell", ["sleep", "60"], capacity=1)
        host = RecordingHost()
        executor.attach(host)
        first = envelope(str(uuid4()))
        await executor.queue_activity(kind=PARSE, context=first)
        with pytest.raises(NotAccepted, match="as many as it may"):
            await executor.queue_activity(kind=PARSE, context=envelope(str(uuid4())))
        await executor.cancel(first.dispatch_id, "enough")
        await host.until(lambda: not executor.known())

    asyncio.run(run())


def test_a_command_outlives_its_executor(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    os.mkfifo(first)
    os.mkfifo(second)

    async def run() -> None:
        executor = CommandExecutor("shell", ["sh", "-c", f"echo started > {first}; echo still here > {second}"])
        executor.attach(RecordingHost())
        await executor.queue_activity(kind=PARSE, context=envelope(str(uuid4())))
        assert await asyncio.to_thread(first.read_text) == "started\n"
        await executor.close()

    asyncio.run(run())
    assert second.read_text() == "still here\n"


def test_a_command_without_a_program_is_refused() -> None:
    with pytest.raises(ValueError, match="executor shell: the command needs at least the program"):
        CommandExecutor("shell", [])
