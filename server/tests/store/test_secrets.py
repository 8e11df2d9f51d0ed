"""Secrets and keys: readable through the store, unreadable in the database."""

from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tradewind.server.contract import Connection, Grants, ProblemReason, Variable
from tradewind.server.domain.refusals import Refused
from tradewind.server.secrets.cipher import Cipher, CipherError
from tradewind.server.store import Store, credentials, secrets, signing_keys
from tradewind.server.store.postgres import libpq_url

from .world import OpenStore, World

SECRET = "correct-horse-battery-staple"


def connection(conn_id: str = "db") -> Connection:
    return Connection(
        conn_id=conn_id,
        conn_type="postgres",
        host=f"{SECRET}-host",
        login=f"{SECRET}-login",
        password=f"{SECRET}\0",
        port=5432,
        extra='{"key": "' + SECRET + '"}',
    )


def test_variables_are_kept_replaced_listed_and_deleted(world: World) -> None:
    world.write(lambda tx: secrets.put_variable(tx, Variable(key="k", value="1"), "what it is"))
    world.write(lambda tx: secrets.put_variable(tx, Variable(key="k", value="ä\0")))
    world.write(lambda tx: secrets.put_variable(tx, Variable(key="a", value="")))
    assert world.read(lambda tx: secrets.get_variable(tx, "k")) == Variable(key="k", value="ä\0")
    page = world.read(lambda tx: secrets.list_variables(tx, limit=1, offset=1))
    assert ([row.key for row in page.items], page.total) == (["k"], 2)
    row = world.read(lambda tx: secrets.variable_row(tx, "a"))
    assert row is not None
    assert (row.value, row.description) == ("", None)
    assert world.write(lambda tx: secrets.delete_variable(tx, "k"))
    assert not world.write(lambda tx: secrets.delete_variable(tx, "k"))
    assert world.read(lambda tx: secrets.get_variable(tx, "k")) is None


def test_connections_are_kept_replaced_listed_and_deleted(world: World) -> None:
    world.write(lambda tx: secrets.put_connection(tx, connection()))
    assert world.read(lambda tx: secrets.get_connection(tx, "db")) == connection()
    smaller = Connection(conn_id="db", conn_type="http")
    world.write(lambda tx: secrets.put_connection(tx, smaller))
    assert world.read(secrets.list_connections).items == [smaller]
    assert world.write(lambda tx: secrets.delete_connection(tx, "db"))
    assert not world.write(lambda tx: secrets.delete_connection(tx, "db"))


def test_declared_secrets_are_those_named_that_exist(world: World) -> None:
    for key in ("a", "ab", "b"):
        world.write(lambda tx, k=key: secrets.put_variable(tx, Variable(key=k, value=k)))  # type: ignore[misc]
    world.write(lambda tx: secrets.put_connection(tx, connection("c")))
    grants = Grants(connections=["c", "d*"], variables=["a", "b*", "missing"])
    declared = world.read(lambda tx: secrets.declared_secrets(tx, grants))
    assert [one.key for one in declared.variables] == ["a"]
    assert declared.connections == [connection("c")]


def test_a_key_that_cannot_be_stored_is_refused_and_not_found(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: secrets.put_variable(tx, Variable(key="nul\0", value="1")))
    assert refused.value.reason is ProblemReason.INVALID_VALUE
    assert world.read(lambda tx: secrets.get_variable(tx, "nul\0")) is None
    assert world.read(lambda tx: secrets.get_connection(tx, "nul\0")) is None
    assert not world.write(lambda tx: secrets.delete_variable(tx, "nul\0"))


def everything_in(url: str) -> bytes:
    """All bytes of a database at rest."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    with psycopg.connect(libpq_url(url)) as connected:
        tables = connected.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        dumps = []
        for (table,) in tables:
            with connected.cursor().copy(f'COPY "{table}" TO STDOUT'.encode()) as copy:
                dumps += [bytes(part) for part in copy]
    return b"".join(dumps)


def test_no_secret_is_readable_at_rest(database_url: str, open_store: OpenStore) -> None:
    store = open_store(database_url)
    world = World(store)
    world.write(lambda tx: secrets.put_connection(tx, connection()))
    world.write(lambda tx: secrets.put_variable(tx, Variable(key="k", value=SECRET)))
    token = world.write(lambda tx: credentials.create_credential(tx, "me", "admin"))
    key = world.write(signing_keys.active_key)
    written = everything_in(database_url)
    store.close()
    world.close()
    private = "".join(key.private_pem.splitlines()[1:-1])
    for content in (written, everything_in(database_url)):
        for secret in (SECRET, token, token.removeprefix("tw_"), private):
            assert secret.encode() not in content
    assert key.kid.encode() in written


def test_the_signing_key_is_made_once_and_found_again(world: World) -> None:
    key = world.write(signing_keys.active_key)
    assert world.write(signing_keys.active_key) == key
    assert world.read(signing_keys.active_key) == key
    assert world.read(signing_keys.public_keys) == [(key.kid, key.public)]
    load_pem_private_key(key.private_pem.encode(), None)


def test_another_key_file_is_named(database_url: str, open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store(database_url)
    world = World(store)
    world.write(signing_keys.active_key)
    store.close()
    with Store.open(database_url, cipher=Cipher.open(tmp_path / "other.key")) as other:
        stranger = World(other)
        with pytest.raises(CipherError, match=r"other\.key"):
            stranger.read(signing_keys.active_key)
        stranger.close()
    world.close()
