"""``rjcli.push``, ``rjcli.push_async`` and ``rjcli.push_files``."""

import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any

from rjcli.errors import UsageError
from rjcli.library.call import Callbacks, OnNote, OnReject, OnResult, PushCall
from rjcli.library.result import Result
from rjcli.library.threads import LoopThread
from rjcli.producer.feed import Feed

Record = Mapping[str, Any] | bytes
Records = Iterable[Record] | AsyncIterable[Record]
Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_MOST_REJECTS = 1000


def push(
    records: Records,
    *,
    table: str,
    keys: Sequence[str] = (),
    on_reject: OnReject | None = None,
    on_note: OnNote | None = None,
    most_rejects: int = _MOST_REJECTS,
    **options: Any,
) -> Result:
    """Push records to a table; return how it went.

    ``records``: an iterable or async iterable of mappings, or of bytes that are JSON
    objects and are sent as they stand. Mappings are written exactly: integers of any
    size, Decimal with its digits, date, datetime, UUID; a record with NaN, or anything
    else that JSON cannot hold, is rejected. A plain iterable is iterated in the calling
    thread.

    ``keys``: names of the primary-key fields; without them each record brings its own
    ``keys``. ``environment`` ("production", "sandbox" or "local"), ``base_url``, ``profile``,
    ``client_id``, ``api_key`` or ``api_key_file`` say where to push, and as whom; what is
    missing comes from RJCLI_CLIENT_ID, RJCLI_API_KEY and the profile. All other
    ``options`` are those of ``rjcli push`` that do not concern files, by their names:
    ``jobs=16``, ``retry_for="15m"``, ``rename={"mail": "email"}``.

    ``on_reject`` is called with each rejected record, ``on_note`` with what people should
    know, both from another thread. ``most_rejects``: so many are kept in the result.

    Raises UsageError for bad arguments before anything is sent, and nothing for what
    happens on the way: see ``Result.check``. KeyboardInterrupt stops in good order.
    """
    _check(records)
    callbacks = Callbacks(on_reject, on_note)
    call = PushCall({"table": table, "keys": keys, **options}, callbacks, most_rejects)
    feed = Feed()
    if isinstance(records, AsyncIterable):
        with LoopThread(call, lambda: call.push_pumped(records, feed)) as thread:
            return thread.result()
    with LoopThread(call, lambda: call.push_handed_over(feed)) as thread:
        thread.hand_over(records, feed)
        return thread.result()


async def push_async(
    records: Records,
    *,
    table: str,
    keys: Sequence[str] = (),
    on_reject: OnReject | None = None,
    on_note: OnNote | None = None,
    on_result: OnResult | None = None,
    most_rejects: int = _MOST_REJECTS,
    **options: Any,
) -> Result:
    """Push records within the running event loop; otherwise as ``push`` does.

    A plain iterable is iterated in the event loop, and should not block. Cancelling
    stops in good order: requests in flight have ten seconds, unless it is cancelled
    again. ``on_result`` is called with the result, also when it was cancelled.
    """
    _check(records)
    callbacks = Callbacks(on_reject, on_note, on_result)
    call = PushCall({"table": table, "keys": keys, **options}, callbacks, most_rejects)
    return await call.push_pumped(records, Feed())


def push_files(
    files: Files,
    *,
    table: str,
    keys: Sequence[str] = (),
    on_reject: OnReject | None = None,
    on_note: OnNote | None = None,
    most_rejects: int = _MOST_REJECTS,
    **options: Any,
) -> Result:
    """Push files to a table, as ``rjcli push`` does; return how it went.

    All its options are taken by their names: ``format="csv"``, ``type={"zip": "string"}``,
    ``resume="auto"``. The run is kept in the user's state directory, or in ``run_dir``, and
    ``rjcli runs`` lists it. All else is as with ``push``.
    """
    callbacks = Callbacks(on_reject, on_note)
    given = {"files": files, "table": table, "keys": keys, **options}
    call = PushCall(given, callbacks, most_rejects, in_files=True)
    with LoopThread(call, call.push_files) as thread:
        return thread.result()


def _check(records: object) -> None:
    if isinstance(records, (str, bytes, Mapping)) or not isinstance(
        records, (Iterable, AsyncIterable)
    ):
        raise UsageError(
            f"records must be an iterable of mappings or bytes, not {type(records).__name__}"
        )
