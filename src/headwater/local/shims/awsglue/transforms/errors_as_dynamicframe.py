"""The records that failed."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class ErrorsAsDynamicFrame(GlueTransform):
    """The failed records of a frame."""

    def __call__(self, frame: Any) -> Any:
        """See the class."""
        return frame.errorsAsDynamicFrame()
