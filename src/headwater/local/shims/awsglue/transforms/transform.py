"""``GlueTransform``: the base of the transform classes, and how they describe themselves."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class GlueTransform:
    """A transform is called through ``apply``; what ``describe…`` answers is read from ``__call__``."""

    returns: ClassVar[str] = "DynamicFrame"

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Make the transform and call it."""
        transform: Any = cls()
        return transform(*args, **kwargs)

    @classmethod
    def name(cls) -> str:
        """The class's name."""
        return cls.__name__

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """The transform, its arguments, what it returns and raises."""
        return {
            "transform": cls.describeTransform(),
            "args": cls.describeArgs(),
            "returns": cls.describeReturn(),
            "raises": cls.describeErrors(),
        }

    @classmethod
    def describeTransform(cls) -> str:
        """What it does."""
        return inspect.getdoc(cls) or ""

    @classmethod
    def describeArgs(cls) -> list[dict[str, Any]]:
        """Its arguments: name, and the default of an optional one."""
        parameters = list(inspect.signature(cls.__call__).parameters.values())[1:]
        described = []
        for one in parameters:
            optional = one.default is not one.empty
            default = one.default if optional else None
            described.append({"name": one.name, "optional": optional, "defaultValue": default})
        return described

    @classmethod
    def describeReturn(cls) -> dict[str, str]:
        """What it returns."""
        return {"returnType": cls.returns, "description": ""}

    @classmethod
    def describeErrors(cls) -> list[Any]:
        """What it raises."""
        return []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self.__class__) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.name())

    def __repr__(self) -> str:
        return f"<Transform: {self.name()}>"
