"""First answers of operations with an `op_id`: a repeat gets the same answer and does nothing again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.store.tables import operation_receipt
from tradewind.server.store.transaction import Transaction

NO_ANSWER: Final = object()
"""There was no such operation; an answer may be any JSON value, null included."""

_FIND = select(operation_receipt.c.answer).where(
    operation_receipt.c.dispatch_id == bind("dispatch"), operation_receipt.c.op_id == bind("op")
)
_KEEP = operation_receipt.insert()


def first_answer(tx: Transaction, dispatch_id: str, op_id: str) -> Any:
    """What the same operation of the same dispatch was answered, or `NO_ANSWER`."""
    row = tx.row(_FIND, {"dispatch": dispatch_id, "op": op_id})
    return NO_ANSWER if row is None else row.answer


def keep_answer(tx: Transaction, dispatch_id: str, op_id: str, answer: Any) -> None:
    """Keep an answer, in the transaction that does what it answers."""
    tx.change(_KEEP, {"dispatch_id": dispatch_id, "op_id": op_id, "answer": answer, "at": tx.now})


def once(tx: Transaction, dispatch_id: str, op_id: str, do: Callable[[], Any]) -> Any:
    """Do something and keep its answer, or give the first answer when the same operation did it before.

    Args:
        tx: a transaction that writes.
        dispatch_id: the dispatch that it is done for.
        op_id: identity of the operation.
        do: does it and answers a JSON value.
    """
    known = first_answer(tx, dispatch_id, op_id)
    if known is not NO_ANSWER:
        return known
    answer = do()
    keep_answer(tx, dispatch_id, op_id, answer)
    return answer
