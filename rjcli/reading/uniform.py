"""Records that all have the same fields, parsed without making values of most of them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson

from rjcli.api.protocol import KEYS_FIELD
from rjcli.reading.attempts import Attempts

_MOST_FIELDS = 100
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
# White space before a colon: a name followed by one is not found by its quotation mark.
_SPACES = (b" ", b"\t", b"\r", b"\n")


class UniformParser:
    """Parses a few fields of records, and makes sure of all else that makes them good JSON.

    ``wanted``: the names of these fields. It learns which fields records have from one
    that was parsed. Where it is not certain of a block, it says so: then each record
    has to be parsed whole. Nested values are for that as well.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = [*wanted]
        self._names: tuple[str, ...] = ()
        self._decode: Any = None
        self._raw: Mapping[str, Callable[[Any], bytes]] = {}
        self._attempts = Attempts()

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that records are known to have."""
        return self._names

    def parse(self, texts: Sequence[bytes]) -> Mapping[str, Sequence[Any]] | None:
        """Return the values of the wanted fields; None if it is not certain of all texts."""
        if self._decode is None:
            return None
        try:
            records = [*map(self._decode, texts)]
            joined = b",".join(texts)
            if not joined.isascii():
                joined.decode()  # msgspec does not look at what it skips
            if _have_no_others(joined, len(texts) * len(self._names)):
                self._attempts.succeed()
                return {name: _parse_all(map(get, records)) for name, get in self._raw.items()}
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
        self._decode = None
        return None

    def learn(self, fields: Mapping[str, Any]) -> None:
        """Learn from a record's fields, unless that has been in vain too often lately."""
        if not self._attempts.is_due():
            return
        self._attempts.fail()  # until a block is parsed
        is_flat = not any(isinstance(value, (dict, list)) for value in fields.values())
        if not (
            is_flat
            and not any(map(_ESCAPED.search, fields))  # msgspec refuses such names
            and fields.keys() >= {*self._wanted}
            and KEYS_FIELD not in fields
            and len(fields) <= _MOST_FIELDS
        ):
            return
        self._names = tuple(fields)
        members = {f"f{place}": name for place, name in enumerate(fields)}
        record = msgspec.defstruct(
            "Record",
            [(key, msgspec.Raw) for key in members],
            rename=members,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(record).decode
        keys = {name: key for key, name in members.items()}
        self._raw = {name: attrgetter(keys[name]) for name in self._wanted}


def _parse_all(texts: Iterable[bytes]) -> list[Any]:
    values: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))
    return values


def _have_no_others(joined: bytes, members: int) -> bool:
    """Whether records that have so many members have no others, which would be repeated ones.

    Each member has a colon; what else has one is in a string.
    """
    if joined.count(b":") == members:
        return True
    gaps = [space for space in _SPACES if space in joined]
    return joined.count(b'":') == members and not any(gap + b":" in joined for gap in gaps)
