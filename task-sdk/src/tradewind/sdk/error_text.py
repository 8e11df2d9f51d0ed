"""Exceptions as texts within the limits of the contract, whatever user code put into them."""

from __future__ import annotations

MAX_TYPE = 250
MAX_MESSAGE = 10_000
MAX_TRACEBACK = 200_000


def type_name(error: BaseException) -> str:
    """Name of the class of an exception."""
    return printable(type(error).__name__)[:MAX_TYPE] or "Exception"


def message_of(error: BaseException) -> str:
    """What an exception says; its class where it says nothing, or breaks when it is asked."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a __str__ of user code
        return f"<{type_name(error)} whose text cannot be shown>"
    return printable(text) or type_name(error)


def cut_message(text: str) -> str:
    """A message within its limit: its beginning is what counts."""
    if len(text) <= MAX_MESSAGE:
        return text
    note = f" … ({len(text)} characters)"
    return text[: MAX_MESSAGE - len(note)] + note


def cut_traceback(text: str) -> str:
    """A traceback within its limit: both ends are kept."""
    text = printable(text)
    if len(text) <= MAX_TRACEBACK:
        return text
    note = f"\n… ({len(text)} characters) …\n"
    half = (MAX_TRACEBACK - len(note)) // 2
    return text[:half] + note + text[-half:]


def printable(text: str) -> str:
    """The text with what UTF-8 cannot hold written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
