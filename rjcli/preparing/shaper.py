"""Shaping: fields are selected, renamed and set; the values that stay keep their exact text."""

from collections.abc import Iterable
from json.encoder import encode_basestring

from msgspec.structs import replace

from rjcli.api.upsert import KEYS_FIELD
from rjcli.json_text import members, parse_value
from rjcli.model import RawRecord
from rjcli.settings.shape import ShapeSettings


class UnshapeableError(ValueError):
    """A record that cannot be given the shape; its argument is the reason."""


class Shaper:
    """Gives records the shape that the settings ask for: select, then rename, then set.

    A record's own ``keys`` always stays. Columns of a CSV that are renamed by
    position have their new names already.
    """

    def __init__(self, settings: ShapeSettings) -> None:
        positions = settings.positions
        self._select = settings.select and {
            *settings.select,
            *(positions[old] for old in settings.select if old in positions),
            KEYS_FIELD,
        }
        self._rename = settings.rename
        self._positions = {new: old for old, new in positions.items()}
        self._unused = {*(settings.select or ()), *settings.rename}
        self._constants = settings.constants
        self._constant_values = {
            name: parse_value(text) for name, text in settings.constants.items()
        }

    @property
    def unused_names(self) -> list[str]:
        """Names of fields to select or to rename that no record has had."""
        return sorted(self._unused)

    def shape(self, raw: RawRecord) -> RawRecord:
        """Give a record its shape. Raises UnshapeableError if two fields get one name."""
        texts: dict[str, bytes] = {}
        fields = {}
        for name, text in members(raw.json).items():
            self._unused.discard(name)
            self._unused.discard(self._positions.get(name, name))
            if self._select and name not in self._select:
                continue
            new_name = self._rename.get(name, name)
            if new_name in texts:
                raise UnshapeableError(f"--rename makes two fields named {new_name!r}")
            texts[new_name] = text
            fields[new_name] = raw.fields[name]
        texts.update(self._constants)
        fields.update(self._constant_values)
        return replace(raw, json=_object(texts.items()), fields=fields)


def _object(texts: Iterable[tuple[str, bytes]]) -> bytes:
    named = [encode_basestring(name).encode() + b":" + text for name, text in texts]
    return b"{" + b",".join(named) + b"}"
