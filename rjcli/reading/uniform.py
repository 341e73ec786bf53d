"""Records that all have the same fields, parsed without making values of most of them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson

from rjcli.api.upsert import KEYS_FIELD
from rjcli.reading.attempts import Attempts

_MOST_FIELDS = 100
_NOT_PLAIN = re.compile(r'[:"\\\x00-\x1f]')  # in a name


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
        self._with_colons: Sequence[str] = ()  # fields whose values have some
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
            if self._have_no_others(records, joined.count(b":")):
                self._attempts.succeed()
                return {name: _parse_all(map(self._raw[name], records)) for name in self._wanted}
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
            and not any(map(_NOT_PLAIN.search, fields))  # msgspec refuses most of such names
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
        self._raw = {name: attrgetter(key) for key, name in members.items()}
        self._with_colons = ()

    def _have_no_others(self, records: Sequence[Any], colons: int) -> bool:
        """Whether records have no members but those that are known: others would be repeated ones.

        Each member has a colon after its name. All other ``colons`` are in values.
        """
        others = colons - len(records) * len(self._names)
        if others == sum(self._count_colons(records, name) for name in self._with_colons):
            return True
        counts = {name: self._count_colons(records, name) for name in self._names}
        self._with_colons = [name for name, count in counts.items() if count]
        return others == sum(counts.values())

    def _count_colons(self, records: Sequence[Any], name: str) -> int:
        return b"".join(map(self._raw[name], records)).count(b":")


def _parse_all(texts: Iterable[bytes]) -> list[Any]:
    values: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))
    return values
