"""Secrets of the deployment: how they are kept unreadable at rest."""

from tradewind.server.secrets.cipher import Cipher, CipherError

__all__ = ["Cipher", "CipherError"]
