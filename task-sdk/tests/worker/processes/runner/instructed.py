"""What children run in these tests: the assignment names a function of this module and its arguments."""

from __future__ import annotations

import atexit
import ctypes
import dataclasses
import gc
import importlib.util
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewind.sdk.worker import linux
from tradewind.sdk.worker.channel import Channel


@dataclasses.dataclass
class Call:
    channel: Channel
    log_descriptor: int
    loaded: Any

    def tell(self, value: object) -> None:
        self.channel.send(json.dumps(value).encode())

    def stay(self) -> None:
        """Until the supervisor sends a frame or closes its end."""
        self.channel.receive()


def prepare() -> None:
    pass


def make_ready_to_fork(loaded: object) -> None:
    pass


def load_dag_file(snapshot_directory: str, file: str) -> Any:
    spec = importlib.util.spec_from_file_location("dag_file", Path(snapshot_directory) / file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["dag_file"] = module
    spec.loader.exec_module(module)
    return module


def run_activity(assignment: bytes, channel: Channel, log_descriptor: int, loaded: object | None) -> bytes:
    instruction = json.loads(assignment)
    call = Call(channel, log_descriptor, loaded)
    result = BEHAVIOURS[instruction["do"]](call, **instruction["with"])
    return json.dumps({"result": result}).encode()


BEHAVIOURS: dict[str, Callable[..., Any]] = {}


def behaviour(function: Callable[..., Any]) -> Callable[..., Any]:
    BEHAVIOURS[function.__name__] = function
    return function


@behaviour
def nothing(call: Call) -> None:
    pass


@behaviour
def value_of_file(call: Call) -> Any:
    return [call.loaded.VALUE, call.loaded.PID, os.getppid()] if call.loaded else None


@behaviour
def stay(call: Call) -> str:
    call.tell("there")
    call.stay()
    return "stayed"


@behaviour
def describe_process(call: Call) -> dict[str, Any]:
    subreaper = ctypes.c_int()
    ctypes.CDLL(None).prctl(37, ctypes.byref(subreaper), 0, 0, 0)
    return {
        "descriptors": sorted(linux.numbers_in("/proc/self/fd"))[:-1],
        "stdin": str(Path("/proc/self/fd/0").readlink()),
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "environment": dict(os.environ),
        "environment_at_exec": Path("/proc/self/environ").read_text(),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "ignored": sorted(number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        "subreaper": subreaper.value,
        "collects_garbage": gc.isenabled(),
        "main_thread": threading.current_thread() is threading.main_thread(),
    }


@behaviour
def own_pid(call: Call) -> int:
    return os.getpid()


@behaviour
def leave(call: Call, what: str) -> int:
    """Something that is still there when the activity has ended."""
    LEAVINGS[what]()
    return os.getpid()


KEPT: list[Any] = []
LEAVINGS: dict[str, Callable[[], Any]] = {
    "thread": lambda: threading.Thread(target=threading.Event().wait, daemon=True).start(),
    "process": lambda: KEPT.append(subprocess.Popen(["sleep", "1000"])),
    "directory": lambda: os.chdir("/"),
    "environment": lambda: os.environ.update(LEFT="1"),
    "output": lambda: KEPT.append(os.dup(1)),
    "stream": lambda: setattr(sys, "stdout", Path(os.devnull).open("w")),  # noqa: SIM115
    "handler": lambda: signal.signal(signal.SIGUSR1, print),
    "timer": lambda: signal.setitimer(signal.ITIMER_REAL, 1000),
    "mask": lambda: os.umask(0o777),
    "seed": lambda: random.seed(1),
    "global": lambda: KEPT.append("kept"),
    "file": lambda: KEPT.append(Path(os.devnull).open()),  # noqa: SIM115
    "c output": lambda: ctypes.CDLL(None).printf(b"from C\n"),
}


@behaviour
def look_around(call: Call) -> dict[str, Any]:
    mask = os.umask(0)
    os.umask(mask)
    return {"pid": os.getpid(), "mask": mask, "random": random.random(), "kept": len(KEPT)}


def _refusal(function: Callable[..., Any], *arguments: Any) -> str:
    try:
        return str(function(*arguments))
    except OSError as error:
        return type(error).__name__


@behaviour
def look_at_user(call: Call) -> dict[str, Any]:
    """Who this process is, and what it can reach from the folder of a snapshot, which is its file's."""
    snapshot = Path(sys.argv[0] if call.loaded is None else call.loaded.__file__).parent
    subprocess.run(["/bin/sh", "-c", "echo from a program > /dev/stdout"], check=True)
    child = os.fork()
    if child == 0:
        os._exit(0 if Path("/proc/self/fd/5").exists() else 1)
    return {
        "users": list(os.getresuid()),
        "groups": list(os.getresgid()),
        "further_groups": sorted(os.getgroups()),
        "environment": {name: os.environ[name] for name in ("HOME", "USER", "LOGNAME")},
        "back_to_root": _refusal(os.setuid, 0),
        "code": (snapshot / "dag.py").read_text() if call.loaded else "import os",
        "spool": _refusal(os.listdir, snapshot.parent.parent) if call.loaded else "PermissionError",
        "imported_by": call.loaded.USER if call.loaded else None,
        "forked": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]),
    }


