"""Payloads of the catalog: Temporal's own conversion, and pydantic models as the JSON of their fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    AdvancedJSONEncoder,
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    JSONTypeConverter,
)


class _Encoder(AdvancedJSONEncoder):
    def default(self, o: Any) -> Any:
        return o.model_dump(mode="json", by_alias=True) if isinstance(o, BaseModel) else super().default(o)


class _Models(JSONTypeConverter):
    def to_typed_value(self, hint: type, value: Any) -> Any:
        if not (isinstance(hint, type) and issubclass(hint, BaseModel)):
            return JSONTypeConverter.Unhandled
        try:
            return hint.model_validate(value)
        except ValidationError as error:
            # As for a dataclass, so that a workflow declares one type of failure for inputs that do not fit.
            raise TypeError(str(error)) from error


class _Json(JSONPlainPayloadConverter):
    def __init__(self) -> None:
        super().__init__(encoder=_Encoder, custom_type_converters=[_Models()])

    def to_payload(self, value: Any) -> Payload | None:
        return super().to_payload(
            value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
        )


class Converter(CompositePayloadConverter):
    def __init__(self) -> None:
        usual = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(_Json() if isinstance(each, JSONPlainPayloadConverter) else each for each in usual))


CONVERTER = replace(DataConverter.default, payload_converter_class=Converter)
