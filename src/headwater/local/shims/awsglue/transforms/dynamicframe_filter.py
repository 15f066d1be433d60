"""Records chosen by a function."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class Filter(GlueTransform):
    """The records for which ``f`` is true."""

    def __call__(
        self,
        frame: Any,
        f: Any,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.filter(f, transformation_ctx, info, stageThreshold, totalThreshold)