@behaviour
def thread_that_ends(call: Call) -> int:
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
    return os.getpid()


@behaviour
def command_line(call: Call) -> list[str]:
    return Path("/proc/self/cmdline").read_text().split("\0")


@behaviour
def random_number(call: Call) -> float:
    return random.random()


@behaviour
def output(call: Call) -> None:
    print("to standard output: é")
    print("to standard error", file=sys.stderr)
    os.write(call.log_descriptor, b'{"event": "to the log"}\n')
    subprocess.run(["/bin/echo", "from a program"], check=True)
    sys.stdout.write("no newline at the end")


@behaviour
def print_and_stay(call: Call) -> None:
    print("a line")
    call.stay()


@behaviour
def raise_error(call: Call) -> None:
    raise ValueError("of the runner itself")


@behaviour
def exit_at_once(call: Call, code: int) -> None:
    os._exit(code)


@behaviour
def kill_itself(call: Call, number: int) -> None:
    os.kill(os.getpid(), number)


@behaviour
def leave_thread_and_exit_handler(call: Call) -> str:
    released = threading.Event()

    def finish() -> None:
        released.wait()
        print("the thread has ended")

    threading.Thread(target=finish).start()
    threading.Timer(0, released.set).start()
    atexit.register(print, "the exit handler ran")
    return "returned"


@behaviour
def square_in_processes(call: Call, method: str) -> list[int]:
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])


@behaviour
def fork_and_call(call: Call) -> str:
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            call.tell("from the forked process")
        except RuntimeError as error:
            os.write(writing, str(error).encode())
        os._exit(0)
    os.wait()
    return os.read(reading, 1000).decode()


def _tell_when_ready(call: Call, count: int, reading: int, kind: str) -> list[int]:
    pids: list[int] = []
    text = b""
    while text.count(b"\n") < count:
        text += os.read(reading, 1000)
    pids = [int(line) for line in text.split()]
    call.tell({kind: pids})
    return pids


@behaviour
def fork_and_stay(call: Call) -> None:
    """A forked process, and a forked process of that one; both stay as long as they can."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.fork()
        os.write(writing, f"{os.getpid()}\n".encode())
        signal.pause()
    _tell_when_ready(call, 2, reading, "pids")
    call.stay()


def _daemon(writing: int, *, program: bool) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if program:
                os.set_inheritable(writing, True)
                os.execl("/bin/sh", "sh", "-c", f"echo $$ >&{writing}; exec sleep 1000")
            os.write(writing, f"{os.getpid()}\n".encode())
            signal.pause()
        os._exit(0)
    os.wait()


@behaviour
def daemons(call: Call, then: str) -> str:
    """Two double-forked daemons in sessions of their own: one forked from this process, one a program."""
    reading, writing = os.pipe()
    _daemon(writing, program=False)
    _daemon(writing, program=True)
    _tell_when_ready(call, 2, reading, "pids")
    if then == "stay":
        call.stay()
    if then == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return then


@behaviour
def fork_without_end(call: Call) -> None:
    """Processes that fork and end, one after the other, each in a session of its own."""
    if os.fork() == 0:
        while True:
            if os.fork():
                os._exit(0)
            os.setsid()
    call.tell("forking")
    call.stay()


@behaviour
def ignore_termination(call: Call) -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: call.tell("asked to end"))
    call.tell("there")
    call.stay()


@behaviour
def large_result(call: Call, size: int) -> str:
    return "x" * size


@behaviour
def length_of(call: Call, text: str) -> int:
    return len(text)


@behaviour
def write_line(call: Call, path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text + "\n")


@behaviour
def frames(call: Call, count: int) -> None:
    for number in range(count):
        call.tell(number)


@behaviour
def broken_frame(call: Call) -> None:
    os.write(3, b"\xff\xff\xff\xff")
    call.stay()


@behaviour
def leave_channel_to_forked(call: Call) -> str:
    """A process that keeps every descriptor open after the end of the activity."""
    if os.fork() == 0:
        os.setsid()
        signal.pause()
    return "returned"


@behaviour
def open_zygote(call: Call) -> list[str]:
    """Whether the memory of the processes above can be opened."""
    answers: list[str] = []
    pid = os.getppid()
    while pid > 1 and len(answers) < 3:
        try:
            Path(f"/proc/{pid}/environ").read_bytes()
            answers.append("open")
        except PermissionError:
            answers.append("closed")
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return answers


@behaviour
def open_own(call: Call) -> int:
    """An ordinary user's process can look into itself."""
    return len(linux.numbers_in("/proc/self/fd")) + len(Path("/proc/self/environ").read_bytes())


@behaviour
def own_socket(call: Call) -> bool:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return bool(own.getsockname()[1])
