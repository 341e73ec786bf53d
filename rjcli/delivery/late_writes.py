"""Late writes: requests that brought no answer may be applied after newer versions of their keys.

Such a request's keys are remembered. Where a newer version of one is accepted
afterwards, that version is kept, and is to be sent again once the request
cannot be under way any more. As long as no request is in doubt, and for keys
that come only once, nothing is kept.
"""

from collections.abc import Hashable, Iterable, Sequence

from rjcli.model import Record


class LateWrites:
    """Remembers which keys may be overwritten late, and their newest versions.

    It relies on the order of keys: what is accepted after a doubt is newer.
    """

    def __init__(self) -> None:
        self._keys_in_doubt: set[Hashable] = set()
        self._newest: dict[Hashable, Record] = {}
        self._news: list[Hashable] = []  # suspects that nobody has asked for yet
        self.last_doubt = 0.0  # on the caller's clock

    def doubt(self, keys: Iterable[Hashable], now: float) -> None:
        """A request for these keys brought no answer, and may still be applied."""
        self.last_doubt = now
        news = {*keys} - self._keys_in_doubt
        self._news += news
        self._keys_in_doubt |= news

    def accept(self, records: Sequence[Record], *, in_doubt: bool = False) -> None:
        """Records were accepted, in the order in which they stand in the input.

        ``in_doubt``: the same records may be under way in an earlier request, too.
        """
        if not (self._keys_in_doubt or in_doubt):
            return
        for record in records:
            if record.key in self._keys_in_doubt:
                self._newest[record.key] = record
            elif in_doubt:
                self._keys_in_doubt.add(record.key)
                self._news.append(record.key)

    def take_news(self) -> list[Hashable]:
        """The suspects since it was last asked, to be remembered by a run that may be killed."""
        news, self._news = self._news, []
        return news

    @property
    def newest(self) -> list[Record]:
        """The records to send again: the newest version of each key that may be overwritten."""
        return [*self._newest.values()]
