"""DynamicFrame: a frame whose columns may be of several types, here a DataFrame with choices marked.

It is made when it is first needed, so that ``from_catalog`` costs nothing until something is asked of it. Records that
a function failed on (``Map``, ``Filter``) are kept apart as errors, counted only when asked for.

The file is long because AWS's class is: 36 methods with up to nine parameters each, most of them one line of work.

Not faithful to AWS: a schema holds for the whole frame, it is not found again record by record; error thresholds are
checked where the records are counted, not while they stream.
"""

from __future__ import annotations

from builtins import filter as ifilter
from builtins import map as imap
from collections.abc import Callable, Iterator
from typing import Any

from awsglue import _choices, _columns, _mapping, _records, _relational
from awsglue._errors import NotComputed
from awsglue._schema import to_glue
from awsglue.gluetypes import (
    StructType,
    _create_dynamic_record,
    _deserialize_json_string,
    _revert_to_dict,
    _serialize_schema,
)
from awsglue.utils import (
    _as_java_list,
    _as_resolve_choiceOption,
    _as_scala_option,
    _call_site,
    callsite,
    iteritems,
    itervalues,
    makeOptions,
)

basestring = unicode = str
long = int


class ResolveOption:
    """How ``toDF`` resolves one choice: ``ResolveOption(path, "Cast" or "Project" or "KeepAsStruct", type)``."""

    def __init__(self, path: str, action: str, target: str | None = None) -> None:
        self.path, self.action, self.target = path, action, target


