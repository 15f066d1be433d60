"""When schedules are due: expressions, time zones, and the clock that fires them. For EventBridge's two kinds alike."""

from headwater.local.schedules.clock import Clock, SystemClock, Waker
from headwater.local.schedules.due import DueTable
from headwater.local.schedules.expressions import At, ExpressionError, Rate, Timetable, parse_expression

__all__ = [
    "At",
    "Clock",
    "DueTable",
    "ExpressionError",
    "Rate",
    "SystemClock",
    "Timetable",
    "Waker",
    "parse_expression",
]
