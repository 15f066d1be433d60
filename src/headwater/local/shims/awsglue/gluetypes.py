"""Glue's own types: Spark's, and ``choice`` for a value that is of one type here and of another there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class DataType:
    """The base of all types."""

    def __init__(self, properties: dict[str, Any] = {}) -> None:
        self.properties = properties

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self.__class__) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(str(self))

    @classmethod
    def typeName(cls) -> str:
        """The type's name, such as ``long``."""
        return cls.__name__[:-4].lower()

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {"dataType": self.typeName(), "properties": self.properties}


class AtomicType(DataType):
    """A type without parts."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shown(self.properties)})"

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> DataType:
        """The type of JSON members."""
        kind = _atomic_type_map[json_value["dataType"]]
        properties = json_value.get("properties", {})
        if kind is DecimalType:
            return DecimalType(json_value.get("precision", 10), json_value.get("scale", 2), properties)
        if kind is EnumType:
            return EnumType(json_value.get("options", []), properties)
        made: DataType = kind(properties)
        return made


class BinaryType(AtomicType):
    """Bytes."""


class BooleanType(AtomicType):
    """True or false."""


class ByteType(AtomicType):
    """8 bits."""


class DateType(AtomicType):
    """A day."""


class DecimalType(AtomicType):
    """A number with a fixed count of digits."""

    def __init__(self, precision: int = 10, scale: int = 2, properties: dict[str, Any] = {}) -> None:
        super().__init__(properties)
        self.precision, self.scale = precision, scale

    def __repr__(self) -> str:
        return f"DecimalType({self.precision}, {self.scale}, {_shown(self.properties)})"

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {**super().jsonValue(), "precision": self.precision, "scale": self.scale}


class DoubleType(AtomicType):
    """64 bits, floating."""


class EnumType(AtomicType):
    """One of some names."""

    def __init__(self, options: list[str], properties: dict[str, Any] = {}) -> None:
        super().__init__(properties)
        self.options = options

    def __repr__(self) -> str:
        return f"EnumType({self.options}, {_shown(self.properties)})"

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {**super().jsonValue(), "options": self.options}


class FloatType(AtomicType):
    """32 bits, floating."""


class IntegerType(AtomicType):
    """32 bits."""

    @classmethod
    def typeName(cls) -> str:
        """``int``."""
        return "int"


class LongType(AtomicType):
    """64 bits."""


class NullType(AtomicType):
    """Only nulls were seen."""


class ShortType(AtomicType):
    """16 bits."""


class StringType(AtomicType):
    """Text."""


class TimestampType(AtomicType):
    """A moment."""


class TimestampNTZType(AtomicType):
    """A date and time without a zone."""


class UnknownType(AtomicType):
    """Nothing was seen."""


class ArrayType(DataType):
    """Values of one type."""

    def __init__(self, elementType: DataType = UnknownType(), properties: dict[str, Any] = {}) -> None:
        super().__init__(properties)
        self.elementType = elementType

    def __repr__(self) -> str:
        return f"ArrayType({self.elementType}, {_shown(self.properties)})"

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {**super().jsonValue(), "elementType": self.elementType.jsonValue()}

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> ArrayType:
        """The type of JSON members."""
        return cls(_deserialize_json_value(json_value["elementType"]), json_value.get("properties", {}))


class SetType(ArrayType):
    """Different values of one type."""

    def __init__(self, elementType: DataType = UnknownType(), properties: dict[str, Any] = {}) -> None:
        super().__init__(elementType, properties)

    def __repr__(self) -> str:
        return f"SetType({self.elementType}, {_shown(self.properties)})"

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return super().jsonValue()

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> SetType:
        """The type of JSON members."""
        return cls(_deserialize_json_value(json_value["elementType"]), json_value.get("properties", {}))


class MapType(DataType):
    """Values of one type by name."""

    def __init__(self, valueType: DataType = UnknownType(), properties: dict[str, Any] = {}) -> None:
        super().__init__(properties)
        self.valueType = valueType

    def __repr__(self) -> str:
        return f"MapType({self.valueType}, {_shown(self.properties)})"

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {**super().jsonValue(), "valueType": self.valueType.jsonValue()}

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> MapType:
        """The type of JSON members."""
        return cls(_deserialize_json_value(json_value["valueType"]), json_value.get("properties", {}))


class ChoiceType(DataType):
    """One of several types."""

    def __init__(self, choices: list[DataType] = [], properties: dict[str, Any] = {}) -> None:
        super().__init__(properties)
        self.choices: dict[str, DataType] = {}
        for choice in choices:
            self.add(choice)

    def __repr__(self) -> str:
        return f"ChoiceType([{','.join(map(str, self.choices.values()))}], {_shown(self.properties)})"

    def add(self, new_choice: DataType) -> None:
        """Add a type; one of the same name is merged with it."""
        name = new_choice.typeName()
        old = self.choices.get(name)
        self.choices[name] = new_choice if old is None else mergeDataTypes(old, new_choice)

    def merge(self, new_choices: Any) -> None:
        """Add several types (or those of another choice)."""
        for choice in new_choices.choices.values() if isinstance(new_choices, ChoiceType) else new_choices:
            self.add(choice)

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {**super().jsonValue(), "choices": [choice.jsonValue() for choice in self.choices.values()]}

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> ChoiceType:
        """The type of JSON members."""
        return cls([_deserialize_json_value(one) for one in json_value["choices"]], json_value.get("properties", {}))


class Field:
    """A named part of a struct."""

    def __init__(self, name: str, dataType: DataType, properties: dict[str, Any] = {}) -> None:
        self.name, self.dataType, self.properties = name, dataType, properties

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self.__dict__ == other.__dict__

    def __repr__(self) -> str:
        return f"Field({self.name}, {self.dataType}, {_shown(self.properties)})"

    def jsonValue(self) -> dict[str, Any]:
        """The field as JSON members."""
        return {"name": self.name, "container": self.dataType.jsonValue(), "properties": self.properties}

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> Field:
        """The field of JSON members."""
        kind = _deserialize_json_value(json_value["container"])
        return cls(json_value["name"], kind, json_value.get("properties", {}))


class StructType(DataType):
    """Named fields; of a frame, its columns."""

    def __init__(self, fields: list[Field] = [], properties: dict[str, Any] = {}) -> None:
        super().__init__(properties)
        self.fields = list(fields)
        self.field_map = {field.name: field for field in self.fields}

    def __iter__(self) -> Iterator[Field]:
        return iter(self.field_map.values())

    def __repr__(self) -> str:
        return f"StructType([{','.join(map(str, self.field_map.values()))}], {_shown(self.properties)})"

    def add(self, field: Field) -> None:
        """Add a field, or replace the one of its name."""
        self.field_map[field.name] = field
        self.fields = list(self.field_map.values())

    def hasField(self, field: Any) -> bool:
        """Whether there is a field of this name."""
        return (field.name if isinstance(field, Field) else field) in self.field_map

    def getField(self, field: Any) -> DataType:
        """The type of the field of this name."""
        return self.field_map[field.name if isinstance(field, Field) else field].dataType

    def jsonValue(self) -> dict[str, Any]:
        """The type as JSON members."""
        return {**super().jsonValue(), "fields": [field.jsonValue() for field in self.field_map.values()]}

    @classmethod
    def fromJsonValue(cls, json_value: dict[str, Any]) -> StructType:
        """The type of JSON members."""
        return cls([Field.fromJsonValue(one) for one in json_value["fields"]], json_value.get("properties", {}))


class EntityType(DataType):
    """A type with a meaning."""

    def __init__(self, entity: str, base_type: DataType, properties: dict[str, Any]) -> None:
        super().__init__(properties)
        self.entity, self.base_type = entity, base_type


class DynamicRecord(dict):  # type: ignore[type-arg]
    """A record as ``Map`` and ``Filter`` see it: a dictionary whose keys are attributes too."""

    def __getattr__(self, attr: str) -> Any:
        try:
            return self[attr]
        except KeyError:
            raise AttributeError(attr) from None

    def __setattr__(self, attr: str, value: Any) -> None:
        self[attr] = value


_atomic_types: list[Any] = [
    BinaryType,
    BooleanType,
    ByteType,
    DateType,
    DecimalType,
    DoubleType,
    EnumType,
    FloatType,
    IntegerType,
    LongType,
    NullType,
    ShortType,
    StringType,
    TimestampType,
    TimestampNTZType,
    UnknownType,
]
_atomic_type_map = {kind.typeName(): kind for kind in _atomic_types}
_complex_types: list[Any] = [ArrayType, ChoiceType, MapType, StructType, SetType]
_complex_type_map = {kind.typeName(): kind for kind in _complex_types}
_all_type_map = {**_atomic_type_map, **_complex_type_map}


def mergeDataTypes(s1: DataType, s2: DataType) -> DataType:
    """The type that holds values of both: one of them, a struct or array of merged parts, or a choice."""
    if isinstance(s1, (NullType, UnknownType)) or s1 == s2:
        return s2
    if isinstance(s2, (NullType, UnknownType)):
        return s1
    if isinstance(s1, ChoiceType) or isinstance(s2, ChoiceType):
        return _make_choice(s1, s2)
    if isinstance(s1, StructType) and isinstance(s2, StructType):
        merged = StructType(list(s1), s1.properties)
        for field in s2:
            kind = mergeDataTypes(s1.getField(field), field.dataType) if s1.hasField(field) else field.dataType
            merged.add(Field(field.name, kind, field.properties))
        return merged
    if type(s1) is type(s2) and isinstance(s1, ArrayType) and isinstance(s2, ArrayType):
        return type(s1)(mergeDataTypes(s1.elementType, s2.elementType), s1.properties)
    if isinstance(s1, MapType) and isinstance(s2, MapType):
        return MapType(mergeDataTypes(s1.valueType, s2.valueType), s1.properties)
    if {s1.typeName(), s2.typeName()} == {"int", "long"}:
        return LongType()  # AWS makes a choice of these two; widening loses nothing
    return _make_choice(s1, s2)


def _make_choice(s1: DataType, s2: DataType) -> ChoiceType:
    choice = ChoiceType([])
    for kind in (s1, s2):
        choice.merge(kind if isinstance(kind, ChoiceType) else [kind])
    return choice


def _deserialize_json_value(json_val: dict[str, Any]) -> DataType:
    name = json_val["dataType"]
    kind: DataType = (_complex_type_map.get(name) or AtomicType).fromJsonValue(json_val)
    return kind


def _deserialize_json_string(json_str: str) -> DataType:
    return _deserialize_json_value(json.loads(json_str))


def _serialize_schema(schema: Any) -> str:
    return json.dumps(schema.jsonValue())


def _create_dynamic_record(dynamicRecord: Any) -> Any:
    """Dictionaries, at any depth, as records."""
    if isinstance(dynamicRecord, dict):
        return DynamicRecord({name: _create_dynamic_record(value) for name, value in dynamicRecord.items()})
    if isinstance(dynamicRecord, list):
        return [_create_dynamic_record(value) for value in dynamicRecord]
    return dynamicRecord


def _revert_to_dict(dynamicRecord: Any) -> Any:
    """Records, at any depth, as dictionaries."""
    if isinstance(dynamicRecord, dict):
        return {name: _revert_to_dict(value) for name, value in dynamicRecord.items()}
    if isinstance(dynamicRecord, list):
        return [_revert_to_dict(value) for value in dynamicRecord]
    return dynamicRecord


def iteritems(d: dict[Any, Any], **kwargs: Any) -> Any:
    """The items of a dictionary."""
    return iter(d.items())


def _shown(properties: dict[str, Any]) -> str:
    return str(properties) if properties else ""
