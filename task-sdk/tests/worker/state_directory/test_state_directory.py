import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tradewind.sdk.worker.process_tree import Identity, boot_id, identity
from tradewind.sdk.worker.state_directory import StateDirectory, StateDirectoryError


def process(pid: int) -> Identity:
    return Identity(pid=pid, start_ticks=pid * 10, boot_id=boot_id(), session=pid)


def test_a_second_worker_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from tradewind.sdk.worker.state_directory import StateDirectory\n"
    program += "StateDirectory.open(Path(sys.argv[1]))"
    with StateDirectory.open(tmp_path / "state"):
        second = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "state")], capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert "in use by another worker" in second.stderr
    with StateDirectory.open(tmp_path / "state"):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDirectoryError, match=r"file/state"):
        StateDirectory.open(tmp_path / "file" / "state")


def test_the_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path / "state"):
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_processes_that_a_life_left_are_known_to_the_next(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as former:
        former.begin()
        for pid in (11, 12, 13):
            former.process_started(process(pid))
        former.process_ended(12)
    with StateDirectory.open(tmp_path) as state:
        assert state.leftovers == [process(11), process(13)]
        state.begin()
        assert state.leftovers == []
    with StateDirectory.open(tmp_path) as state:
        assert state.leftovers == []


def test_a_life_that_ended_before_it_killed_leftovers_hands_them_on(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as former:
        former.begin()
        former.process_started(process(11))
    with StateDirectory.open(tmp_path):
        pass
    with StateDirectory.open(tmp_path) as state:
        assert state.leftovers == [process(11)]
        assert state.ended_instances == [former.instance_id]


def test_after_a_start_of_the_machine_nothing_is_left(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as former:
        former.begin()
        former.process_started(process(11))
    records = tmp_path / "processes"
    records.write_text(records.read_text().replace(boot_id(), "another-boot"))
    with StateDirectory.open(tmp_path) as state:
        assert state.leftovers == []
        assert state.ended_instances == [former.instance_id]


def test_former_lives_are_declared_ended_until_the_server_knows(tmp_path: Path) -> None:
    lives: list[str] = []
    for _ in range(3):
        with StateDirectory.open(tmp_path) as state:
            assert state.ended_instances == lives
            state.begin()
            lives.append(state.instance_id)
    with StateDirectory.open(tmp_path) as state:
        state.begin()
        state.instances_declared(lives[:2])
        assert state.ended_instances == lives[2:]
        last = state.instance_id
    with StateDirectory.open(tmp_path) as state:
        assert state.ended_instances == [lives[2], last]


def test_a_cut_off_line_of_the_records_harms_no_other(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as former:
        former.begin()
        former.process_started(process(11))
    with (tmp_path / "processes").open("a") as records:
        records.write("+ 12 1")
    with StateDirectory.open(tmp_path) as state:
        assert state.leftovers == [process(11)]


def test_many_processes_do_not_make_the_records_grow_without_end(tmp_path: Path) -> None:
    own = identity(os.getpid())
    assert own is not None
    with StateDirectory.open(tmp_path) as state:
        state.begin()
        state.process_started(own)
        for pid in range(100_000, 125_000):
            state.process_started(process(pid))
            state.process_ended(pid)
        assert (tmp_path / "processes").stat().st_size < 1_000_000
    with StateDirectory.open(tmp_path) as state:
        assert state.leftovers == [own]


def test_a_worker_that_never_reaches_a_server_does_not_collect_lives_without_end(tmp_path: Path) -> None:
    for _ in range(3):
        with StateDirectory.open(tmp_path) as state:
            state.begin()
    (tmp_path / "ended_instances").write_text("".join(f"life-{number}\n" for number in range(1500)))
    with StateDirectory.open(tmp_path) as later:
        assert len(later.ended_instances) == 1000
        assert later.ended_instances[-1] == state.instance_id
