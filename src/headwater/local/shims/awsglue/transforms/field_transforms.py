"""Fields chosen, dropped, renamed; frames joined, split and sampled."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class DropFields(GlueTransform):
    """All but these fields."""

    def __call__(
        self,
        frame: Any,
        paths: Any,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.drop_fields(paths, transformation_ctx, info, stageThreshold, totalThreshold)


class Join(GlueTransform):
    """The inner equality join of two frames."""

    def __call__(self, frame1: Any, frame2: Any, keys1: Any, keys2: Any, transformation_ctx: str = "") -> Any:
        """See the class."""
        return frame1.join(keys1, keys2, frame2, transformation_ctx)


class RenameField(GlueTransform):
    """One field under another name."""

    def __call__(
        self,
        frame: Any,
        old_name: str,
        new_name: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.rename_field(old_name, new_name, transformation_ctx, info, stageThreshold, totalThreshold)


class SelectFields(GlueTransform):
    """Only these fields."""

    def __call__(
        self,
        frame: Any,
        paths: Any,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.select_fields(paths, transformation_ctx, info, stageThreshold, totalThreshold)


class Spigot(GlueTransform):
    """Write a sample of a frame, and go on with the frame."""

    def __call__(self, frame: Any, path: str, options: Any, transformation_ctx: str = "") -> Any:
        """See the class."""
        return frame.spigot(path, options, transformation_ctx)


class SplitFields(GlueTransform):
    """Two frames: these fields, and the rest."""

    returns = "DynamicFrameCollection"

    def __call__(
        self,
        frame: Any,
        paths: Any,
        name1: Any = None,
        name2: Any = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.split_fields(
            paths, name1 or "frame1", name2 or "frame2", transformation_ctx, info, stageThreshold, totalThreshold
        )


class SplitRows(GlueTransform):
    """Two frames: the rows for which comparisons hold, and the rest."""

    returns = "DynamicFrameCollection"

    def __call__(
        self,
        frame: Any,
        comparison_dict: Any,
        name1: str = "frame1",
        name2: str = "frame2",
        transformation_ctx: str = "",
        info: Any = None,
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.split_rows(comparison_dict, name1, name2, transformation_ctx, info, stageThreshold, totalThreshold)
