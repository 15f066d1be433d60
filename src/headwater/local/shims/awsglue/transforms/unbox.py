"""Text fields parsed."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class Unbox(GlueTransform):
    """Parse a text field."""

    def __call__(
        self,
        frame: Any,
        path: str,
        format: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        **options: Any,
    ) -> Any:
        """See the class."""
        return frame.unbox(path, format, transformation_ctx, info, stageThreshold, totalThreshold, **options)
