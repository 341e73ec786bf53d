"""What must hold in the end: the table, and what is left on the disk."""

from collections.abc import Hashable
from pathlib import Path
from stat import S_IMODE

from soak.checks import check_secrecy
from soak.inputs import InputFile
from soak.process import SoakError
from soak.records import Kind, Made
from soak.table import Fields, Table

_SHOWN = 3


class Wanted:
    """What a table must hold: of each key the newest version, by the order of the input.

    Of keys in a push that was given up for another one, the table may hold any of
    its versions, or what it held before.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._allowed: dict[Hashable, set[int | None]] = {}
        self._fields: dict[int, Fields] = {}  # by version
        self._file: InputFile | None = None
        self._complete = 0  # records of the file

    def begin(self, file: InputFile) -> None:
        """Note that another push begins; the one before is over."""
        self._give_up()
        self._file, self._complete = file, 0

    def complete(self) -> None:
        """Note that everything in the file is loaded."""
        if self._file:
            self._complete = len(self._file.records)
            for made in self._file.good:
                self._allowed[self._key(made)] = {made.fields["v"]}

    def check(self) -> None:
        """Compare the table. Raises SoakError."""
        rows = self._table.rows
        wrong = [
            f"{key} holds {rows.get(key, {}).get('v')}, and {sorted(map(str, allowed))} is right"
            for key, allowed in self._allowed.items()
            if rows.get(key, {}).get("v") not in allowed
        ]
        wrong += [f"{key} is not in any file" for key in rows.keys() - self._allowed.keys()]
        wrong += [
            f"{key} holds {fields}, and {self._fields[fields['v']]} is right"
            for key, fields in rows.items()
            if not wrong and fields != self._fields[fields["v"]]
        ]
        if wrong:
            raise SoakError(f"{len(wrong)} keys are wrong: {'; '.join(wrong[:_SHOWN])}")

    def _give_up(self) -> None:
        if self._file:
            for made in self._file.records[self._complete :]:
                if made.kind is Kind.GOOD:
                    self._allowed.setdefault(self._key(made), {None}).add(made.fields["v"])

    def _key(self, made: Made) -> Hashable:
        self._fields[made.fields["v"]] = made.fields
        return self._table.key(made.fields)


def check_home(home: Path, api_key: str) -> None:
    """No file holds the API key, and all are the user's alone. Raises SoakError."""
    for path in home.rglob("*"):
        is_ours = path.parent != home or path.name.startswith("run-")
        if is_ours and ".local" not in {path.name, path.parent.name}:
            mode = S_IMODE(path.stat().st_mode)
            if mode & 0o077 and path.name != "spools":
                raise SoakError(f"{path} has mode {mode:o}")
        if path.is_file():
            check_secrecy(api_key, [path.read_bytes().decode(errors="replace")])
    if leftovers := [*(home / "spools").glob("*")]:
        raise SoakError(f"files are left over: {leftovers}")


def check_in_doubt(state: Path) -> None:
    """No file of keys in doubt is left whose time is over. Raises SoakError."""
    if leftovers := [*state.glob("tables/*/*.ndjson")]:
        raise SoakError(f"files of keys in doubt are left over: {leftovers}")
