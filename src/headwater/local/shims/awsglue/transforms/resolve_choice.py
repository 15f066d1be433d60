"""Columns of several types made one."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class ResolveChoice(GlueTransform):
    """Resolve choices by specs or by one choice for all."""

    def __call__(
        self,
        frame: Any,
        specs: Any = None,
        choice: str = "",
        database: Any = None,
        table_name: Any = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        catalog_id: Any = None,
    ) -> Any:
        """See the class."""
        return frame.resolveChoice(
            specs, choice, database, table_name, transformation_ctx, info, stageThreshold, totalThreshold, catalog_id
        )
