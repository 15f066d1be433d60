"""Other partitions."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class Repartition(GlueTransform):
    """Bring a frame into so many partitions."""

    def __call__(
        self,
        frame: Any,
        num_partitions: int,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.repartition(num_partitions, transformation_ctx, info, stageThreshold, totalThreshold)
