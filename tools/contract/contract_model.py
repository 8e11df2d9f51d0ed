"""The contract as values: what the dialect of `schemas/` says, free of JSON Schema and of any target language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Ref:
    """Use of another definition by its name."""

    name: str


@dataclass(frozen=True)
class Text:
    """A string; `format` is `date-time`, `uuid` or nothing. Lengths count characters."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None


@dataclass(frozen=True)
class Numeric:
    """An integer (`whole`) or any finite number."""

    whole: bool
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None


@dataclass(frozen=True)
class Boolean:
    """true or false."""


@dataclass(frozen=True)
class Json:
    """Any JSON value, null included."""


@dataclass(frozen=True)
class Sequence:
    """An array of one kind of item."""

    items: Shape
    min_items: int | None = None
    max_items: int | None = None


@dataclass(frozen=True)
class Mapping:
    """An object that is a map from any string to one kind of value."""

    values: Shape


Shape = Ref | Text | Numeric | Boolean | Json | Sequence | Mapping
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Property:
    """One property of a record. Optional means absent, never null; `default` says what an absent one stands for."""

    name: str
    shape: Shape
    required: bool
    default: Scalar | None
    description: str | None


@dataclass(frozen=True)
class Tag:
    """The property whose constant value tells the variants of a union apart."""

    name: str
    value: str


@dataclass(frozen=True)
class Record:
    """An object with named properties; the tag is not among `properties`."""

    name: str
    description: str
    properties: tuple[Property, ...]
    tag: Tag | None


@dataclass(frozen=True)
class Enumeration:
    """A closed set of words."""

    name: str
    description: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Alias:
    """A name for a shape, such as `DagId` for a constrained string."""

    name: str
    description: str
    shape: Shape


@dataclass(frozen=True)
class Union:
    """One of several records, told apart by the tag `discriminator`."""

    name: str
    description: str
    discriminator: str
    variants: tuple[str, ...]


Definition = Record | Enumeration | Alias | Union


@dataclass(frozen=True)
class Parameter:
    """A path or query parameter of an operation."""

    name: str
    location: str
    required: bool
    shape: Shape


@dataclass(frozen=True)
class Body:
    """What a request or response carries: a type of the contract, another media type, or a stream."""

    type: str | None = None
    media: str | None = None
    stream: str | None = None


@dataclass(frozen=True)
class Operation:
    """One operation of the interface."""

    id: str
    summary: str
    method: str
    path: str
    caller: str
    from_task: bool
    parameters: tuple[Parameter, ...]
    request: Body | None
    response: Body | None
    status: int
    refusals: tuple[str, ...]


@dataclass(frozen=True)
class Transition:
    """One legal change of state and, in words, when it happens."""

    source: str
    event: str
    target: str
    when: str


@dataclass(frozen=True)
class Machine:
    """A table of states; `states` names the enumeration that they come from."""

    name: str
    states: str
    initial: str
    final: tuple[str, ...]
    transitions: tuple[Transition, ...]

    @property
    def events(self) -> tuple[str, ...]:
        """Events in the order of their first use."""
        return tuple(dict.fromkeys(transition.event for transition in self.transitions))


@dataclass(frozen=True)
class Contract:
    """Everything that one version folder says."""

    version: str
    released: bool
    definitions: dict[str, Definition]
    operations: tuple[Operation, ...]
    machines: tuple[Machine, ...]


def references(shape: Shape) -> Iterator[str]:
    """Names of the definitions that a shape uses."""
    match shape:
        case Ref(name):
            yield name
        case Sequence(items=inner) | Mapping(values=inner):
            yield from references(inner)


def uses(definition: Definition) -> tuple[str, ...]:
    """Names of the definitions that a definition uses."""
    match definition:
        case Record():
            return tuple(name for entry in definition.properties for name in references(entry.shape))
        case Union():
            return definition.variants
        case Alias():
            return tuple(references(definition.shape))
        case Enumeration():
            return ()


def resolve(shape: Shape, definitions: dict[str, Definition]) -> Shape:
    """The shape behind references to aliases; a reference to anything else stays."""
    while isinstance(shape, Ref):
        definition = definitions[shape.name]
        if not isinstance(definition, Alias):
            break
        shape = definition.shape
    return shape


def in_order_of_use(definitions: dict[str, Definition]) -> tuple[tuple[Definition, ...], tuple[str, ...]]:
    """Definitions with the used before the users, and the names of records that had to go before something they use.

    Raises:
        ValueError: aliases or unions that contain themselves without a record in between.
    """
    waiting = dict(definitions)
    ordered: list[Definition] = []
    early: list[str] = []
    while waiting:
        ready = [name for name, entry in waiting.items() if not any(used in waiting for used in uses(entry))][:1]
        if not ready:
            ready = [name for name, entry in waiting.items() if isinstance(entry, Record)][:1]
            early += ready
        if not ready:
            raise ValueError(f"these definitions contain only each other: {', '.join(waiting)}")
        ordered += [waiting.pop(name) for name in ready]
    return tuple(ordered), tuple(early)
