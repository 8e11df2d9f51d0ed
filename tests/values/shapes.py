"""Classes of libraries that the SDK does not need; other processes find them by their names."""

import datetime as dt
import uuid
from typing import Any

import attrs
import pydantic


@attrs.define
class Point:
    x: int
    _hidden: int = 0
    total: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.total = self.x + self._hidden


@attrs.frozen
class Track:
    points: tuple[Point, ...]


class Address(pydantic.BaseModel):
    street_name: str = pydantic.Field(alias="streetName")


class Customer(pydantic.BaseModel):
    id: uuid.UUID
    since: dt.datetime
    address: Address
    tags: set[str] = set()


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    when: dt.date


class Numbers(pydantic.RootModel[list[int]]):
    pass


def customer() -> Customer:
    given: dict[str, Any] = {
        "id": "01890a5d-ac96-774b-bcce-b302099a8003",
        "since": "2026-03-01T06:00:00+01:00",
        "address": {"streetName": "Ring"},
        "tags": {"a", "b"},
    }
    return Customer.model_validate(given)
