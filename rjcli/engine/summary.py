"""How a push went, in one value."""

from rjcli.delivery.delivery import Delivery
from rjcli.delivery.dry_run import DryRun
from rjcli.errors import REJECTS_WORD, RjcliError
from rjcli.events import RunDescription, Summary
from rjcli.run import Ledger
from rjcli.run.outcome import run_outcome


def summarise(
    description: RunDescription,
    ledger: Ledger,
    delivery: Delivery | DryRun,
    failure: RjcliError | None,
    *,
    is_incomplete: bool,
) -> Summary:
    """Sum up records and requests of a push.

    ``is_incomplete``: something that was asked for could not be done.
    """
    counts, tally = ledger.counts, delivery.tally
    # Rejects that were reported when the run was finished before are not reported again.
    has_rejects = counts.rejected > ledger.reported_before
    status, exit_code = run_outcome(failure, is_incomplete=has_rejects or is_incomplete)
    return Summary(
        description,
        status,
        exit_code,
        counts,
        batches_accepted=tally.accepted,
        batches_retried=tally.retried,
        batches_split=tally.split,
        requests=tally.requests,
        bytes_sent=tally.bytes_sent,
        concurrency=delivery.limit,
        message=failure.message if failure else None,
        hint=failure.hint if failure else None,
        error=failure.word if failure else REJECTS_WORD if exit_code else None,
        column_types=ledger.column_types or {},
        first_body=delivery.first_body if isinstance(delivery, DryRun) else None,
        settled_before=ledger.settled_before,
    )
