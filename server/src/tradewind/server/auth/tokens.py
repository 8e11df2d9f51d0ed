"""Execution tokens: short-lived proofs, signed with Ed25519, that a caller acts for one dispatch of an activity.

A token says who calls, never that the call is allowed: that is decided by the live row of the dispatch.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic_core import to_json

from tradewind.server.auth.principals import ActivityPrincipal
from tradewind.server.contract import ActivityKind, JsonWebKey, JsonWebKeySet, ProblemReason
from tradewind.server.domain.refusals import Refused

ISSUER: Final = "tradewind"
AUDIENCE: Final = "tradewind-execution"
ALGORITHM: Final = "EdDSA"
MAX_TOKEN_LENGTH: Final = 4096
"""The contract's limit for a token in a body or frame; a longer one in a header is malformed."""

_KINDS: Final[Mapping[str, ActivityKind]] = {kind.value: kind for kind in ActivityKind}
_RENEW = "ask for a new token with renew_token"
_OWN_TOKEN = "use the token that came with the activity"  # noqa: S105 - words, no secret
# Expiry is checked here on the caller's clock; the other times in a token decide nothing.
_OPTIONS: Final[Any] = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a deployment: the one that signs, and the public half of each that tokens may be signed with."""

    active_id: str
    active: Ed25519PrivateKey
    public: Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A new token and the moment, in UTC, when it ends."""

    token: str
    expires_at: datetime


class TokenSigner:
    """Mints and verifies execution tokens.

    Args:
        keys: see `KeySet`.
        lifetime_seconds: life of a minted token, setting `security.token_lifetime_seconds`.
        cache_size: minted and verified tokens to remember; a signature costs more to verify than everything else here.
    """

    def __init__(self, keys: KeySet, *, lifetime_seconds: float, cache_size: int = 8192) -> None:
        self._keys = keys
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._cache_size = cache_size
        self._verified: OrderedDict[str, ActivityPrincipal] = OrderedDict()

    def replace_keys(self, keys: KeySet) -> None:
        """Go on with other keys; tokens of keys that are gone are forged from now on."""
        self._keys = keys
        self._verified.clear()

    def lacks_key_of(self, token: str) -> bool:
        """Whether a well-formed token names a key that is not known here, but perhaps to the store by now."""
        if self._remembered(token) is not None:
            return False
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, UnicodeError):
            return False
        return header.get("alg") == ALGORITHM and header.get("kid") not in self._keys.public

    def mint(self, kind: ActivityKind, activity_id: str, dispatch_id: str, now: datetime) -> MintedToken:
        """A new token for a dispatch.

        Args:
            kind: kind of the activity.
            activity_id: the try, parse, … that is dispatched.
            dispatch_id: the only dispatch that the token is good for.
            now: in UTC.
        """
        # JWT times are whole seconds; the answer says the same moment as the token.
        expires_at = (now + self._lifetime).replace(microsecond=0)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": f"{kind.value}:{activity_id}",
            "dispatch_id": dispatch_id,
            "jti": secrets.token_hex(16),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        keys = self._keys
        token = _signed(claims, keys)
        # Its own signature needs no verification here.
        self._remember(token, ActivityPrincipal(kind, activity_id, dispatch_id, expires_at))
        return MintedToken(token, expires_at)

    def verify(self, token: str, *, now: datetime, allow_expired: bool = False) -> ActivityPrincipal:
        """Who a token speaks for.

        Args:
            token: the compact form, without `Bearer`.
            now: in UTC.
            allow_expired: accept a token past its end, as its renewal does.

        Raises:
            Refused: malformed_token, forged_token, wrong_audience or expired_token.
        """
        principal = self._remembered(token)
        if principal is None:
            principal = self._principal(self._signed_claims(token))
            self._remember(token, principal)
        if not allow_expired and now >= principal.expires_at:
            raise Refused(
                ProblemReason.EXPIRED_TOKEN,
                f"the execution token expired at {principal.expires_at.isoformat()}",
                action=_RENEW,
            )
        return principal

    def public_keys(self) -> JsonWebKeySet:
        """Public halves of all keys that a token may be signed with (RFC 7517, RFC 8037)."""
        return JsonWebKeySet(keys=[_web_key(key_id, key) for key_id, key in sorted(self._keys.public.items())])

    def _signed_claims(self, token: str) -> dict[str, Any]:
        header = _header(token)
        key = self._keys.public.get(str(header.get("kid")))
        if header.get("alg") != ALGORITHM:
            raise _forged(f"it is not signed with {ALGORITHM}")
        if key is None:
            raise _forged("it names a key that is not ours")
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=_OPTIONS)
        except jwt.InvalidSignatureError:
            raise _forged("its signature is wrong") from None
        except jwt.PyJWTError as error:
            raise _malformed(str(error)) from None
        return claims

    def _principal(self, claims: dict[str, Any]) -> ActivityPrincipal:
        if claims.get("aud") != AUDIENCE or claims.get("iss") != ISSUER:
            raise Refused(
                ProblemReason.WRONG_AUDIENCE,
                f"the token is not issued by {ISSUER} for {AUDIENCE}",
                action=_OWN_TOKEN,
            )
        kind, _, activity_id = str(claims.get("sub")).partition(":")
        expiry = claims.get("exp")
        if kind not in _KINDS or not isinstance(expiry, int):
            raise _malformed("it lacks subject or expiry")
        return ActivityPrincipal(
            kind=_KINDS[kind],
            activity_id=_uuid(activity_id),
            dispatch_id=_uuid(claims.get("dispatch_id")),
            expires_at=datetime.fromtimestamp(expiry, UTC),
        )

    def _remembered(self, token: str) -> ActivityPrincipal | None:
        principal = self._verified.get(token)
        if principal is not None:
            self._verified.move_to_end(token)
        return principal

    def _remember(self, token: str, principal: ActivityPrincipal) -> None:
        self._verified[token] = principal
        if len(self._verified) > self._cache_size:
            self._verified.popitem(last=False)


def _signed(claims: dict[str, Any], keys: KeySet) -> str:
    """A JWS in its compact form (RFC 7515, 7.1), for each try one; the library takes three times as long."""
    signed = f"{_head(keys.active_id)}.{_base64(to_json(claims))}"
    return f"{signed}.{_base64(keys.active.sign(signed.encode('ascii')))}"


@lru_cache(maxsize=16)
def _head(key_id: str) -> str:
    header = {"alg": ALGORITHM, "kid": key_id, "typ": "JWT"}
    return _base64(json.dumps(header, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise _malformed(f"it is longer than {MAX_TOKEN_LENGTH} characters")
    try:
        return dict(jwt.get_unverified_header(token))
    except (jwt.PyJWTError, UnicodeError) as error:
        raise _malformed(str(error)) from None


def _uuid(value: object) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise _malformed("it names no activity or dispatch") from None


def _web_key(key_id: str, key: Ed25519PublicKey) -> JsonWebKey:
    return JsonWebKey(kty="OKP", crv="Ed25519", x=_base64(key.public_bytes_raw()), kid=key_id, alg=ALGORITHM, use="sig")


def _malformed(why: str) -> Refused:
    return Refused(ProblemReason.MALFORMED_TOKEN, f"this is no execution token: {why}", action=_OWN_TOKEN)


def _forged(why: str) -> Refused:
    return Refused(ProblemReason.FORGED_TOKEN, f"the execution token is not genuine: {why}", action=_OWN_TOKEN)
