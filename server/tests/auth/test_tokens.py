"""Execution tokens: who they speak for, and how each wrong one is told apart."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tradewind.server.auth.tokens import ALGORITHM, AUDIENCE, ISSUER, KeySet, TokenSigner
from tradewind.server.contract import ActivityKind, ProblemReason
from tradewind.server.domain.refusals import Refused

NOW = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
TRY_ID = "0190a1b2-0000-7000-8000-000000000001"
DISPATCH_ID = "0190a1b2-0000-7000-8000-000000000002"
KEY = Ed25519PrivateKey.generate()
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": f"execute_task:{TRY_ID}",
    "dispatch_id": DISPATCH_ID,
    "jti": "1",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 600,
}


def signer(**options: Any) -> TokenSigner:
    return TokenSigner(KeySet("one", KEY, {"one": KEY.public_key()}), lifetime_seconds=600, **options)


def signed(claims: dict[str, Any], *, key: Ed25519PrivateKey = KEY, kid: str = "one") -> str:
    return jwt.encode(claims, key, ALGORITHM, {"kid": kid})


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], signature: bytes = b"") -> str:
    return f"{part(header)}.{part(CLAIMS)}.{part(signature)}"


def refusal(token: str, *, now: datetime = NOW, allow_expired: bool = False) -> ProblemReason:
    with pytest.raises(Refused) as caught:
        signer().verify(token, now=now, allow_expired=allow_expired)
    assert caught.value.action, "a refusal says what to do"
    return caught.value.reason


def test_a_minted_token_speaks_for_its_dispatch() -> None:
    minted = signer().mint(ActivityKind.EXECUTE_TASK, TRY_ID, DISPATCH_ID, NOW)
    principal = signer().verify(minted.token, now=NOW)
    assert (principal.kind, principal.activity_id, principal.dispatch_id) == (
        ActivityKind.EXECUTE_TASK,
        TRY_ID,
        DISPATCH_ID,
    )
    assert principal.expires_at == minted.expires_at == datetime(2026, 5, 4, 12, 10, tzinfo=UTC)
    assert principal.label == f"execute_task:{TRY_ID}"


def test_two_tokens_of_one_dispatch_differ() -> None:
    first, second = (signer().mint(ActivityKind.PARSE_DAG_FILE, TRY_ID, DISPATCH_ID, NOW).token for _ in range(2))
    assert first != second


def test_a_token_ends_on_the_clock_that_is_passed() -> None:
    same = signer()
    minted = same.mint(ActivityKind.EXECUTE_TASK, TRY_ID, DISPATCH_ID, NOW)
    assert same.verify(minted.token, now=minted.expires_at - timedelta(microseconds=1)).dispatch_id == DISPATCH_ID
    with pytest.raises(Refused) as caught:
        same.verify(minted.token, now=minted.expires_at)
    assert caught.value.reason is ProblemReason.EXPIRED_TOKEN
    assert same.verify(minted.token, now=minted.expires_at, allow_expired=True).dispatch_id == DISPATCH_ID


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b", "a.b.c", "tw_" + "a" * 43, "é.é.é", "\ud800.x.y", "a" * 5000, f"{part(b'[]')}.{part({})}.x"],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert refusal(token) is ProblemReason.MALFORMED_TOKEN


def test_an_unsigned_token_is_forged() -> None:
    for name in ("none", "None", "NONE", ""):
        assert refusal(by_hand({"alg": name, "kid": "one", "typ": "JWT"})) is ProblemReason.FORGED_TOKEN


def test_a_token_signed_with_the_public_key_as_a_password_is_forged() -> None:
    public = KEY.public_key()
    for secret in (
        public.public_bytes_raw(),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ):
        header = {"alg": "HS256", "kid": "one", "typ": "JWT"}
        signature = hmac.digest(secret, f"{part(header)}.{part(CLAIMS)}".encode(), hashlib.sha256)
        assert refusal(by_hand(header, signature)) is ProblemReason.FORGED_TOKEN


def test_another_key_or_a_made_up_key_id_is_forged() -> None:
    other = Ed25519PrivateKey.generate()
    assert refusal(signed(CLAIMS, key=other)) is ProblemReason.FORGED_TOKEN
    assert refusal(signed(CLAIMS, key=other, kid="two")) is ProblemReason.FORGED_TOKEN
    assert refusal(jwt.encode(CLAIMS, KEY, ALGORITHM)) is ProblemReason.FORGED_TOKEN


def test_changed_claims_are_forged() -> None:
    header, _, signature = signed(CLAIMS).split(".")
    changed = part({**CLAIMS, "dispatch_id": TRY_ID})
    assert refusal(f"{header}.{changed}.{signature}") is ProblemReason.FORGED_TOKEN


@pytest.mark.parametrize("claims", [{"aud": "else"}, {"aud": [AUDIENCE, "else"]}, {"iss": "else"}])
def test_a_token_for_something_else_has_the_wrong_audience(claims: dict[str, Any]) -> None:
    assert refusal(signed({**CLAIMS, **claims})) is ProblemReason.WRONG_AUDIENCE


@pytest.mark.parametrize("name", ["sub", "exp", "dispatch_id"])
def test_a_token_without_a_claim_is_malformed(name: str) -> None:
    claims = {key: value for key, value in CLAIMS.items() if key != name}
    assert refusal(signed(claims)) is ProblemReason.MALFORMED_TOKEN


@pytest.mark.parametrize("claims", [{"sub": "root:1"}, {"sub": "execute_task:1"}, {"exp": "soon"}, {"dispatch_id": 1}])
def test_a_token_with_a_senseless_claim_is_malformed(claims: dict[str, Any]) -> None:
    assert refusal(signed({**CLAIMS, **claims})) is ProblemReason.MALFORMED_TOKEN


def test_renewal_forgives_expiry_and_nothing_else() -> None:
    later = NOW + timedelta(days=1)
    assert signer().verify(signed(CLAIMS), now=later, allow_expired=True).dispatch_id == DISPATCH_ID
    forged = signed(CLAIMS, key=Ed25519PrivateKey.generate())
    assert refusal(forged, now=later, allow_expired=True) is ProblemReason.FORGED_TOKEN
    assert refusal(signed({**CLAIMS, "aud": "x"}), now=later, allow_expired=True) is ProblemReason.WRONG_AUDIENCE


def test_a_remembered_token_is_forgotten_with_its_key() -> None:
    tokens = signer()
    token = tokens.mint(ActivityKind.EXECUTE_TASK, TRY_ID, DISPATCH_ID, NOW).token
    assert tokens.verify(token, now=NOW).dispatch_id == DISPATCH_ID
    other = Ed25519PrivateKey.generate()
    tokens.replace_keys(KeySet("two", other, {"two": other.public_key()}))
    with pytest.raises(Refused) as caught:
        tokens.verify(token, now=NOW)
    assert caught.value.reason is ProblemReason.FORGED_TOKEN
    assert tokens.lacks_key_of(token)
    assert not tokens.lacks_key_of("nonsense"), "no key helps"


def test_the_cache_keeps_the_tokens_used_last_and_stays_within_its_size() -> None:
    tokens = signer(cache_size=2)
    minted = [tokens.mint(ActivityKind.EXECUTE_TASK, TRY_ID, DISPATCH_ID, NOW).token for _ in range(3)]
    for token in (minted[0], minted[1], minted[0], minted[2]):
        tokens.verify(token, now=NOW)
    assert set(tokens._verified) == {minted[0], minted[2]}


def test_all_public_keys_are_published_and_verify() -> None:
    old = Ed25519PrivateKey.generate()
    tokens = TokenSigner(KeySet("one", KEY, {"one": KEY.public_key(), "old": old.public_key()}), lifetime_seconds=60)
    keys = tokens.public_keys().keys
    assert [key.kid for key in keys] == ["old", "one"]
    token = tokens.mint(ActivityKind.EXECUTE_TASK, TRY_ID, DISPATCH_ID, NOW).token
    published = jwt.PyJWK(keys[1].model_dump()).key
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(token, published, [ALGORITHM], options, audience=AUDIENCE)["dispatch_id"] == DISPATCH_ID
    assert tokens.verify(signed(CLAIMS, key=old, kid="old"), now=NOW).dispatch_id == DISPATCH_ID, (
        "a key that signs no more still verifies"
    )
