"""Frames: rows become JSON in the JVM, and each key's newest version is found.

The JVM's JSON is exact: decimals, 64-bit integers and 32-bit floats keep their digits.
Only NaN and the infinities become strings there, so they are looked for.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    FloatType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from rjcli.errors import UsageError, show_name, show_names
from rjcli.settings.kinds import nearest
from rjcli.spark.versions import KeyPass, NewestPass

_JSON_OPTIONS = {
    "ignoreNullFields": "false",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
_INFINITY = float("inf")


def texts_schema(*names: str) -> StructType:
    """A schema of nullable strings."""
    return StructType([StructField(name, StringType()) for name in names])


def check_columns(df: DataFrame, keys: Sequence[str], order_by: Sequence[str]) -> None:
    """Raise UsageError unless a frame has these columns, each name once, and is no stream."""
    if df.isStreaming:
        raise UsageError(
            "a stream is not pushed as it is",
            hint="stream.writeStream.foreachBatch(lambda df, _: rjcli.spark.push(df, …).check())",
        )
    twice = sorted({name for name in df.columns if df.columns.count(name) > 1})
    if twice:
        raise UsageError(f"two columns are named {show_names(twice)}", hint="rename one of them")
    for name in [*keys, *order_by]:
        if name not in df.columns:
            raise UsageError(
                f"there is no column {show_name(name)}{nearest(name, df.columns)}",
                hint=f"the columns are {show_names(df.columns)}",
            )


def newest_versions(
    df: DataFrame,
    order_by: Sequence[str],
    partitions: int,
    key_pass: KeyPass,
    newest_pass: NewestPass,
) -> DataFrame:
    """Return rows of ``kind``, ``json`` and ``reason``, as ``NewestPass`` says.

    All versions of a normalized key are in one of the partitions.
    """
    named = {f"order_{number}": _column(name) for number, name in enumerate(order_by)}
    rows = df.select(
        _json(df.columns).alias("json"),
        _json(key_pass.keys).alias("exact"),
        (_json(order_by) if order_by else F.lit("")).alias("order"),
        _not_a_number(df.schema).alias("bad"),
        *[column.alias(name) for name, column in named.items()],
    )
    with_keys = StructType([*rows.schema.fields, *texts_schema("key", "reason").fields])
    return (
        rows.mapInArrow(key_pass, with_keys)
        .repartition(partitions, "key")
        .sortWithinPartitions("key", *named)
        .select("json", "exact", "order", "key", "reason")
        .mapInArrow(newest_pass, texts_schema("kind", "json", "reason"))
    )


def _json(names: Sequence[str]) -> Column:
    return F.to_json(F.struct(*map(_column, names)), _JSON_OPTIONS)


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _not_a_number(schema: StructType) -> Column:
    """The name of the first field with NaN or an infinity in it; null if there is none."""
    found = [
        F.when(bad, F.lit(field.name))
        for field in schema.fields
        if (bad := _holds_one(_column(field.name), field.dataType)) is not None
    ]
    return F.coalesce(*found, F.lit(None).cast("string"))


def _holds_one(value: Column, type_: DataType) -> Column | None:
    """Whether a value holds NaN or an infinity; None if its type cannot."""
    if isinstance(type_, FloatType | DoubleType):
        return F.isnan(value) | (F.abs(value) == F.lit(_INFINITY))
    if isinstance(type_, ArrayType):
        return _any_of(value, type_.elementType)
    if isinstance(type_, MapType):
        return _either(
            _any_of(F.map_keys(value), type_.keyType),
            _any_of(F.map_values(value), type_.valueType),
        )
    found: Column | None = None
    if isinstance(type_, StructType):
        for field in type_.fields:
            found = _either(found, _holds_one(value.getField(field.name), field.dataType))
    return found


def _any_of(values: Column, type_: DataType) -> Column | None:
    if _holds_one(F.lit(None), type_) is None:
        return None

    def holds(value: Column) -> Column:
        return F.coalesce(_holds_one(value, type_), F.lit(False))  # noqa: FBT003

    return F.exists(values, holds)


def _either(one: Column | None, other: Column | None) -> Column | None:
    if one is None or other is None:
        return other if one is None else one
    return F.coalesce(one, F.lit(False)) | F.coalesce(other, F.lit(False))  # noqa: FBT003
