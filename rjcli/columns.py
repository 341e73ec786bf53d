"""Many rows as a few columns: most of them are never looked at one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, overload

from msgspec import Struct
from msgspec.structs import astuple

Row = TypeVar("Row", bound=Struct)
Value = TypeVar("Value")


class Repeated(Sequence[Value]):
    """One value, so many times."""

    __slots__ = ("_count", "value")

    def __init__(self, value: Value, count: int) -> None:
        self.value = value
        self._count = count

    def __reduce__(self) -> tuple[type, tuple[Value, int]]:
        return Repeated, (self.value, self._count)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int | slice) -> Any:
        places = range(self._count)[index]
        return type(self)(self.value, len(places)) if isinstance(places, range) else self.value

    def __iter__(self) -> Iterator[Value]:
        return repeat(self.value, self._count)


class Columns(Sequence[Row], Generic[Row]):
    """Rows of a struct, as one sequence for each of its fields, in their order.

    A row that is asked for is made then; a slice is columns again.
    """

    row: ClassVar[type[Struct]]

    def __init__(self, *columns: Sequence[Any]) -> None:
        names = self.row.__struct_fields__
        self._columns: Mapping[str, Sequence[Any]] = dict(
            zip(names, columns or [()] * len(names), strict=True)
        )
        self._length = len(columns[0]) if columns else 0
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
        columns._columns, columns._make_others = known, make_others
        columns._length = len(next(iter(known.values())))
        return columns

    def column(self, name: str) -> Sequence[Any]:
        """All values of a field."""
        return (self._columns if name in self._columns else self._all())[name]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Row | Self:
        parts = [column[index] for column in self._all().values()]
        return type(self)(*parts) if isinstance(index, slice) else cast("Row", self.row(*parts))

    def __iter__(self) -> Iterator[Row]:
        return cast("Iterator[Row]", map(self.row, *self._all().values()))

    def __add__(self, others: Self) -> Self:
        pairs = zip(self._all().values(), others._all().values(), strict=True)
        return type(self)(*(_join(column, other) for column, other in pairs))

    def _all(self) -> Mapping[str, Sequence[Any]]:
        if self._make_others:
            columns = {**self._columns, **self._make_others()}
            self._columns = {name: columns[name] for name in self.row.__struct_fields__}
            self._make_others = None
        return self._columns


def _join(first: Sequence[Any], second: Sequence[Any]) -> Sequence[Any]:
    match first, second:
        case range(step=step), range() if first and second and step == second.step:
            if second[0] - first[-1] == step:
                return range(first.start, second.stop, step)
        case Repeated(), Repeated() if first.value == second.value:
            return Repeated(first.value, len(first) + len(second))
    return [*first, *second]