class DynamicFrame:
    """A frame of records.

    Parameters
    ----------
    jdf:
        A DataFrame, or a function that makes one when it is needed.
    glue_ctx:
        The GlueContext.
    name:
        A name for people.
    """

    def __init__(self, jdf: Any, glue_ctx: Any, name: str = "") -> None:
        self._made: Any = None if callable(jdf) else jdf
        self._make: Callable[[], Any] | None = jdf if callable(jdf) else None
        self._errors: Any = None
        self.glue_ctx = glue_ctx
        self.name = name

    @property
    def _df(self) -> Any:
        if self._made is None:
            assert self._make is not None  # nosec B101: one of the two is there
            self._made = self._make()
        return self._made

    @property
    def _rdd(self) -> Any:
        return _records.record_rdd(self._df)

    def _next(self, make: Callable[[], Any], context: str = "", errors: Any = None) -> DynamicFrame:
        frame = DynamicFrame(make, self.glue_ctx, context or self.name)
        frame._errors = errors if errors is not None else self._errors
        return frame

    # -- from and to DataFrames -----------------------------------------------------------------------------------

    @classmethod
    def fromDF(cls, dataframe: Any, glue_ctx: Any, name: str = "") -> DynamicFrame:
        """The frame of a DataFrame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: list[ResolveOption] | None = None) -> Any:
        """The DataFrame; choices become structs, or what ``options`` says."""
        df = self._df
        for option in options or []:
            action = {"cast": "cast", "project": "project", "keepasstruct": "make_struct"}[option.action.lower()]
            spec = f"{action}:{option.target}" if option.target else action
            df = _choices.resolve(df, [(option.path, spec)])
        return _choices.without_marks(df)

    def schema(self) -> StructType:
        """The schema, as Glue types."""
        found: StructType = to_glue(self._df.schema)
        return found

    def with_frame_schema(self, schema: Any) -> DynamicFrame:
        """The same records read with a schema that is known already."""
        known = schema() if callable(schema) else schema
        return self._next(lambda: _records.with_schema(self._df, known))

    def printSchema(self) -> None:
        """Write the schema as a tree to standard output."""
        _columns.say(_columns.schema_tree(self.schema()))

    def show(self, num_rows: int = 20) -> None:
        """Write the first records to standard output, one JSON object a line."""
        for line in _choices.without_marks(self._df).limit(num_rows).toJSON().collect():
            _columns.say(line)

    def count(self) -> int:
        """How many records there are."""
        return int(self._df.count()) if self._df.columns else 0

    def getNumPartitions(self) -> int:
        """How many partitions the records are in."""
        return int(self._df.rdd.getNumPartitions())

    # -- errors -----------------------------------------------------------------------------------------------------

    def errorsCount(self) -> int:
        """How many records failed, in this transformation and those before it."""
        return 0 if self._errors is None else int(self._errors().count())

    def stageErrorsCount(self) -> int:
        """How many records failed in what led to this frame."""
        return self.errorsCount()

    def errorsAsDynamicFrame(self) -> DynamicFrame:
        """The failed records: ``error`` with ``msg``, ``stackTrace`` and ``dynamicRecord`` (JSON)."""
        if self._errors is None:
            return DynamicFrame(lambda: _records.no_errors(self._df), self.glue_ctx, "errors")
        return DynamicFrame(self._errors, self.glue_ctx, "errors")

    def assertErrorThreshold(self) -> None:
        """Raise when a record failed."""
        count = self.errorsCount()
        if count:
            raise RuntimeError(f"{count} records failed; errorsAsDynamicFrame() has them")

    # -- records ----------------------------------------------------------------------------------------------------

    def map(
        self,
        f: Callable[[Any], Any],
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Every record through ``f``, which returns a record; what it raises makes an error record."""
        return self._checked(_records.Mapped(lambda: self._df, f), transformation_ctx, stageThreshold, totalThreshold)

    def filter(
        self,
        f: Callable[[Any], Any],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """The records for which ``f`` is true. KeyError, ValueError and TypeError count as false."""
        return self._checked(_records.Filtered(lambda: self._df, f), transformation_ctx, stageThreshold, totalThreshold)

    def _checked(self, made: Any, context: str, stage: int, total: int) -> DynamicFrame:
        earlier = self._errors
        errors = made.errors if earlier is None else (lambda: earlier().unionByName(made.errors()))
        frame = self._next(made.frame, context, errors)
        for threshold, count in ((stage, made.errors), (total, errors)):
            if threshold and int(count().count()) > threshold:
                raise RuntimeError(f"more than {threshold} records failed; errorsAsDynamicFrame() has them")
        return frame

    def mapPartitions(
        self,
        f: Callable[[Iterator[Any]], Any],
        preservesPartitioning: bool = True,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Each partition's records through ``f``, which returns the new records."""
        return self.mapPartitionsWithIndex(lambda _, records: f(records), preservesPartitioning, transformation_ctx)

    def mapPartitionsWithIndex(
        self,
        f: Callable[[int, Iterator[Any]], Any],
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """The same, ``f`` taking the partition's number first."""
        return self._next(lambda: _records.map_partitions(self._df, f), transformation_ctx)

    # -- columns ----------------------------------------------------------------------------------------------------

    def apply_mapping(
        self,
        mappings: list[Any],
        case_sensitive: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """The mapped columns, renamed and cast: (source, target), (…, target type) or (…, type, target, type)."""
        parsed = _mapping.parse(mappings)
        return self._next(lambda: _mapping.apply(self._df, parsed, case_sensitive), transformation_ctx)

    def applyMapping(self, *args: Any, **kwargs: Any) -> DynamicFrame:
        """The other name of :meth:`apply_mapping`."""
        return self.apply_mapping(*args, **kwargs)

    def select_fields(
        self,
        paths: list[str],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Only these fields (dotted paths)."""
        wanted = _columns.path_list(paths)
        return self._next(lambda: _columns.select(self._df, wanted), transformation_ctx)

    def drop_fields(
        self,
        paths: list[str],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """All but these fields (dotted paths)."""
        dropped = _columns.path_list(paths)
        return self._next(lambda: _columns.drop(self._df, dropped), transformation_ctx)

    def rename_field(
        self,
        oldName: str,
        newName: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """One field under another name."""
        return self._next(lambda: _columns.rename(self._df, oldName, newName), transformation_ctx)

    def resolveChoice(
        self,
        specs: list[tuple[str, str]] | None = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        catalog_id: str | None = None,
    ) -> DynamicFrame:
        """Columns of several types made one: by ``specs`` [(path, action)], or one ``choice`` for all.

        Actions: ``cast:type``, ``make_cols``, ``make_struct``, ``project:type``; ``match_catalog`` as a choice only.
        """
        _choices.check(specs, choice, database, table_name)
        types = self.glue_ctx._catalog.column_types(database, table_name) if choice.lower() == "match_catalog" else {}
        return self._next(lambda: _choices.resolve(self._df, specs, choice, types), transformation_ctx)

    def unnest(
        self, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> DynamicFrame:
        """Structs as columns with dotted names."""
        return self._next(lambda: _relational.flatten(self._df), transformation_ctx)

    def unbox(
        self,
        path: str,
        format: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        **options: Any,
    ) -> DynamicFrame:
        """A text field, parsed: ``json``, or ``csv`` (separator, withHeader is not computed)."""
        _relational.check_unbox(format, options)
        return self._next(lambda: _relational.unbox(self._df, path, format, options), transformation_ctx)

    def relationalize(
        self,
        root_table_name: str,
        staging_path: str | None,
        options: dict[str, Any] = {},
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Flat tables: the root, and one for each array, joined by ``id``. Nothing is staged here."""
        tables = _relational.relationalize(self._df, root_table_name)
        frames = {name: DynamicFrame(df, self.glue_ctx, name) for name, df in tables.items()}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def simplify_ddb_json(self) -> DynamicFrame:
        """Not computed: DynamoDB's JSON."""
        raise NotComputed("simplify_ddb_json")

    def unnest_ddb_json(
        self, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> DynamicFrame:
        """Not computed: DynamoDB's JSON."""
        raise NotComputed("unnest_ddb_json")

    # -- several frames ---------------------------------------------------------------------------------------------

    def join(
        self,
        paths1: Any,
        paths2: Any,
        frame2: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """The inner equality join; of two columns of a name the second frame's gets a leading dot."""
        keys1, keys2 = _columns.path_list(paths1), _columns.path_list(paths2)
        return self._next(lambda: _relational.join(self._df, frame2._df, keys1, keys2), transformation_ctx)

    def union(
        self,
        other_frame: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """The records of both; columns by name, missing ones null."""
        return self._next(lambda: _relational.union(self._df, other_frame._df), transformation_ctx)

    def split_fields(
        self,
        paths: list[str],
        name1: str,
        name2: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Two frames: these fields, and the rest."""
        chosen = _columns.path_list(paths)
        first = self._next(lambda: _columns.select(self._df, chosen), name1)
        second = self._next(lambda: _columns.drop(self._df, chosen), name2)
        return DynamicFrameCollection({name1: first, name2: second}, self.glue_ctx)

    def split_rows(
        self,
        comparison_dict: dict[str, dict[str, Any]],
        name1: str,
        name2: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Two frames: the rows for which all comparisons hold, and the rest."""
        condition = _columns.comparison(comparison_dict)
        first = self._next(lambda: self._df.where(condition()), name1)
        second = self._next(lambda: self._df.where(~condition()), name2)
        return DynamicFrameCollection({name1: first, name2: second}, self.glue_ctx)

    def mergeDynamicFrame(
        self,
        stage_dynamic_frame: DynamicFrame,
        primary_keys: list[str],
        transformation_ctx: str = "",
        options: dict[str, Any] = {},
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """The staged records, and of this frame those whose keys are not staged."""
        keys = _columns.path_list(primary_keys)
        return self._next(lambda: _relational.merge(self._df, stage_dynamic_frame._df, keys), transformation_ctx)

    def coalesce(
        self,
        num_partitions: int,
        shuffle: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """At most so many partitions."""
        if shuffle:
            return self.repartition(num_partitions, transformation_ctx)
        return self._next(lambda: self._df.coalesce(num_partitions), transformation_ctx)

    def repartition(
        self,
        num_partitions: int,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Exactly so many partitions."""
        return self._next(lambda: self._df.repartition(num_partitions), transformation_ctx)

    # -- writing ----------------------------------------------------------------------------------------------------

    def spigot(
        self,
        path: str,
        options: dict[str, Any] = {},
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Write a sample as JSON below ``path`` (``topk`` records, or each with probability ``prob``); same frame."""
        sample = _columns.sample(self._df, options)
        sample.write.mode("append").json(path)
        return self

    def write(
        self,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        accumulator_size: int = 0,
    ) -> DynamicFrame:
        """Write the frame; the same as ``write_dynamic_frame.from_options``."""
        written: DynamicFrame = self.glue_ctx.write_from_options(
            self, connection_type, connection_options, format, format_options
        )
        return written


class DynamicFrameCollection:
    """Frames by name."""

    def __init__(self, dynamic_frames: dict[str, DynamicFrame], glue_ctx: Any) -> None:
        self._frames = dict(dynamic_frames)
        self.glue_ctx = glue_ctx

    def __getitem__(self, key: str) -> DynamicFrame:
        return self._frames[key]

    def __len__(self) -> int:
        return len(self._frames)

    def keys(self) -> Any:
        """The names."""
        return self._frames.keys()

    def values(self) -> Any:
        """The frames."""
        return self._frames.values()

    def select(self, key: str, transformation_ctx: str = "") -> DynamicFrame:
        """One frame."""
        return self._frames[key]

    def map(self, callable: Callable[..., DynamicFrame], transformation_ctx: str = "") -> DynamicFrameCollection:
        """Each frame through a function of (frame, transformation_ctx)."""
        made = {name: callable(frame, f"{transformation_ctx}{name}") for name, frame in self._frames.items()}
        return DynamicFrameCollection(made, self.glue_ctx)

    def flatmap(self, f: Callable[..., Any], transformation_ctx: str = "") -> DynamicFrameCollection:
        """Each frame through a function that returns a frame or a collection."""
        made: dict[str, DynamicFrame] = {}
        for name, frame in self._frames.items():
            result = f(frame, f"{transformation_ctx}{name}")
            if isinstance(result, DynamicFrameCollection):
                made.update({f"{name}_{inner}": result[inner] for inner in result.keys()})
            else:
                made[name] = result
        return DynamicFrameCollection(made, self.glue_ctx)


class DynamicFrameReader:
    """``glueContext.create_dynamic_frame``."""

    def __init__(self, glue_context: Any) -> None:
        self._glue_context = glue_context

    def from_rdd(self, data: Any, name: str, schema: Any = None, sampleRatio: Any = None) -> DynamicFrame:
        """See :meth:`GlueContext.create_dynamic_frame_from_rdd`."""
        frame: DynamicFrame = self._glue_context.create_dynamic_frame_from_rdd(data, name, schema, sampleRatio)
        return frame

    def from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> DynamicFrame:
        """See :meth:`GlueContext.create_dynamic_frame_from_options`."""
        frame: DynamicFrame = self._glue_context.create_dynamic_frame_from_options(
            connection_type,
            connection_options,
            format,
            format_options,
            transformation_ctx,
            push_down_predicate,
            **kwargs,
        )
        return frame

    def from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """See :meth:`GlueContext.create_dynamic_frame_from_catalog`."""
        frame: DynamicFrame = self._glue_context.create_dynamic_frame_from_catalog(
            database,
            table_name,
            redshift_tmp_dir,
            transformation_ctx,
            push_down_predicate,
            additional_options,
            catalog_id,
            **kwargs,
        )
        return frame


class DynamicFrameWriter:
    """``glueContext.write_dynamic_frame``."""

    def __init__(self, glue_context: Any) -> None:
        self._glue_context = glue_context

    def from_options(
        self,
        frame: Any,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
    ) -> Any:
        """See :meth:`GlueContext.write_dynamic_frame_from_options`."""
        return self._glue_context.write_dynamic_frame_from_options(
            frame, connection_type, connection_options, format, format_options, transformation_ctx
        )

    def from_catalog(
        self,
        frame: Any,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """See :meth:`GlueContext.write_dynamic_frame_from_catalog`."""
        return self._glue_context.write_dynamic_frame_from_catalog(
            frame, database, table_name, redshift_tmp_dir, transformation_ctx, additional_options, catalog_id, **kwargs
        )

    def from_jdbc_conf(
        self,
        frame: Any,
        catalog_connection: str,
        connection_options: dict[str, Any] = {},
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
    ) -> Any:
        """Not computed: JDBC."""
        return self._glue_context.write_dynamic_frame_from_jdbc_conf(
            frame, catalog_connection, connection_options, redshift_tmp_dir, transformation_ctx
        )


__all__ = [
    "DynamicFrame",
    "DynamicFrameCollection",
    "DynamicFrameReader",
    "DynamicFrameWriter",
    "ResolveOption",
    "_as_java_list",
    "_as_resolve_choiceOption",
    "_as_scala_option",
    "_call_site",
    "_create_dynamic_record",
    "_deserialize_json_string",
    "_revert_to_dict",
    "_serialize_schema",
    "basestring",
    "callsite",
    "ifilter",
    "imap",
    "iteritems",
    "itervalues",
    "long",
    "makeOptions",
    "unicode",
]
