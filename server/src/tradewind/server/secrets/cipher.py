"""Encryption of secrets at rest with a ring of keys in one file that its user alone can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class CipherError(Exception):
    """The key file cannot be used, or a secret was encrypted with a key that it does not hold."""


class Cipher:
    """Encrypts with the newest key of a ring and decrypts with any (Fernet: AES-128-CBC and HMAC-SHA256).

    Args:
        keys: Fernet keys in text form, newest first.
        origin: where they came from, for messages.
    """

    def __init__(self, keys: Sequence[str], *, origin: str) -> None:
        self._origin = origin
        try:
            self._ring = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise CipherError(f"{origin}: not a ring of keys: {error}; restore the file from a backup") from None

    @classmethod
    def open(cls, key_file: Path) -> Cipher:
        """Read a key file, one key a line, newest first; create it with one fresh key when it does not exist.

        Raises:
            CipherError: the file is not readable, not a ring of keys, or readable by other users.
        """
        try:
            if not key_file.exists():
                _create(key_file)
            mode = key_file.stat().st_mode
            text = key_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise CipherError(f"{key_file}: the key file cannot be used: {error}") from None
        if mode & 0o077:
            raise CipherError(f"{key_file}: other users can reach the key file; run: chmod 600 {key_file}")
        return cls(text.split(), origin=str(key_file))

    def encrypt(self, text: str) -> str:
        """Encrypt with the newest key."""
        return self._ring.encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted: str) -> str:
        """Decrypt with whichever key fits.

        Raises:
            CipherError: none does.
        """
        try:
            return self._ring.decrypt(encrypted.encode("ascii")).decode()
        except InvalidToken:
            raise CipherError(
                f"{self._origin}: no key in it opens a stored secret; restore the key file that belongs to the database"
            ) from None


def _create(key_file: Path) -> None:
    """Write a whole file or none; of two that create it at once the first wins."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=key_file.parent, prefix=".key-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(key_file).hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()
