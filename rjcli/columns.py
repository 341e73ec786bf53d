"""Many rows as a few columns: most of them are never looked at one by one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, overload

from msgspec import Struct
from msgspec.structs import astuple

Row = TypeVar("Row", bound=Struct)


class Columns(Sequence[Row], Generic[Row]):
    """Rows of a struct, as one list for each of its fields, in their order.

    A row that is asked for is made then; a slice is columns again.
    """

    row: ClassVar[type[Struct]]

    def __init__(self, *columns: list[Any]) -> None:
        self._columns = columns or tuple([] for _ in self.row.__struct_fields__)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """The same rows as columns."""
        return cls(*map(list, zip(*map(astuple, rows), strict=True)))

    def column(self, name: str) -> list[Any]:
        """All values of a field."""
        return self._columns[self.row.__struct_fields__.index(name)]

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Row | Self:
        parts = [column[index] for column in self._columns]
        return type(self)(*parts) if isinstance(index, slice) else cast("Row", self.row(*parts))

    def __iter__(self) -> Iterator[Row]:
        return cast("Iterator[Row]", map(self.row, *self._columns))

    def __add__(self, others: Self) -> Self:
        pairs = zip(self._columns, others._columns, strict=True)
        return type(self)(*(column + other for column, other in pairs))
