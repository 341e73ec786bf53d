"""Tables as lines of text."""

from collections.abc import Sequence

from rjcli.visible_text import visible

USUAL_WIDTH = 80
_LEAST_CELL = 12  # of the first column, where there is no room


def table_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[str]:
    """A table, with numbers at the right of their columns.

    ``width``: of the terminal; longer names in the first column are cut to fit. None: there
    is no terminal, and names stay whole.
    """
    cells = [[*map(visible, row)] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= (width or USUAL_WIDTH) else 1
    total = sum(widths) + gap * (len(widths) - 1)
    if width is not None and total > width:
        widths[0] = max(widths[0] - (total - width), _LEAST_CELL)
    is_number = [
        all(_is_number(row[place]) for row in cells[1:]) and len(cells) > 1
        for place in range(len(widths))
    ]
    return [
        (" " * gap)
        .join(
            _cut(cell, size).rjust(size) if number else _cut(cell, size).ljust(size)
            for cell, size, number in zip(row, widths, is_number, strict=True)
        )
        .rstrip()
        for row in cells
    ]


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(",", "").isdecimal()


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"
