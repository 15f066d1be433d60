"""ApplyMapping on a DataFrame."""

from __future__ import annotations

from typing import Any

from awsglue import _mapping


class ApplyMapping:
    """Map a DataFrame's columns: tuples (source, source type, target, target type)."""

    @staticmethod
    def apply(frame: Any, mappings: list[Any]) -> Any:
        """The mapped DataFrame."""
        return _mapping.apply(frame, _mapping.parse(mappings), False)

    @classmethod
    def describeTransform(cls) -> str:
        """What it does."""
        return cls.__doc__ or ""

    @classmethod
    def describeArgs(cls) -> list[dict[str, Any]]:
        """Its arguments."""
        return [{"name": name, "optional": False, "defaultValue": None} for name in ("frame", "mappings")]

    @classmethod
    def describeReturn(cls) -> dict[str, str]:
        """What it returns."""
        return {"returnType": "DataFrame", "description": ""}

    @classmethod
    def describeErrors(cls) -> list[Any]:
        """What it raises."""
        return []
