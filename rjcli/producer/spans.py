"""Blocks of raw records become messages: rejections, and spans with the batches to send."""

import hashlib
import time
from collections.abc import Iterator, Sequence

from rjcli.errors import UsageError, show_names
from rjcli.model import Block, Records, Rejection
from rjcli.preparing.batcher import Batcher, make_batch
from rjcli.preparing.preparer import Preparer
from rjcli.producer.messages import FieldsUnused, Message, RecordRejected, SpanRead
from rjcli.settings.values import PushSettings

_RECORDS_TO_JUDGE_BY = 100
_RECORDS_AT_A_TIME = 1000
_MOST_IN_A_SPAN = 10_000  # records: so many rejections are held while a batch fills
_CHARACTERS_SHOWN = 40  # of a name


class SpanMaker:
    """Prepares records, cuts them into batches, and closes spans.

    ``position``: of the last record of the inputs so far. ``read``: how many were read.
    ``has_digest``: whether the input can be read again, and recognized by its digest.
    """

    def __init__(self, settings: PushSettings, read: int = 0, *, has_digest: bool = True) -> None:
        self._settings = settings
        self._preparer = Preparer(
            settings.keys, settings.shape, allow_empty_keys=settings.allow_empty_keys
        )
        delivery = settings.delivery
        self._batcher = Batcher(delivery.batch_size, delivery.max_batch_bytes)
        self.position = 0
        self.read = read
        self._is_new = read == 0
        self._has_digest = has_digest
        self._digest = hashlib.sha256()  # of the records before those in self._raws
        self._raws: list[bytes] = []
        self._header = b""  # that comes before the next record
        self._flush_at: float | None = None  # when the part-filled batch has waited long enough

    def start_input(self, header: bytes) -> None:
        """Begin another input; its header is part of the digest."""
        self._header = header

    def skip(self, block: Block) -> None:
        """Pass over records without preparing them."""
        self._see([item.raw for item in block])

    def pass_settled(self, block: Block) -> str:
        """Pass over records that an earlier run settled; return the digest of all up to there."""
        self.skip(block)
        self._digest_seen()
        return self._digest.hexdigest()

    def add(self, block: Block) -> Iterator[Message]:
        """Yield the messages of the next records. Raises UsageError if none can have a key."""
        for prepared in self._preparer.prepare(block, self.position + 1):
            if isinstance(prepared, Records):
                yield from self._fill(prepared)
            else:
                yield from self._reject(prepared)

    def flush(self) -> Iterator[Message]:
        """Close the last span, with the batch that was part-filled."""
        self._flush_at = None
        records = self._batcher.flush()
        if records or self._raws:
            yield self._close_span(records)

    def flush_if_due(self) -> Iterator[Message]:
        """Close the last span if the part-filled batch has waited long enough."""
        if not self._batcher.pending:
            return
        now = time.monotonic()
        if self._flush_at is None:
            self._flush_at = now + self._settings.delivery.flush_after
        elif now >= self._flush_at:
            yield from self.flush()

    def finish(self) -> Iterator[Message]:
        """Yield what is left at the end of all inputs. Raises UsageError as ``add`` does."""
        yield from self.flush()
        self._check_keys()
        if self._is_new and self.read and (unused := self._preparer.unused_names):
            yield FieldsUnused(tuple(unused))

    @property
    def seconds_to_wait(self) -> float | None:
        """How long the part-filled batch may wait for more; None: as long as it takes."""
        return None if self._flush_at is None else max(0.0, self._flush_at - time.monotonic())

    def _see(self, raws: Sequence[bytes]) -> None:
        first = len(self._raws)
        self._raws += raws
        self.position += len(raws)
        if raws and self._header:
            self._raws[first] = self._header + self._raws[first]
            self._header = b""

    def _digest_seen(self, but: int = 0) -> None:
        """Add the bytes that were read to the digest, but for some last records."""
        count = len(self._raws) - but
        if count and self._has_digest:
            self._digest.update(b"\n".join([*self._raws[:count], b""]))
        del self._raws[:count]

    def _close_span(self, records: Records | None = None) -> SpanRead:
        """Close a span; records that wait for the next batch stay."""
        pending = self._batcher.pending
        self._digest_seen(but=pending)
        end, digest = self.position - pending, self._digest.digest()
        return SpanRead(end, digest, make_batch(records) if records else None, self.read)

    def _fill(self, records: Records) -> Iterator[Message]:
        self._see(records.column("raw"))
        self.read += len(records)
        self._batcher.add(records)
        while cut := self._batcher.cut():
            self._flush_at = None
            yield self._close_span(cut)

    def _reject(self, rejection: Rejection) -> Iterator[Message]:
        """Pass on a record that cannot be sent; close a span that has collected many."""
        self._see([rejection.raw])
        self.read += 1
        if self.read == _RECORDS_TO_JUDGE_BY:
            self._check_keys()
        yield RecordRejected(rejection, self.read)
        held = len(self._raws)
        if held >= _MOST_IN_A_SPAN or (held >= _RECORDS_AT_A_TIME and not self._batcher.pending):
            yield from self.flush()

    def _check_keys(self) -> None:
        """Where no record has what its key needs, the command or the input is wrong as a whole."""
        preparer = self._preparer
        if not (self._is_new and self.read):
            return
        if preparer.keyless == self.read:
            raise UsageError(
                f"no --keys given, and none of the first {self.read:,} records has its own",
                hint="name the fields that make a record's key, as in --keys id",
            )
        for name, count in preparer.missing.items():
            if count == self.read:
                raise UsageError(
                    f"none of the first {self.read:,} records has the key field {name!r};"
                    f" the last of them has {show_names(preparer.field_names) or 'no fields'}",
                    hint=_suggest(name, preparer.field_names),
                )


def _suggest(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    folded = {each.casefold(): each for each in names}
    near = get_close_matches(name.casefold(), folded, n=1)
    if near:
        return f"did you mean --keys {_short(folded[near[0]])}?"
    return "name fields that the records have, as in --keys id"


def _short(name: str) -> str:
    return name if len(name) <= _CHARACTERS_SHOWN else f"{name[:_CHARACTERS_SHOWN]}…"
