"""``glueContext.get_logger()``: lines in the driver's log."""

from __future__ import annotations

import sys
from datetime import UTC, datetime


class GlueLogger:
    """Writes lines as Glue's driver log has them, to standard error."""

    def _write(self, level: str, message: object) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        sys.stderr.write(f"{now}Z {level} GlueLogger: {message}\n")

    def info(self, message: object) -> None:
        """A line at INFO."""
        self._write("INFO", message)

    def warn(self, message: object) -> None:
        """A line at WARN."""
        self._write("WARN", message)

    def error(self, message: object) -> None:
        """A line at ERROR."""
        self._write("ERROR", message)

    def debug(self, message: object) -> None:
        """A line at DEBUG."""
        self._write("DEBUG", message)

    warning = warn
