"""Classes whose values tests write and read: other processes find them by their names."""

import dataclasses
import enum
from typing import Any, NamedTuple


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Name(enum.StrEnum):
    ADA = "ada"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    number: int
    colour: Colour
    lines: tuple["Order", ...] = ()


@dataclasses.dataclass
class Derived:
    low: int
    high: int
    total: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.total = self.low + self.high


@dataclasses.dataclass
class WithInitVar:
    seed: dataclasses.InitVar[int]
    value: int = 0


class Money:
    __version__ = 3

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def serialize(self) -> dict[str, Any]:
        return {"cents": self.cents}

    @staticmethod
    def deserialize(data: dict[str, Any], version: int) -> "Money":
        assert version == 3
        return Money(data["cents"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.cents == other.cents

    __hash__ = None  # type: ignore[assignment]


class Outer:
    @dataclasses.dataclass
    class Inner:
        value: int


class Opaque:
    pass


NOT_A_CLASS = 5
