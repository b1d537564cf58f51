"""Input types that are made from the classes that workflows take."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
import strawberry
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.api.inputs.typed import InputTypes, Shape
from app.api.scalars import CONFIG
from app.registry.typed import TypedInput


class Colour(Enum):
    DEEP_RED = "deep red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Address:
    """Where it goes."""

    post_code: str
    lines: list[str] = field(default_factory=list)


class Price(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    net_amount: Decimal
    tax_rate: Annotated[float, Field(description="From 0 to 1.")] = 0.2


@dataclass(frozen=True)
class Parcel:
    """What is sent."""

    parcel_id: str
    """As the shop knows it."""
    addresses: list[Address]
    due_at: datetime
    labels: dict[str, Any]
    price: Price
    colour: Colour = Colour.BLUE
    speed: Literal["same-day", "slow"] = "slow"
    weight: int | float | None = None
    pieces: int = 1
    inner: Parcel | None = None


def made(kind: type, name: str = "SendParcelInput") -> tuple[Shape, str]:
    """The shape, and the schema with one field that takes it."""
    shape = InputTypes().root(kind, name, TypedInput(kind).json_schema)

    return shape, taking(shape).as_str()


def taking(shape: Shape) -> strawberry.Schema:
    """A schema whose one field answers with what would be sent."""

    async def take(given: Any) -> Any:
        return shape.wire(given)

    take.__annotations__ |= {"given": shape.kind, "return": strawberry.scalars.JSON}
    return strawberry.Schema(query=strawberry.type(type("Query", (), {"take": strawberry.field(take)})), config=CONFIG)


def test_the_type_says_what_the_class_says() -> None:
    _, text = made(Parcel)
    assert '"""What is sent."""\ninput SendParcelInput {\n  """As the shop knows it."""\n  parcelId: String!' in text
    for line in (
        "  addresses: [AddressInput!]!\n",
        "  dueAt: DateTime!\n",
        "  labels: JSON!\n",
        "  price: PriceInput!\n",
        "  colour: Colour! = BLUE\n",
        "  speed: ParcelSpeed! = SLOW\n",
        "  weight: Float\n",
        "  pieces: Int! = 1\n",
        "  inner: JSON\n",
        "  postCode: String!\n  lines: [String!]\n",
        '  netAmount: Decimal!\n\n  """From 0 to 1."""\n  taxRate: Float! = 0.2\n',
        "enum ParcelSpeed {\n  SAME_DAY\n  SLOW\n}",
        "enum Colour {\n  DEEP_RED\n  BLUE\n}",
    ):
        assert line in text


async def test_the_wire_has_what_the_worker_reads() -> None:
    shape = InputTypes().root(Parcel, "SendParcelInput", TypedInput(Parcel).json_schema)

    given = """{ take(given: {parcelId: "p", addresses: [{postCode: "89073"}], dueAt: "2026-01-01T00:00:00Z",
        labels: {a_b: [1]}, price: {netAmount: "1.50"}, speed: SAME_DAY, colour: DEEP_RED}) }"""
    answer = await taking(shape).execute(given)
    assert answer.errors is None
    sent = answer.data and answer.data["take"]
    assert sent == {
        "parcel_id": "p",
        "addresses": [{"post_code": "89073"}],
        "due_at": "2026-01-01T00:00:00Z",
        "labels": {"a_b": [1]},
        "price": {"netAmount": "1.50", "taxRate": 0.2},
        "colour": "deep red",
        "speed": "same-day",
        "pieces": 1,
    }
    assert TypedInput(Parcel).problems("SendParcel", [sent]) == []


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (("parcel_id",), ("parcelId",)),
        (("addresses", 0, "post_code"), ("addresses", 0, "postCode")),
        (("labels", "a_b"), ("labels", "a_b")),
        (("price", "netAmount"), ("price", "netAmount")),
        (("no_field",), ("no_field",)),
        ((), ()),
    ],
)
def test_paths_are_told_in_the_names_of_graphql(wire: tuple[Any, ...], shown: tuple[Any, ...]) -> None:
    assert made(Parcel)[0].shown(wire) == shown


def test_two_classes_of_one_name_are_a_mistake() -> None:
    other = dataclasses.make_dataclass("Address", [("street", str)])
    both = dataclasses.make_dataclass("Both", [("first", Address), ("second", other)])
    with pytest.raises(ValueError, match=r"would both be AddressInput in GraphQL. Rename one"):
        InputTypes().root(both, "BothInput", {})


def test_a_mapping_type_is_json() -> None:
    holder = dataclasses.make_dataclass("Holder", [("names", Mapping[str, str])])
    assert "names: JSON!" in made(holder)[1]
