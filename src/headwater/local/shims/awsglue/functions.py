"""Column functions of ``awsglue.functions``."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F


def explodeWithIndex(col: Any) -> Column:
    """A row for each element, with its position: columns ``pos`` and ``col``."""
    return F.posexplode(col)


def namedStruct(*cols: Any) -> Column:
    """A struct of columns under their names."""
    return F.struct(*cols)


def replaceArrayElement(srcCol: Any, replaceCol: Any, idx: int) -> Column:
    """The array with the element at ``idx`` (from 0) replaced."""
    return F.transform(srcCol, lambda one, at: F.when(at == F.lit(idx), replaceCol).otherwise(one))
