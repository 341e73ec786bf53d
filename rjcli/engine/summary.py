"""How a push went, in one value."""

from msgspec.structs import replace

from rjcli.crash_report import error_from
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.dry_run import DryRun
from rjcli.errors import REJECTS_WORD, RjcliError
from rjcli.events import RunDescription, Status, Summary
from rjcli.run import Ledger, Run
from rjcli.run.outcome import can_resume, run_outcome
from rjcli.run.summary import summary_document


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


def summarise_failure(description: RunDescription, run: Run, failure: RjcliError) -> Summary:
    """Sum up a push of which nothing more was done after its run was opened."""
    ledger = Ledger(run)
    summary = summarise(description, ledger, DryRun(lambda *_: None), failure, is_incomplete=False)
    artifacts = run.artifacts(resumable=can_resume(failure))
    return conclude(run, replace(summary, artifacts=artifacts, first_body=None))


def conclude(run: Run, summary: Summary) -> Summary:
    """Write the summary into the run's directory; where that fails, the summary says so."""
    try:
        run.conclude(summary_document(summary))
    except Exception as error:  # noqa: BLE001 - the summary is shown whatever went wrong
        failure = error_from(error)
        if summary.message is None:
            return replace(
                summary,
                status=Status.FAILED,
                exit_code=failure.exit_code,
                message=failure.message,
                hint=failure.hint,
                error=failure.word,
            )
    return summary
