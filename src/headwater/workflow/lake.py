"""A lake: one S3 bucket whose prefixes are datasets, and the Glue database that catalogues them.

The layout is `raw/<name>/`, `processed/<name>/`, `feature_store/<name>/`, `models/<name>/`; what Headwater keeps for
itself lies under `_headwater/`. A dataset is a value: it may be declared and never used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from headwater.workflow.origin import Origin, caller

Zone = Literal["raw", "processed", "feature_store", "model"]

FORMATS = ("avro", "csv", "json", "orc", "parquet", "xml")
MODEL_FORMAT = "model.tar.gz"


@dataclass(frozen=True)
class Dataset:
    """One prefix of the lake.

    Parameters
    ----------
    lake:
        The lake's name.
    name:
        The dataset's name, which is its table's name in the Glue catalog too.
    zone:
        What kind of data it holds.
    format:
        One of :data:`FORMATS`; a model is always a ``model.tar.gz``.
    partitions:
        The partition columns, outermost first; folders are `<column>=<value>/`.
    schema:
        Column → Glue (Hive) type, without the partition columns; empty where a crawler or a job finds it.
    """

    lake: str
    name: str
    zone: Zone
    format: str
    partitions: tuple[str, ...] = ()
    schema: tuple[tuple[str, str], ...] = ()
    origin: Origin = field(default=Origin("", 0), compare=False)

    @property
    def prefix(self) -> str:
        """The S3 prefix in the lake's bucket, with its closing slash."""
        return f"{'models' if self.zone == 'model' else self.zone}/{self.name}/"


class Lake:
    """A bucket of datasets.

    Parameters
    ----------
    name:
        The lake's name; its bucket is `<name>-<account>-<region>`, its Glue database the name with `_` for what is
        not alphanumeric.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin = caller()
        self.datasets: list[Dataset] = []

    def __repr__(self) -> str:
        return f"Lake({self.name!r})"

    @property
    def database(self) -> str:
        """The Glue database's name."""
        return re.sub(r"[^a-z0-9]", "_", str(self.name).lower())

    def raw(
        self,
        name: str,
        *,
        format: str = "parquet",
        partitions: str | Iterable[str] = (),
        schema: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Declare data that comes from outside: it may be read without being written.

        Parameters
        ----------
        name, format, partitions, schema:
            As in :class:`Dataset`.
        """
        return self._dataset("raw", name, format, partitions, schema)

    def processed(
        self,
        name: str,
        *,
        format: str = "parquet",
        partitions: str | Iterable[str] = (),
        schema: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Declare data that a stage of the workflow makes (parameters as in :class:`Dataset`)."""
        return self._dataset("processed", name, format, partitions, schema)

    def feature_store(
        self,
        name: str,
        *,
        format: str = "parquet",
        partitions: str | Iterable[str] = (),
        schema: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Declare features that a stage of the workflow makes (parameters as in :class:`Dataset`)."""
        return self._dataset("feature_store", name, format, partitions, schema)

    def model(self, name: str) -> Dataset:
        """Declare a model that a training stage makes: each run's `model.tar.gz` under `models/<name>/`."""
        return self._dataset("model", name, MODEL_FORMAT, (), None)

    def _dataset(
        self,
        zone: Zone,
        name: str,
        format: str,
        partitions: str | Iterable[str],
        schema: Mapping[str, str] | None,
    ) -> Dataset:
        columns = (partitions,) if isinstance(partitions, str) else tuple(partitions)
        dataset = Dataset(self.name, name, zone, format, columns, tuple((schema or {}).items()), caller())
        self.datasets.append(dataset)
        return dataset
