"""Fields that hold nothing but nulls, dropped."""

from __future__ import annotations

from typing import Any

from awsglue._columns import say
from awsglue.gluetypes import ArrayType, NullType, StructType
from .field_transforms import DropFields
from .transform import GlueTransform


class DropNullFields(GlueTransform):
    """Drop the fields of type null: those in which no record has a value.

    Structs, and arrays of structs, are looked into; maps are not, and an array of nulls stays. Text is not null: a CSV
    column without values is a column of empty strings.
    """

    def __call__(
        self,
        frame: Any,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        paths: list[str] = []
        self._find_null_fields(frame.glue_ctx, frame.schema(), "", paths)
        say(f"null_fields {paths}")
        if not paths:
            return frame
        return frame.drop_fields(paths, transformation_ctx, info, stageThreshold, totalThreshold)

    def _find_null_fields(self, ctx: Any, schema: Any, path: str, output: list[str]) -> None:
        for field in schema:
            here = f"{path}{field.name}"
            kind = field.dataType
            if isinstance(kind, NullType):
                output.append(here)
            elif isinstance(kind, StructType):
                self._find_null_fields(ctx, kind, here + ".", output)
            elif isinstance(kind, ArrayType) and isinstance(kind.elementType, StructType):
                self._find_null_fields(ctx, kind.elementType, here + "[].", output)


__all__ = ["ArrayType", "DropFields", "DropNullFields", "GlueTransform", "NullType", "StructType"]
