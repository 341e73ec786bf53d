"""What is sent with a record beside its own fields: the key of one without, and metadata."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from rjcli.api.upsert import KEYS_FIELD
from rjcli.model import Block, RawRecord, Record, Records, Rejection
from rjcli.preparing.preparer import gather, reject

HASH_KEY = "_sdc_primary_key"
METADATA = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_sequence",
    "_sdc_table_version",
)

_fragment = lambda text: orjson.Fragment(text.encode())  # noqa: E731
_parse = partial(json.loads, parse_int=_fragment, parse_float=_fragment)


def canonical(text: bytes) -> bytes:
    """Return the canonical text of a JSON object: the same for all ways to write it.

    Members are sorted by their names, in objects within it as well; there is no white
    space; strings are in UTF-8, with as few escapes as JSON allows; numbers stay as they
    are written, so that none is rounded. Of members with the same name within an inner
    object the last one counts. Raises ValueError for what is nested too deeply.
    """
    try:
        return orjson.dumps(_parse(text), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        raise ValueError("it is nested too deeply") from None


def hash_records(block: Block) -> Iterator[Records | Rejection]:
    """Give records a key: the SHA-256 of their canonical text, in hexadecimal."""
    return gather(_hash(item) if isinstance(item, RawRecord) else item for item in block)


def _hash(raw: RawRecord) -> Record | Rejection:
    if HASH_KEY in raw.fields:
        return reject(raw, 0, f"it has a field {HASH_KEY!r} already")
    try:
        digest = hashlib.sha256(canonical(raw.json)).hexdigest()
    except ValueError as error:
        return reject(raw, 0, str(error))
    comma = b"," if raw.fields else b""
    opening = b'{"%b":["%b"],"%b":"%b"%b' % (
        KEYS_FIELD.encode(),
        HASH_KEY.encode(),
        HASH_KEY.encode(),
        digest.encode(),
        comma,
    )
    return Record(raw.json, opening, digest, raw.raw, raw.file, raw.line, raw.number)


def add_metadata(
    openings: Sequence[bytes], jsons: Sequence[bytes], tails: Sequence[bytes]
) -> list[bytes]:
    """Return openings with when their records were extracted, received and batched.

    They say so as other Singer targets do; a record's own field of such a name stays as it is.
    ``tails``: what follows the records in their messages.
    """
    now = datetime.now(UTC).isoformat()
    common: dict[str, Any] = {
        "_sdc_received_at": now,
        "_sdc_batched_at": now,
        "_sdc_sequence": time.time_ns() // 1_000_000,
    }
    return [*map(partial(_extend, common), openings, jsons, tails)]


def _extend(common: dict[str, Any], opening: bytes, text: bytes, tail: bytes) -> bytes:
    said = orjson.loads(b'{"":0' + tail)
    values = common | {
        "_sdc_extracted_at": said.get("time_extracted"),
        "_sdc_table_version": said.get("version"),
    }
    own = orjson.loads(text) if b"_sdc_" in text or b"\\u" in text else {}
    added = orjson.dumps({name: values[name] for name in METADATA if name not in own})[1:-1]
    if not added:
        return opening
    # An opening ends with a comma, unless the record is empty.
    return opening + added + b"," if opening.endswith(b",") else opening + b"," + added
