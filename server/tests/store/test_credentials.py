"""Bearer tokens: shown once, found by their hash, revoked by name."""

import pytest

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import credentials
from tradewind.server.store.rows import CredentialRow

from .world import World


def test_a_token_is_shown_once_and_found_by_its_hash(world: World) -> None:
    token = world.write(lambda tx: credentials.create_credential(tx, "me", "admin"))
    assert token.startswith("tw_")
    assert len(token) == 46
    found = world.read(lambda tx: credentials.find_credential(tx, credentials.hash_token(token)))
    assert found is not None
    assert (found.name, found.role, found.revoked) == ("me", "admin", False)
    assert world.read(lambda tx: credentials.find_credential(tx, token)) is None
    assert world.read(credentials.list_credentials) == [found]


def test_a_name_is_used_once(world: World) -> None:
    world.write(lambda tx: credentials.create_credential(tx, "me", "worker"))
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: credentials.create_credential(tx, "me", "admin"))
    assert refused.value.reason is ProblemReason.ALREADY_EXISTS


@pytest.mark.parametrize(("name", "role"), [("a b", "admin"), ("", "admin"), ("me", "root")])
def test_names_and_roles_are_well_formed(world: World, name: str, role: str) -> None:
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: credentials.create_credential(tx, name, role))  # type: ignore[arg-type]
    assert refused.value.reason is ProblemReason.INVALID_VALUE


def test_a_revoked_credential_is_still_found_as_revoked(world: World) -> None:
    token = world.write(lambda tx: credentials.create_credential(tx, "me", "viewer"))
    assert world.write(lambda tx: credentials.revoke_credential(tx, "me"))
    assert not world.write(lambda tx: credentials.revoke_credential(tx, "me"))
    found = world.read(lambda tx: credentials.find_credential(tx, credentials.hash_token(token)))
    assert found is not None
    assert found.revoked


def test_a_kept_token_stays_valid_and_a_new_one_replaces_it(world: World) -> None:
    def ensure(token: str) -> CredentialRow:
        hashed = credentials.hash_token(token)
        return world.write(lambda tx: credentials.ensure_credential(tx, "standalone", "admin", hashed))

    first = ensure("one")
    assert ensure("one") == first
    assert ensure("two").id == first.id
    assert world.read(lambda tx: credentials.find_credential(tx, credentials.hash_token("one"))) is None
