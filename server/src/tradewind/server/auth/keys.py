"""The signing keys of a deployment as the store keeps them, ready to sign and verify with."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tradewind.server.auth.tokens import KeySet, TokenSigner
from tradewind.server.store import signing_keys

if TYPE_CHECKING:
    from tradewind.server.store import Store, Transaction


def load_keys(tx: Transaction) -> KeySet:
    """All signing keys; the first one is made on first use, so that this is a write.

    Raises:
        TypeError: the active key is not an Ed25519 key.
    """
    active = signing_keys.active_key(tx)
    private = load_pem_private_key(active.private_pem.encode("ascii"), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError(f"signing key {active.kid} is not an Ed25519 key")
    public = {kid: _public_key(encoded) for kid, encoded in signing_keys.public_keys(tx)}
    return KeySet(active_id=active.kid, active=private, public=public)


def _public_key(encoded: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


class KeyRefresher:
    """Learns keys that another process of the deployment made, when a token names one that is not known yet.

    Args:
        store: where keys are kept.
        signer: gets the new keys.
        pause_seconds: shortest time between two looks, so that made-up key ids cost next to nothing.
    """

    def __init__(self, store: Store, signer: TokenSigner, *, pause_seconds: float = 5) -> None:
        self._store = store
        self._signer = signer
        self._pause = pause_seconds
        self._looked_at = float("-inf")

    async def learn_key_of(self, token: str) -> None:
        """Read the keys anew if the token names an unknown one; a key that stays unknown is for `verify` to refuse."""
        moment = time.monotonic()
        if moment - self._looked_at < self._pause or not self._signer.lacks_key_of(token):
            return
        self._looked_at = moment
        self._signer.replace_keys(await self._store.write(load_keys))
