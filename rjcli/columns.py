"""Many rows as a few columns: most of them are never looked at one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, overload

from msgspec import Struct
from msgspec.structs import astuple

Row = TypeVar("Row", bound=Struct)


class Columns(Sequence[Row], Generic[Row]):
    """Rows of a struct, as one sequence for each of its fields, in their order.

    A row that is asked for is made then; a slice is columns again.
    """

    row: ClassVar[type[Struct]]

    def __init__(self, *columns: Sequence[Any]) -> None:
        self._columns: Sequence[Sequence[Any]] = columns or [[] for _ in self.row.__struct_fields__]
        self._known: Mapping[str, Sequence[Any]] = {}
        self._make_others: Callable[[], Mapping[str, Sequence[Any]]] | None = None

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """The same rows as columns."""
        return cls(*map(list, zip(*map(astuple, rows), strict=True)))

    @classmethod
    def later(
        cls, make_others: Callable[[], Mapping[str, Sequence[Any]]], **known: Sequence[Any]
    ) -> Self:
        """Columns of which some are known, one at least; the others are made when looked at."""
        columns = cls()
        columns._known, columns._make_others = known, make_others
        return columns

    def column(self, name: str) -> Sequence[Any]:
        """All values of a field."""
        if name in self._known:
            return self._known[name]
        return self._all()[self.row.__struct_fields__.index(name)]

    def __len__(self) -> int:
        return len(next(iter(self._known.values()), self._columns[0]))

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Row | Self:
        parts = [column[index] for column in self._all()]
        return type(self)(*parts) if isinstance(index, slice) else cast("Row", self.row(*parts))

    def __iter__(self) -> Iterator[Row]:
        return cast("Iterator[Row]", map(self.row, *self._all()))

    def __add__(self, others: Self) -> Self:
        pairs = zip(self._all(), others._all(), strict=True)
        return type(self)(*(_join(column, other) for column, other in pairs))

    def _all(self) -> Sequence[Sequence[Any]]:
        if self._make_others:
            columns = {**self._known, **self._make_others()}
            self._columns = [columns[name] for name in self.row.__struct_fields__]
            self._make_others = None
        return self._columns


def _join(first: Sequence[Any], second: Sequence[Any]) -> Sequence[Any]:
    if isinstance(first, range) and isinstance(second, range) and first.stop == second.start:
        return range(first.start, second.stop)
    return [*first, *second]
