"""Key pairs of execution tokens; private halves are encrypted at rest."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import select

from tradewind.server.store.identity import uuid7
from tradewind.server.store.rows import SigningKeyRow
from tradewind.server.store.tables import signing_key
from tradewind.server.store.transaction import Transaction

_NEWEST = select(signing_key).order_by(signing_key.c.kid.desc()).limit(1)
_PUBLIC = select(signing_key.c.kid, signing_key.c.public).order_by(signing_key.c.kid)
_INSERT = signing_key.insert()


def active_key(tx: Transaction) -> SigningKeyRow:
    """The newest key, which signs; made when there is none yet, which needs a transaction that writes.

    Raises:
        CipherError: the key file does not belong to this database.
    """
    row = tx.row(_NEWEST)
    if row is None:
        tx.lock_table(signing_key)
        row = tx.row(_NEWEST)
    if row is None:
        return _create(tx)
    return SigningKeyRow(
        kid=row.kid,
        public=row.public,
        private_pem=tx.cipher.decrypt(row.private_encrypted),
        created_at=row.created_at,
    )


def public_keys(tx: Transaction) -> list[tuple[str, str]]:
    """Name and public half of every key that tokens may be signed with."""
    return [(row.kid, row.public) for row in tx.rows(_PUBLIC)]


def _create(tx: Transaction) -> SigningKeyRow:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = SigningKeyRow(
        kid=uuid7(),
        public=base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii"),
        private_pem=pem,
        created_at=tx.now,
    )
    tx.change(
        _INSERT,
        {
            "kid": key.kid,
            "public": key.public,
            "private_encrypted": tx.cipher.encrypt(pem),
            "created_at": key.created_at,
        },
    )
    return key
