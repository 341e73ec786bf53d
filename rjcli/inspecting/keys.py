"""Finds fields that can be a table's key: never empty, and no value there twice."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from rjcli.inspecting.uniqueness import Uniqueness
from rjcli.model import Block, RawRecord, RawRecords
from rjcli.preparing.key_normalization import combine, normalize_values

_MOST_FIELDS = 500  # that are looked at
_MOST_WATCHED = 1_000_000  # values, of all fields together
_LEAST_WATCHED = 10_000  # of each
_SAMPLE = 10_000  # records in which fields are tried together
_MOST_TOGETHER = 12  # fields that are tried together
_MOST_TRIED = 5  # combinations that are tried on all records
_LONGEST = 64  # characters that the values of a part of a key have on average

_NAMES = [
    re.compile(r"(?i:_?id|uuid|guid|key)"),
    re.compile(r"(?i:(?:.*[^a-z])?(?:id|uuid|guid|key))|.*[a-z](?:ID|Id|Key)"),
    re.compile(r"(?i:(?:.*[^a-z])?(?:number|line|pos|position|seq|nr|no))|.*[a-z](?:Number|No|Nr)"),
    re.compile(r"(?i:(?:.*[^a-z])?(?:sku|code))|.*[a-z](?:Sku|SKU|Code)"),
    re.compile(r"(?i:.*(?:date|day|month|year|_at|time|week))"),
]
LIKELY = 4  # how far down the list a name may stand and be a key's

Fields = tuple[str, ...]


class Key(NamedTuple):
    """Fields that can be the key. ``in_all``: unique in all files, else only in each one.

    ``share``: which part of its values was watched, from 0 to 1.
    """

    fields: Fields
    in_all: bool
    share: float


class KeyFinder:
    """Takes in the records of a table's files, and finds keys.

    ``together``: combinations to try; None: each field for itself.
    """

    def __init__(self, together: Sequence[Fields] | None = None) -> None:
        self.records = 0
        self._together = together
        self._watched: dict[Fields, Uniqueness] | None = None
        self._empty: set[str] = set()  # fields that some record does not have, or not filled
        self._unfit: set[str] = set()  # for a key, though filled: fractions, flags
        self._sample: dict[str, list[Hashable]] = {}
        self._names: Fields = ()

    def add(self, block: Block) -> None:
        """Take in records; rejections do not count."""
        columns: RawRecords | list[RawRecord]
        if isinstance(block, RawRecords):
            columns = block
        else:
            columns = [each for each in block if isinstance(each, RawRecord)]
        if not columns:
            return
        if self._watched is None:
            self._begin(columns[0].fields)
        watched = {each: one for each, one in (self._watched or {}).items() if one.in_each}
        is_sampling = self._together is None and self.records < _SAMPLE
        wanted = {*self._names} if is_sampling else {name for each in watched for name in each}
        known: dict[str, list[Hashable]] = {}
        for name in self._names:
            if name not in self._empty:
                known[name] = self._keys(name, columns, is_wanted=name in wanted)
        self.records += len(columns)
        most = max(_LEAST_WATCHED, _MOST_WATCHED // max(1, len(watched)))
        for fields, uniqueness in watched.items():
            if not {*fields} & self._empty:
                parts = [known[name] for name in fields]
                uniqueness.add(parts[0] if len(parts) == 1 else combine(parts), most)
        if is_sampling:
            for name, keys in known.items():
                self._sample.setdefault(name, []).extend(keys)

    def end_file(self) -> None:
        """The next records are those of another file."""
        for uniqueness in (self._watched or {}).values():
            uniqueness.end_file()

    def found(self) -> Iterator[Key]:
        """All that can be keys, the likeliest first."""
        order = {name: number for number, name in enumerate(self._names)}
        watched = self._watched or {}
        for fields in sorted(watched, key=lambda each: (max(map(likeness, each)), order[each[0]])):
            uniqueness = watched[fields]
            if uniqueness.in_each and not {*fields} & (self._empty | self._unfit):
                yield Key(fields, uniqueness.in_all, uniqueness.share)

    def to_try_together(self) -> list[Fields]:
        """Combinations of two or three fields that are unique in a sample, the likeliest first."""
        names = [name for name in self._names if name not in self._empty | self._unfit]
        names = [name for name in names if _are_short(self._sample.get(name, ()))]
        names.sort(key=likeness)
        for count in (2, 3):
            found = [
                each for each in combinations(names[:_MOST_TOGETHER], count) if self._fits(each)
            ]
            if found:
                in_order = [tuple(sorted(each, key=self._names.index)) for each in found]
                return in_order[:_MOST_TRIED]
        return []

    def _fits(self, fields: Fields) -> bool:
        rows = [*zip(*(self._sample[name] for name in fields), strict=True)]
        return len({*rows}) == len(rows)

    def _begin(self, fields: Mapping[str, Any]) -> None:
        together = self._together
        if together is None:
            together = [(name,) for name in [*fields][:_MOST_FIELDS]]
        self._names = tuple(dict.fromkeys(name for each in together for name in each))
        self._watched = {each: Uniqueness() for each in together}

    def _keys(
        self, name: str, records: RawRecords | list[RawRecord], *, is_wanted: bool
    ) -> list[Hashable]:
        """The normalized values of a field; none if they are not wanted.

        Notes whether one of them is no part of a key.
        """
        if isinstance(records, RawRecords):
            values = records.values(name)
        else:
            values = [each.fields.get(name) for each in records]
        if not is_wanted:
            if None in values or "" in values:
                self._empty.add(name)
            return []
        keys = normalize_values(values)
        if None in keys or "" in keys:
            self._empty.add(name)
            return []
        if {bool, float} & {*map(type, values)}:
            self._unfit.add(name)
        # -1 and -2 have the same hash.
        return ["\0-1" if key == -1 else key for key in keys] if -1 in keys else keys


def likeness(name: str) -> int:
    """How much a name looks like that of a key; 0: most."""
    return next(
        (number for number, pattern in enumerate(_NAMES) if pattern.fullmatch(name)), len(_NAMES)
    )


def _are_short(keys: Sequence[Hashable]) -> bool:
    texts = [len(key) for key in keys if isinstance(key, str)]
    return bool(keys) and sum(texts) <= _LONGEST * len(keys)
