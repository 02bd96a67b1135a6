"""JSON in and out of the contract's messages, and the check that their fields hold what the contract allows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from reelscope.analysis.v1 import options_pb2
from reelscope_runtime.errors import InvalidRequestError

M = TypeVar("M", bound=Message)


def to_json(message: Message, *, indent: int | None = None) -> str:
    """Canonical protobuf JSON with proto field names; numbers, strings and lists are there even when zero or empty."""
    separators = (",", ":") if indent is None else None
    return json.dumps(to_dict(message), indent=indent, ensure_ascii=False, separators=separators)


def to_dict(message: Message) -> dict[str, object]:
    """What `to_json` prints, as plain Python values."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def from_json(text: str | bytes, message: M) -> M:
    """Fills `message` from JSON.

    Raises:
        InvalidRequestError: The text is no JSON, or not of this message.
    """
    kind = message.DESCRIPTOR.name
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise InvalidRequestError(f"not a valid {kind}: a JSON object is needed, not {type(values).__name__}")
        return json_format.ParseDict(values, message)
    except (ValueError, RecursionError, json_format.ParseError) as error:
        raise InvalidRequestError(f"not a valid {kind}: {error}") from error


def invalid_values(message: Message, path: str = "") -> Iterator[str]:
    """Paths of fields that hold what no message may: a string outside its documented set, or a number that is not finite, which
    JSON has none for. Nothing for a valid message."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}" if path else field.name
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            if nested.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE:
                for key in value:
                    yield from invalid_values(value[key], f"{here}[{key}]")
            continue
        values = value if field.is_repeated else [value]
        allowed = field.GetOptions().Extensions[options_pb2.one_of]
        for number, one in enumerate(values):
            at = f"{here}[{number}]" if field.is_repeated else here
            if isinstance(one, Message):
                yield from invalid_values(one, at)
            elif allowed and one not in allowed:
                yield f"{at}: {one!r} is none of {', '.join(map(repr, allowed))}"
            elif isinstance(one, float) and not math.isfinite(one):
                yield f"{at}: {one} is no finite number"
