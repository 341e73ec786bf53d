"""``python -m rjcli.spark push``: what Spark reads, pushed from a shell.

    python -m rjcli.spark push s3://shop/orders -t orders -k id --order-by updated_at

The session is the one that Spark's own configuration, ``SPARK_REMOTE`` or
``PYSPARK_SUBMIT_ARGS`` describe. ``spark-submit`` takes this file in the place of a script.
"""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

from msgspec import Struct, field
from msgspec.structs import replace
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from rjcli.cli import words
from rjcli.cli.app import main
from rjcli.cli.command import command
from rjcli.credentials.config_file import Profile
from rjcli.errors import UsageError
from rjcli.events import Counts, RunDescription, Started, Status, Summary
from rjcli.library.options import Options, without_files
from rjcli.report import Report
from rjcli.run.summary import summary_document
from rjcli.settings.choices import ProgressMode
from rjcli.settings.commands import AccessSettings, JsonSettings, OutputSettings
from rjcli.settings.kinds import path, text, whole
from rjcli.settings.lists import names, pairs
from rjcli.settings.option import Group, Option
from rjcli.settings.option_kinds import FILES
from rjcli.settings.sources import Options as Given
from rjcli.settings.values import TARGET, DeliverySettings, Keys, MaximumRejects, Table
from rjcli.spark.call import SparkPush, first_line
from rjcli.spark.result import SparkResult

_SHOWN = 10  # rejects


class SparkSettings(Struct, frozen=True):
    """What Spark reads, and how it is distributed."""

    group: ClassVar = Group("Spark", "What Spark reads, and how many tasks send it.")

    paths: Annotated[tuple[str, ...], Option("Paths that Spark reads.", FILES, is_positional=True)]
    source: Annotated[
        str,
        Option("Format of the paths.", text("the name of a format", "FORMAT"), key="format"),
    ] = "parquet"
    read_options: Annotated[
        Mapping[str, str],
        Option("Option of the format: header=true.", pairs("NAME=VALUE", str), key="read_option"),
    ] = field(default_factory=dict)
    order_by: Annotated[
        tuple[str, ...],
        Option("Columns of which the greatest value is a key's newest version.", names("COLUMNS")),
    ] = ()
    partitions: Annotated[int, Option("Number of tasks that send.", whole(1))] = 8
    rejects_to: Annotated[
        str | None, Option("Path for rejected records; Spark appends to it.", path("PATH"))
    ] = None


class SparkPushSettings(Struct, frozen=True, kw_only=True):
    """Where records go, and what may go wrong."""

    group: ClassVar = TARGET

    table: Table
    keys: Keys
    delivery: DeliverySettings = DeliverySettings()
    max_rejects: MaximumRejects = None
    min_records: Annotated[int, Option("Fail if fewer records are read.", whole(0))] = 0
    allow_empty_keys: Annotated[bool, Option("Accept empty strings in key fields.")] = False


class SparkOutputSettings(JsonSettings, frozen=True, kw_only=True):
    """What is shown."""

    quiet: Annotated[bool, Option("Print nothing if all went well.", short="-q")] = False


@command(
    "push",
    (
        "The newest version of each order",
        "python -m rjcli.spark push s3://shop/orders -t orders -k id --order-by updated_at",
    ),
    (
        "CSV with a header",
        (
            "python -m rjcli.spark push orders/ --format csv --read-option header=true"
            " -t orders -k id --order-by updated_at"
        ),
    ),
    program="python -m rjcli.spark",
)
def push(
    spark: SparkSettings,
    settings: SparkPushSettings,
    access: AccessSettings,
    output: SparkOutputSettings,
    profile: Profile | None,
    given: Given,
) -> int:
    """Load what Spark reads into a table, each key in its newest version."""
    del settings, access  # they are among those given
    began = time.monotonic()
    shown = OutputSettings(json=output.json, quiet=output.quiet, progress=ProgressMode.NONE)
    report = Report(shown)
    options = Options(without_files(given), profile)
    push = SparkPush(options, spark.partitions, _SHOWN, report.note)
    run = replace(push.description, inputs=spark.paths)
    report.handle(Started(run))
    session = SparkSession.builder.appName(f"rjcli push {run.table}").getOrCreate()
    try:
        reader = session.read.format(spark.source).options(**spark.read_options)
        frame = reader.load([*spark.paths])
        result = push.push(frame, spark.order_by, spark.rejects_to, began)
    except PySparkException as error:
        raise UsageError(
            f"Spark cannot read {', '.join(spark.paths)}: {first_line(error)}",
            hint="see --format and --read-option",
        ) from None
    finally:
        session.stop()
    _show(report, run, result, spark.rejects_to)
    return report.exit_code(result.exit_code)


def _show(report: Report, run: RunDescription, result: SparkResult, rejects: str | None) -> None:
    for reject in result.rejects:
        report.note(f"rejected: {'; '.join(reject.reasons)}: {reject.record.decode()[:200]}")
    if result.message:
        report.error(result.message, result.hint)
    counts = Counts(result.read, result.accepted, result.rejected, result.unknown, result.unsent)
    summary = Summary(
        run,
        Status(result.status),
        result.exit_code,
        counts,
        requests=result.requests,
        bytes_sent=result.bytes_sent,
        seconds=result.seconds,
        message=result.message,
        hint=result.hint,
        error=result.error,
    )
    document = summary_document(summary)
    document["records"]["superseded"] = result.superseded
    document["rejects"] = rejects if result.rejects else None
    account = (
        f"{result.status}: read {result.read:,} = superseded {result.superseded:,}"
        f" + accepted {result.accepted:,} + rejected {result.rejected:,}"
        f" + unknown {result.unknown:,} + unsent {result.unsent:,}"
    )
    effort = f"{result.requests:,} requests, {result.seconds:.1f} s"
    written = [f"rejects: {rejects}"] if rejects and result.rejects else []
    report.result(document, account, effort, *written)


def _run(typed: list[str], begin: Callable[[], object]) -> int:
    name, *rest = typed or ["push", "--help"]
    work = words.parse(name, rest)
    begin()
    return work()


if __name__ == "__main__":
    main(_run)
