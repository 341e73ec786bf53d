"""BATCH messages: records in files, which are read as those of a push."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rjcli.errors import InputError, show_name
from rjcli.reading import Input, Source
from rjcli.settings.choices import Compression, Format
from rjcli.settings.singer import SingerSettings
from rjcli.settings.values import InputSettings

_COMPRESSIONS = {None: Compression.NONE, "none": Compression.NONE, "gzip": Compression.GZIP}


def batch_files(
    message: Mapping[str, Any], settings: SingerSettings, where: str
) -> Iterator[Input]:
    """Yield the files of a BATCH message as inputs. Raises InputError for what cannot be read."""
    encoding = message.get("encoding")
    encoding = encoding if isinstance(encoding, dict) else {}
    form, compression = encoding.get("format", "jsonl"), encoding.get("compression")
    is_known = isinstance(compression, str | None) and compression in _COMPRESSIONS
    if form != "jsonl" or not is_known:
        raise InputError(
            f"{where} is a BATCH in {form} with compression {compression}",
            hint="have the tap write jsonl, with gzip or without compression",
        )
    manifest = message.get("manifest")
    if not isinstance(manifest, list) or not all(isinstance(file, str) for file in manifest):
        raise InputError(f"{where} is a BATCH without a manifest of files")
    for file in manifest:
        source = Source(_local_path(file, where))
        if not source.rereadable:
            raise InputError(f"{where} is a BATCH with {source.name}, which is no regular file")
        yield Input(
            source,
            InputSettings(
                files=(source.name,),
                format=Format.NDJSON,
                compression=_COMPRESSIONS[compression],
                max_record_bytes=settings.max_record_bytes,
            ),
        )


def _local_path(file: str, where: str) -> str:
    if "://" not in file:
        return file
    try:
        parts = urlsplit(file)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise InputError(
            f"{where} is a BATCH with a file that is not on this machine: {show_name(file)}",
            hint="have the tap write its batches to a local directory",
        )
    written = file.partition("://")[2].removeprefix("localhost")
    return written if Path(written).exists() else unquote(written)
