"""Keys at rest: made once, for their user alone, and never confused with others."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tradewind.server.secrets.cipher import Cipher, CipherError


def test_a_fresh_key_file_is_for_its_user_alone_and_keeps_what_was_encrypted(tmp_path: Path) -> None:
    key_file = tmp_path / "home" / "secret.key"
    encrypted = Cipher.open(key_file).encrypt("päss\0word")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert Cipher.open(key_file).decrypt(encrypted) == "päss\0word"
    assert "word" not in encrypted


def test_processes_that_create_the_key_at_once_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ciphers = list(pool.map(Cipher.open, [tmp_path / "secret.key"] * 8))
    encrypted = ciphers[0].encrypt("x")
    assert [cipher.decrypt(encrypted) for cipher in ciphers] == ["x"] * 8
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_an_older_key_still_opens_and_the_newest_one_encrypts(tmp_path: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    key_file = tmp_path / "secret.key"
    key_file.write_text(f"{new}\n{old}\n")
    key_file.chmod(0o600)
    ring = Cipher.open(key_file)
    assert ring.decrypt(Cipher([old], origin="old").encrypt("x")) == "x"
    assert Cipher([new], origin="new").decrypt(ring.encrypt("y")) == "y"


def test_a_secret_of_another_key_names_the_key_file(tmp_path: Path) -> None:
    encrypted = Cipher.open(tmp_path / "one").encrypt("x")
    with pytest.raises(CipherError, match="two"):
        Cipher.open(tmp_path / "two").decrypt(encrypted)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    key_file = tmp_path / "secret.key"
    Cipher.open(key_file)
    key_file.chmod(0o640)
    with pytest.raises(CipherError, match="chmod 600"):
        Cipher.open(key_file)


@pytest.mark.parametrize("content", ["", "no key\n", "ä"])
def test_a_file_that_is_no_key_ring_is_refused(content: str, tmp_path: Path) -> None:
    key_file = tmp_path / "secret.key"
    key_file.write_text(content)
    key_file.chmod(0o600)
    with pytest.raises(CipherError, match=r"secret\.key"):
        Cipher.open(key_file)
