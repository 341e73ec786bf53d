"""Reads files from their beginning to their end, and says what is in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from rjcli.api.upsert import KEYS_FIELD
from rjcli.errors import InputError, UsageError
from rjcli.inspecting.keys import LIKELY, Key, KeyFinder, likeness
from rjcli.model import Block, RawRecord, RawRecords, Rejection
from rjcli.reading import Input, Source
from rjcli.reading.column_types import TypeDetector
from rjcli.reading.csv_dialect import find_delimiter
from rjcli.settings.choices import ColumnType, Dialect, HeaderEmpty
from rjcli.settings.values import InputSettings

_EXAMPLES = 3  # of rejected records
_PLAIN = 1  # how likely the name of a key must be where there is but one record
_NO_KEYS = {ColumnType.NUMBER, ColumnType.BOOLEAN}
_ENOUGH = 2  # records, to say that something is different in all of them


@dataclass(frozen=True, slots=True)
class Findings:
    """What is in the files of a table, all of which was read.

    ``formats``: of the files; ``columns``: that all of them have; ``options``: to read them
    with, by the options' keys; ``others``: keys that are possible as well; ``has_own_keys``:
    the records name their keys themselves. ``rejected``: records that cannot be loaded, the
    first of them in ``examples``. ``problem``: why they cannot be read at all.
    """

    files: tuple[str, ...]
    problem: str | None = None
    formats: tuple[str, ...] = ()
    delimiter: str | None = None
    records: int = 0
    rejected: int = 0
    examples: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    key: Key | None = None
    others: tuple[Key, ...] = ()
    has_own_keys: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def inspect(settings: InputSettings) -> Findings:
    """Look at files, which are all of one table. Where reading fails, it says why."""
    options: dict[str, Any] = {}
    while True:
        look = _Look(settings)
        try:
            look.read()
            dialect = look.dialect
            if dialect is None or "dialect" in options:
                return look.findings(options)
            change = {"dialect": dialect}
        except (InputError, UsageError) as error:
            # What the hint says is tried once.
            change = _remedy(error)
            if not change or change.keys() <= options.keys():
                hint = f"; {error.hint}" if error.hint else ""
                return Findings(settings.files, problem=f"{error.message}{hint}")
        options |= change
        settings = replace(settings, csv=replace(settings.csv, **change))


def _remedy(error: UsageError) -> dict[str, Any]:
    hint = error.hint or ""
    if "--encoding utf-16" in hint:
        return {"encoding": "utf-16"}
    if "--encoding latin-1" in hint:
        return {"encoding": "cp1252"}  # which has all of its characters, and is more common
    return {"header_empty": HeaderEmpty.NAME} if "--header-empty name" in hint else {}


class _Look:
    """One look at files."""

    def __init__(self, settings: InputSettings) -> None:
        self._settings = settings
        self._inputs = [Input(Source(file), settings) for file in settings.files]
        self._types: dict[str, ColumnType] = {}
        self._without_values: tuple[str, ...] = ()
        self._names: list[list[str]] = []  # of each file
        self._examples: list[str] = []
        self._rejected = 0
        self._has_own_keys = False
        self._notes: dict[str, None] = {}
        self._finder = KeyFinder()
        self._together: KeyFinder | None = None

    @property
    def dialect(self) -> Dialect | None:
        """The dialect that a file seems to have."""
        found = (each.suggested_dialect for each in self._inputs)
        return next(filter(None, found), None)

    def read(self) -> None:
        """Read everything, twice where no field alone is a key. Raises InputError, UsageError."""
        self._find_types()
        for each in self._inputs:
            names: list[str] = []
            for block in self._blocks(each):
                names = names or self._first_names(block)
                self._finder.add(block)
                self._note_rejections(block)
            self._names += [names] if names else []
            self._finder.end_file()
        if self._wants_more() and (together := self._finder.to_try_together()):
            self._together = finder = KeyFinder(together)
            for each in self._inputs:
                for block in self._blocks(each):
                    finder.add(block)
                finder.end_file()

    def _find_types(self) -> None:
        csv = self._settings.csv
        detector = TypeDetector(csv)
        for each in self._inputs:
            if not each.source.rereadable:
                raise UsageError(f"{each.source.name} is no file, which can be read twice")
            for _ in each.identify():
                pass
            if each.wants_types(detector):
                for _ in each.detect(detector):
                    pass
        self._types = {**csv.types, **detector.types()}
        self._without_values = detector.without_values

    def findings(self, options: Mapping[str, Any]) -> Findings:
        """What was found. ``options``: that it took."""
        first, *others = self._names or [[]]
        columns = [name for name in first if all(name in names for names in others)]
        typed = self._types.keys() - {*self._without_values}
        keys = self._keys()
        return Findings(
            self._settings.files,
            None,
            tuple(dict.fromkeys(str(each.format) for each in self._inputs)),
            self._delimiter(),
            self._finder.records + self._rejected,
            self._rejected,
            tuple(self._examples),
            tuple(columns),
            {name: self._types[name] for name in columns if name in typed},
            keys[0] if keys else None,
            tuple(keys[1:]),
            self._has_own_keys,
            options,
            tuple(self._notes),
        )

    def _keys(self) -> list[Key]:
        """What can be the key, the likeliest first."""
        unfit = {name for name, type_ in self._types.items() if type_ in _NO_KEYS} | {KEYS_FIELD}
        alone = [key for key in self._finder.found() if not unfit & {*key.fields}]
        if self._finder.records < _ENOUGH:
            return [key for key in alone if likeness(key.fields[0]) <= _PLAIN]
        together = [key for key in self._together.found() if key.in_all] if self._together else []
        likely = [key for key in alone if likeness(key.fields[0]) < LIKELY]
        unlikely = [key for key in alone if likeness(key.fields[0]) >= LIKELY and key.in_all]
        likely.sort(key=lambda key: not key.in_all)
        return [*likely, *unlikely, *together]

    def _wants_more(self) -> bool:
        return self._finder.records >= _ENOUGH and not self._keys() and not self._has_own_keys

    def _blocks(self, input_: Input) -> Iterator[Block]:
        yield from filter(len, input_.records(self._types))
        self._notes.update(dict.fromkeys(input_.take_notes()))

    def _first_names(self, block: Block) -> list[str]:
        for each in block:
            if isinstance(each, RawRecord):
                self._has_own_keys = self._has_own_keys or KEYS_FIELD in each.fields
                return [*each.fields]
        return []

    def _note_rejections(self, block: Block) -> None:
        if isinstance(block, RawRecords):
            return
        for each in block:
            if isinstance(each, Rejection):
                self._rejected += 1
                if len(self._examples) < _EXAMPLES:
                    reasons = "; ".join(each.reasons)
                    self._examples.append(f"{each.file}, line {each.line}: {reasons}")

    def _delimiter(self) -> str | None:
        for each in self._inputs:
            if each.is_delimited and each.header[0]:
                encoding = self._settings.csv.encoding
                return find_delimiter(each.header[0].decode(encoding, "replace").lstrip("\ufeff"))
        return None
