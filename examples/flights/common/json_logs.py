"""Logs as one JSON object a line, which CloudWatch Logs Insights and metric filters take apart.

In SageMaker's jobs, whose log groups are the whole account's, a line says which workflow and stage it is of.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import datetime, timezone
from types import TracebackType

WHOSE = {"workflow": "HEADWATER_WORKFLOW", "stage": "HEADWATER_STAGE"}


class JsonFormatter(logging.Formatter):
    """``time``, ``level``, ``message``, and whatever was given as ``extra={"fields": {...}}``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{field: os.environ[variable] for field, variable in WHOSE.items() if variable in os.environ},
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends the script as one JSON line too, which a metric filter can count; its traceback comes last."""
    record = logging.LogRecord("uncaught", logging.CRITICAL, __file__, 0, str(error), None, (kind, error, trace))
    print(JsonFormatter().format(record), file=sys.stderr)
    sys.__excepthook__(kind, error, trace)


def json_logger(name: str) -> logging.Logger:
    """A logger that writes JSON lines to standard output at INFO."""
    if "HEADWATER_STAGE" in os.environ:
        sys.excepthook = log_uncaught
    logger = logging.getLogger(name)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False  # Lambda's root logger would write each line again
    return logger
