"""JSON schemas of the contract's messages, made from their descriptors: the OpenAPI page can't drift from the contract."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from reelscope.analysis.v1 import options_pb2

Schema = dict[str, object]

_INT32: Schema = {"type": "integer", "format": "int32"}
_INT64: Schema = {"type": "string", "format": "int64", "description": "64-bit numbers are strings in protobuf's JSON."}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_UINT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_UINT64: _INT64,
}
"""The scalar types that the contract uses; another one is a KeyError in the first test."""
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$"},
}


def reference(message: Descriptor) -> Schema:
    """Points to a message's schema among the components."""
    return {"$ref": f"#/components/schemas/{_name(message)}"}


def schemas_of(messages: Iterable[Descriptor]) -> dict[str, Schema]:
    """Schemas of the messages and of all that they contain, by component name."""
    schemas: dict[str, Schema] = {}
    waiting = list(messages)
    while waiting:
        message = waiting.pop()
        name = _name(message)
        if name in schemas or message.full_name in _WELL_KNOWN:
            continue
        properties: dict[str, Schema] = {}
        for field in message.fields:
            properties[field.name] = _field(field)
            inner = _message_of(field)
            waiting += [inner] if inner is not None else []
        schemas[name] = {"type": "object", "title": message.full_name, "properties": properties}
        choices = [[field.name for field in choice.fields] for choice in message.oneofs if len(choice.fields) > 1]
        if choices:
            schemas[name]["description"] = " ".join(f"At most one of: {', '.join(names)}." for names in choices)
    return schemas


def _name(message: Descriptor) -> str:
    """Names are unique across our packages."""
    return message.name


def _message_of(field: FieldDescriptor) -> Descriptor | None:
    """The message that a field holds, as a map's value or else; None for a scalar."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return _message_of(message.fields_by_name["value"])
    return message


def _field(field: FieldDescriptor) -> Schema:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _single(message.fields_by_name["value"])}
    single = _single(field)
    return {"type": "array", "items": single} if field.is_repeated else single


def _single(field: FieldDescriptor) -> Schema:
    if field.message_type is not None:
        return _WELL_KNOWN.get(field.message_type.full_name) or reference(field.message_type)
    allowed = list(field.GetOptions().Extensions[options_pb2.one_of])
    return {**_SCALARS[field.type], "enum": allowed} if allowed else dict(_SCALARS[field.type])
