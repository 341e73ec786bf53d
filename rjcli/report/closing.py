"""The closing lines of a push."""

from rich.filesize import decimal

from rjcli.errors import plural
from rjcli.events import Summary
from rjcli.report.lines import MESSAGE_CHARACTERS, shortened

_MOST_FILES = 10  # of rejects that are named


def summary_lines(summary: Summary) -> list[str]:
    """The account, what it took, and what was found in the inputs."""
    counts = summary.counts
    account = (
        f"read {counts.read:,} = accepted {counts.accepted:,} + rejected {counts.rejected:,}"
        f" + unknown {counts.unknown:,} + unsent {counts.unsent:,}"
    )
    requests = plural(summary.requests, "request")
    if summary.run.dry_run:
        effort = f"a push would send {requests}, {decimal(summary.bytes_sent)}"
    else:
        rate = (counts.accepted + counts.rejected - summary.settled_before) / max(
            summary.seconds, 0.001
        )
        effort = (
            f"{requests}, up to {summary.concurrency} in flight,"
            f" {decimal(summary.bytes_read)} read, {decimal(summary.bytes_sent)} sent,"
            f" {summary.seconds:.1f} s, {rate:,.0f} records/s"
        )
    lines = [account, effort]
    if summary.column_types:
        types = [f"{name} {type_}" for name, type_ in summary.column_types.items()]
        lines.append(shortened(f"column types: {', '.join(types)}"))
    if summary.first_body is not None:
        lines += ["the first request's body:", shortened(body := summary.first_body.decode())]
        if len(body) > MESSAGE_CHARACTERS:
            lines.append(f"({len(summary.first_body):,} bytes; --json shows all of them)")
    return lines


def next_steps(summary: Summary) -> list[tuple[str, str]]:
    """What to do where not every record was accepted: purposes, and paths or commands to copy."""
    artifacts, counts = summary.artifacts, summary.counts
    if artifacts is None:
        return []
    steps = [("rejects", path) for path in artifacts.rejects[:_MOST_FILES]]
    if artifacts.errors:
        steps.append(("what is wrong with each", artifacts.errors))
    if artifacts.retry:
        steps.append(("once they are fixed", artifacts.retry))
    if artifacts.resume:
        left = counts.unknown + counts.unsent
        rest = f"the other {left:,} of them and " if left else ""
        steps.append((f"to load {rest}what has not been read", artifacts.resume))
    return steps
