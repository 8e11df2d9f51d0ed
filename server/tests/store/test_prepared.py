"""Statements that are executed straight on the driver give what SQLAlchemy itself gives."""

import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam as bind
from sqlalchemy import func, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tradewind.server.store import Store, Transaction
from tradewind.server.store.prepared import Statements
from tradewind.server.store.statements import upsert, within
from tradewind.server.store.tables import audit, variable, xcom

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ENTRY = {
    "at": NOON,
    "actor": "test",
    "action": "follow",
    "subject": "grüße",
    "dispatch_id": None,
    "detail": {"list": [1, None, "%s ? :x"], "nul": "\0"},
}


def write(store: Store, job: Callable[[Transaction], Any]) -> Any:
    return asyncio.run(store.write(job))


def test_a_repeated_statement_gives_the_same_rows_as_its_first_execution(store: Store) -> None:
    query = select(audit).where(audit.c.subject == bind("subject")).order_by(audit.c.id)
    insert = audit.insert()

    def job(tx: Transaction) -> list[Any]:
        for _ in range(3):
            assert tx.change(insert, ENTRY) == 1
        return [tx.rows(query, {"subject": "grüße"}) for _ in range(3)]

    first, *others = write(store, job)
    assert len(first) == 3
    assert (first[0].at, first[0].detail, first[0].dispatch_id) == (NOON, ENTRY["detail"], None)
    for rows in others:
        assert [row._asdict() for row in rows] == [row._asdict() for row in first]
        assert [tuple(row) for row in rows] == [tuple(row) for row in first]


def test_many_sets_of_parameters_change_many_rows_and_are_counted(store: Store) -> None:
    insert = audit.insert()
    change = (
        audit.update().where(audit.c.id == bind("of")).values(subject=bind("to_subject", type_=audit.c.subject.type))
    )

    def job(tx: Transaction) -> list[int]:
        counts = [tx.change(insert, [ENTRY, ENTRY]) for _ in range(3)]
        ids = [row.id for row in tx.rows(select(audit.c.id))]
        counts += [tx.change(change, [{"of": one, "to_subject": str(one)} for one in [*ids[:2], -1]]) for _ in range(3)]
        return counts

    assert write(store, job) == [2, 2, 2, 2, 2, 2]


def test_sets_and_rules_for_conflicts_work_again_and_again(store: Store) -> None:
    put = upsert(variable, "value_encrypted")
    named = select(func.count()).select_from(variable).where(within(variable.c.key, "keys"))

    def job(tx: Transaction) -> list[int]:
        found = []
        for number in range(4):
            tx.change(put, {"key": f"k{number % 2}", "value_encrypted": f"{number}", "updated_at": NOON})
            found.append(tx.value(named, {"keys": ["k0", "k1", "other"]}))
        return found

    assert write(store, job) == [1, 2, 2, 2]


def test_a_fault_of_the_driver_is_raised_as_sqlalchemy_raises_it(store: Store) -> None:
    insert = xcom.insert()
    row = {"instance_pk": 1, "key": "k", "value": 1, "written_at": NOON}

    def job(tx: Transaction) -> None:
        for _ in range(3):
            tx.change(insert, row)

    with pytest.raises(IntegrityError):
        write(store, job)

    def broken(tx: Transaction) -> None:
        statement = text("SELECT nothing FROM nowhere")
        for _ in range(3):
            with pytest.raises(DBAPIError):
                tx.rows(statement)
        raise ValueError("seen")

    if store.dialect == "sqlite":
        with pytest.raises(ValueError, match="seen"):
            write(store, broken)


@pytest.mark.parametrize(
    "query",
    [
        select(text("7")),
        select(text("7"), literal(8).label("b")),
        select(literal(7).label("a"), literal(8).label("a")),
        select(literal(7).label("not a name")),
    ],
)
def test_a_query_whose_columns_have_no_names_of_their_own_gives_the_same_each_time(store: Store, query: Any) -> None:
    assert write(store, lambda tx: [tx.value(query) for _ in range(3)]) == [7, 7, 7]


def test_a_missing_parameter_is_named(store: Store) -> None:
    query = select(audit.c.id).where(audit.c.subject == bind("subject"))

    def job(tx: Transaction) -> None:
        for _ in range(2):
            tx.rows(query, {"subject": "x"})
        tx.rows(query, {"other": "x"})

    with pytest.raises(KeyError, match="subject"):
        write(store, job)


def test_a_statement_that_is_made_for_one_execution_leaves_nothing_behind(store: Store) -> None:
    statements = Statements()

    def job(tx: Transaction) -> None:
        for number in range(5):
            query = select(audit.c.id).where(audit.c.id > number)
            for _ in range(3):
                statements.execute(tx._connection, query, None)

    write(store, job)
    gc.collect()
    # SQLAlchemy's own cache keeps the first of those that are alike.
    assert len(statements._prepared) <= 1
    assert len(statements._seen) <= 1
