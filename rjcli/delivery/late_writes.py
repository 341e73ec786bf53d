"""Late writes: a request without an answer may be applied after newer versions of its keys.

The keys of such a request are in doubt for as long as it may be under way
(``--settle``). Where a newer version of one is accepted meanwhile, it is kept, and
is to be sent once more when the doubt is over. While nothing is in doubt nothing
is kept, and for keys that come only once nothing is sent again.

Keys are in doubt by their normalized form. Under one of these there may be
several keys that only look alike, such as ``4`` and ``"4.0"``: the newest version of
each exact key is kept, in input order, so that it makes no difference which
of them the API takes for one.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import count

from rjcli.model import Doubt, Record, Records
from rjcli.preparing.key_normalization import exact_key

_RETRY_SECONDS = 1.0  # until a key that is under way is looked at again


class LateWrites:
    """The keys of one table that are in doubt, and their newest versions.

    ``settle``: seconds for which a request without an answer may still be applied; 0
    turns all of this off. It relies on the order of keys: of two records with one
    normalized key, the one that is accepted later is the newer one.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._doubts: dict[Hashable, Doubt] = {}
        # When a doubt may be over; a heap, whose numbers keep keys from being compared.
        self._queue: list[tuple[float, int, Hashable]] = []
        self._numbers = count()
        self._changed: set[Hashable] = set()
        self._inherited_to = 0
        self._inherited_until = 0.0

    def restore(self, doubts: Mapping[Hashable, Doubt]) -> None:
        """Take over what earlier runs left in doubt."""
        self._doubts.update(doubts)
        for key, doubt in doubts.items():
            self._look_at(key, doubt.until)

    def inherit(self, position: int, until: float) -> None:
        """Until this moment, all records up to a position may be under way from an earlier run."""
        self._inherited_to, self._inherited_until = position, until

    def doubt(self, records: Iterable[Record], now: float) -> None:
        """Note that a request with these records brought no answer, and may still be applied."""
        if self._settle:
            self._doubt_until(records, now + self._settle)

    def accept(self, records: Records, began: float, *, is_repeat: bool = False) -> None:
        """Note that records were accepted, by a request that began at a moment.

        ``is_repeat``: they were sent again, and newer ones are accepted after them.
        """
        is_inherited = began < self._inherited_until and records[0].position <= self._inherited_to
        is_doubted = self._doubts and not self._doubts.keys().isdisjoint(records.column("key"))
        if not (is_inherited or is_doubted):
            return
        for record in records:
            doubt = self._doubts.get(record.key)
            if doubt is not None:
                self._accept_newer(doubt, record, began, is_repeat=is_repeat)
            if is_inherited and record.position <= self._inherited_to:
                self._doubt_until([record], self._inherited_until)

    def due(self, now: float, is_under_way: Callable[[Hashable], bool]) -> list[Record]:
        """Return the records to send again now, those of one normalized key in input order.

        They stay in doubt until ``accept`` or ``give_up``. A key of which a version is
        under way has to wait: that one is newer.
        """
        records: list[Record] = []
        while self._queue and self._queue[0][0] <= now:
            _, _, key = heappop(self._queue)
            doubt = self._doubts.get(key)
            if doubt is None or doubt.until > now or doubt.is_repeating:
                continue
            if not doubt.newest:
                self._forget(key)
            elif is_under_way(key):
                self._look_at(key, now + _RETRY_SECONDS)
            else:
                records += doubt.newest.values()
                doubt.is_repeating = True
        return records

    def give_up(self, record: Record) -> None:
        """Do not send a record again, as it is refused."""
        doubt = self._doubts.get(record.key)
        if doubt and doubt.newest.pop(exact_key(record), None):
            self._changed.add(record.key)
            if doubt.is_repeating and not doubt.newest:
                self._forget(record.key)

    @property
    def to_repeat(self) -> int:
        """How many records are to be sent again when their time has come."""
        return sum(len(doubt.newest) for doubt in self._doubts.values())

    @property
    def last_until(self) -> float:
        """When the last record that is to be sent again can be."""
        return max((doubt.until for doubt in self._doubts.values() if doubt.newest), default=0.0)

    def take_changes(self) -> dict[Hashable, Doubt | None]:
        """The doubts that changed since the last call; None for those that are over."""
        changes = {key: self._doubts.get(key) for key in self._changed}
        self._changed.clear()
        return changes

    def _doubt_until(self, records: Iterable[Record], until: float) -> None:
        for record in records:
            version = _version_of(record)
            doubt = self._doubts.setdefault(record.key, Doubt(until, version, {}))
            doubt.until = max(doubt.until, until)
            if doubt.is_repeating:  # nothing else is under way
                doubt.version, doubt.is_repeating = version, False
            elif doubt.version != version:
                doubt.version = None
            self._look_at(record.key, until)
            self._changed.add(record.key)

    def _look_at(self, key: Hashable, moment: float) -> None:
        heappush(self._queue, (moment, next(self._numbers), key))

    def _accept_newer(self, doubt: Doubt, record: Record, began: float, *, is_repeat: bool) -> None:
        key = exact_key(record)
        doubt.newest.pop(key, None)
        if began < doubt.until:
            # The same bytes again are what the late request would write.
            if doubt.newest or doubt.version != _version_of(record):
                doubt.newest[key] = record
        elif not doubt.newest:
            self._forget(record.key)
        elif not is_repeat:  # what is still to be sent again looks alike, and is older
            doubt.newest[key] = record
        self._changed.add(record.key)

    def _forget(self, key: Hashable) -> None:
        del self._doubts[key]
        self._changed.add(key)


def _version_of(record: Record) -> bytes:
    return blake2b(record.opening + record.json, digest_size=16).digest()
