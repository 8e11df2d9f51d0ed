"""Plans that failed once: each is kept whole, for a seed makes another plan when the choice changes."""

from tests.faults.plans import BEYOND_TAKEOVER, LONG, SHORT, Fault, Plan

CASES: dict[str, Plan] = {
    # An API server that was killed starts while its database does not take connections yet.
    "a process starts while its database is away": Plan(
        119,
        "split",
        15,
        (
            Fault("kill", "api server", begun=0, pause=0.0, seconds=0.0, choice=1),
            Fault("kill", "database", begun=0, pause=0.3, seconds=LONG, choice=2),
            Fault("swallow", "first", begun=2, pause=0.05, seconds=LONG, choice=3),
        ),
    ),
    # The start of a short try travels with its outcome, whose answer is lost with the connection.
    "an outcome with its start is answered in vain": Plan(
        71,
        "split",
        0,
        (
            Fault("lose reply", "first", begun=2, pause=0.0, seconds=1.0, choice=4),
            Fault("lose reply", "second", begun=3, pause=0.0, seconds=1.0, choice=5),
            Fault("stop", "task", begun=4, pause=0.0, seconds=SHORT, choice=6),
        ),
    ),
    # Several frames in one message, each of them doubled and late.
    "frames that share a message are garbled": Plan(
        110,
        "split",
        9,
        (
            Fault("cut", "first", begun=4, pause=0.0, seconds=SHORT, choice=7),
            Fault("garble", "first", begun=4, pause=0.0, seconds=BEYOND_TAKEOVER, choice=8),
            Fault("stop", "zygote", begun=4, pause=0.2, seconds=SHORT, choice=9),
        ),
    ),
    # The connection of a reader is lost in the midst of its query.
    "a database is killed at work": Plan(
        355, "postgresql", 6, (Fault("kill", "database", begun=1, pause=0.0, seconds=0.0, choice=15),)
    ),
    # A claim is committed just then: whether it was may not be read from an id that another transaction has got since.
    "a database is killed at a commit": Plan(
        203, "split", 7, (Fault("kill", "database", begun=0, pause=0.05, seconds=0.0, choice=16),)
    ),
    # A failed try is recorded while the database has just come back.
    "a killed try is reported to a database that has been killed": Plan(
        244,
        "postgresql",
        11,
        (
            Fault("kill", "task", begun=1, pause=0.0, seconds=0.0, choice=10),
            Fault("lose reply", "remote", begun=1, pause=0.0, seconds=1.0, choice=11),
            Fault("kill", "database", begun=2, pause=0.0, seconds=SHORT, choice=12),
        ),
    ),
    # Somebody clears a task whose worker is silent: the next try waits for the takeover of the old one.
    "a task is cleared while its worker is frozen": Plan(
        0,
        "sqlite",
        11,
        (
            Fault("stop", "supervisor", begun=1, pause=0.0, seconds=BEYOND_TAKEOVER, choice=13),
            Fault("clear", "task", begun=1, pause=0.2, seconds=1.0, choice=14),
        ),
    ),
}
