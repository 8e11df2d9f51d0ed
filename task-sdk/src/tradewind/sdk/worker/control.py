"""What the launcher and the processes that it starts say to each other: one message a packet, over a socket pair."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class RunAs(msgspec.Struct, frozen=True, array_like=True):
    """The operating-system user that a process becomes before it runs user code."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class StartChild(msgspec.Struct, frozen=True, tag="child", array_like=True):
    """Fork a child. With it: descriptors for channel, standard output, standard error, log; of a reused one: control.

    Attributes:
        launch_id: number of the request.
        spawn: replace the fork by a new interpreter; only the zygote does that.
        reuse: run one activity after another, each as a `Turn` says, instead of one.
        run_as: whom to become, None to stay who the forker is.
    """

    launch_id: int
    spawn: bool = False
    reuse: bool = False
    run_as: RunAs | None = None


class StartWarmParent(msgspec.Struct, frozen=True, tag="warm_parent", array_like=True):
    """Fork a process that imports one file and then forks children. With it: the descriptor of its control socket."""

    launch_id: int
    snapshot_directory: str
    file: str
    run_as: RunAs | None = None


class Started(msgspec.Struct, frozen=True, tag="started", array_like=True):
    """The process exists."""

    launch_id: int
    pid: int
    start_ticks: int


class NotStarted(msgspec.Struct, frozen=True, tag="not_started", array_like=True):
    """The kernel refused to fork."""

    launch_id: int
    reason: str


class Exited(msgspec.Struct, frozen=True, tag="exited", array_like=True):
    """A process that was forked here has ended, by an exit code or by a signal."""

    pid: int
    code: int | None
    signal: int | None


class Imported(msgspec.Struct, frozen=True, tag="imported", array_like=True):
    """The warm parent has imported its file. With a reason it must not be forked, and has ended.

    `lasting`: another import of the same code would end the same way.
    """

    decline: str | None
    lasting: bool


class Turn(msgspec.Struct, frozen=True, tag="turn", array_like=True):
    """Run one more activity. With it: descriptors for channel, standard output, standard error, log."""

    number: int
    snapshot_directory: str
    file: str


class TurnEnded(msgspec.Struct, frozen=True, tag="turn_ended", array_like=True):
    """A reused process has reported the result of a turn; `leaving` says why it then ends instead of waiting."""

    number: int
    leaving: str | None


ToForker: TypeAlias = StartChild | StartWarmParent
FromForker: TypeAlias = Started | NotStarted | Exited | Imported

MAX_REASON = 2000
"""Length at which a reason is cut, in characters, to keep a message within one packet."""

encode = msgspec.msgpack.Encoder().encode
decode_to_forker = msgspec.msgpack.Decoder(ToForker).decode
decode_from_forker = msgspec.msgpack.Decoder(FromForker).decode
decode_turn = msgspec.msgpack.Decoder(Turn).decode
decode_turn_ended = msgspec.msgpack.Decoder(TurnEnded).decode
