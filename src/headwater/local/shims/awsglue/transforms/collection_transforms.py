"""Collections of frames."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class SelectFromCollection(GlueTransform):
    """One frame of a collection."""

    def __call__(self, dfc: Any, key: str, transformation_ctx: str = "") -> Any:
        """See the class."""
        return dfc.select(key, transformation_ctx)


class MapToCollection(GlueTransform):
    """Each frame of a collection through a function of (frame, transformation_ctx)."""

    returns = "DynamicFrameCollection"

    def __call__(self, dfc: Any, callable: Any, transformation_ctx: str = "") -> Any:
        """See the class."""
        return dfc.map(callable, transformation_ctx)


class FlatMap(GlueTransform):
    """Each frame of a collection through a transform; ``frame_name`` is its argument for the frame."""

    returns = "DynamicFrameCollection"

    def __call__(
        self, dfc: Any, BaseTransform: Any, frame_name: str, transformation_ctx: str = "", **base_kwargs: Any
    ) -> Any:
        """See the class."""

        def one(frame: Any, context: str) -> Any:
            return BaseTransform.apply(**{frame_name: frame, "transformation_ctx": context, **base_kwargs})

        return dfc.flatmap(one, transformation_ctx)
