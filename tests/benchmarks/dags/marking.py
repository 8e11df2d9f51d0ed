"""How user code says that it ran: one line for each execution, appended with one write."""

import os
import time


def mark(name: str, began: float) -> None:
    """Append name, process, beginning and end; the end is read last, so that only the write itself counts as a gap."""
    descriptor = os.open(os.environ["BENCHMARK_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{name}\t{os.getpid()}\t{began:.6f}\t{time.time():.6f}\n".encode())
    os.close(descriptor)
