"""Nested frames as flat tables."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform
from awsglue.utils import _global_args  # noqa: F401  (part of the module's surface)


class Relationalize(GlueTransform):
    """Flat tables joined by ids."""

    returns = "DynamicFrameCollection"

    def __call__(
        self,
        frame: Any,
        staging_path: Any = None,
        name: str = "roottable",
        options: Any = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.relationalize(
            name, staging_path, options or {}, transformation_ctx, info, stageThreshold, totalThreshold
        )
