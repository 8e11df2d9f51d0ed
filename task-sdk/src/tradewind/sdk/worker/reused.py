"""A process that runs many tries one after another, each with descriptors of its own, and none after a leak."""

from __future__ import annotations

import os
import random
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from tradewind.sdk.worker import child, lifeline, linux
from tradewind.sdk.worker.channel import Channel
from tradewind.sdk.worker.control import MAX_REASON, RunAs, Turn, TurnEnded, decode_turn, encode
from tradewind.sdk.worker.descriptors import CHANNEL, CONTROL, LOG, receive_with_descriptors
from tradewind.sdk.worker.leaks import Footing

_TURN_DESCRIPTORS = 4
_OWN = (CHANNEL, child.STANDARD_OUTPUT, child.STANDARD_ERROR, LOG)


def run(
    runner: child.Runner,
    loaded: object | None,
    received: Sequence[int],
    own_lifeline: int | None,
    user: RunAs | None = None,
) -> NoReturn:
    """Turn a just forked process into one that is reused.

    Args:
        runner: what to run.
        loaded: what the warm parent has imported, None when the process imports the file itself.
        received: the descriptor of its control socket.
        own_lifeline: see `lifeline.accept`.
        user: whom to become before user code runs.
    """
    try:
        lifeline.accept(own_lifeline)
        os.dup2(received[0], CONTROL, inheritable=False)
        child.become_own(CONTROL + 1, user)
        serve(runner, loaded)
    except BaseException:  # noqa: BLE001 - there is no frame above that belongs to this process
        traceback.print_exc()
    finally:
        os._exit(child.EXIT_WITHOUT_RESULT)


def serve(runner: child.Runner, loaded: object | None) -> NoReturn:
    """Take turns until the supervisor closes its side, or a try leaves something behind."""
    _put_away()
    turns = _Turns(runner, loaded)
    control = socket.socket(fileno=CONTROL)
    leaving: str | None = None
    while leaving is None:
        message, received = receive_with_descriptors(control, _TURN_DESCRIPTORS)
        if not message:
            break
        child.take_descriptors(received)
        for descriptor in received:
            os.close(descriptor)
        turn = decode_turn(message)
        leaving = turns.take(turn)
        if leaving is None:
            _put_away()
        control.send(encode(TurnEnded(turn.number, leaving and leaving[:MAX_REASON])))
    if leaving is None:
        # What user code has registered with atexit closes what it has kept open between tries.
        child.finish_program()
    child.end(0)


class _Turns:
    def __init__(self, runner: child.Runner, loaded: object | None) -> None:
        self._runner = runner
        self._loaded = loaded
        self._footing: Footing | None = None

    def take(self, turn: Turn) -> str | None:
        """Run one activity and report its result; why the process must end, None when it may take another turn."""
        channel = Channel(CHANNEL)
        assignment = channel.receive()
        if assignment is None:  # the launch was given up
            return None
        not_loaded = self._load(turn)
        if self._footing is None:
            self._footing = Footing()
        random.seed()
        child.seed_numpy()
        result = self._runner.run_activity(assignment, channel, LOG, self._loaded)
        leaving = not_loaded or self._footing.left_behind()
        if leaving:
            child.report(channel, result)
        else:
            channel.send(result)
        return leaving

    def _load(self, turn: Turn) -> str | None:
        if self._loaded is not None:
            return None
        try:
            self._loaded = self._runner.load_dag_file(turn.snapshot_directory, turn.file)
        except BaseException as error:  # noqa: BLE001 - the try repeats the import and reports it in full
            return f"the import of {turn.file} raised {type(error).__name__}"
        return None


def _put_away() -> None:
    """Close the descriptors of a try; until the next one, whatever is printed goes nowhere."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    linux.flush_c_streams()
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in _OWN:
        if descriptor != nothing:
            os.dup2(nothing, descriptor, inheritable=descriptor in {child.STANDARD_OUTPUT, child.STANDARD_ERROR})
    if nothing not in _OWN:  # or one of them was not open
        os.close(nothing)
