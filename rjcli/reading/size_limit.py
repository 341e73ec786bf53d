"""Records that are longer than what may be held in memory."""

from rjcli.model import Rejection, Stage


def too_long(max_record_bytes: int) -> str:
    """The reason to reject a record that is too long."""
    return f"the record is longer than {max_record_bytes:,} bytes; see --max-record-bytes"


def reject_too_long(file: str, line: int, number: int, max_record_bytes: int) -> Rejection:
    """Reject a record without its text, which was not kept."""
    return Rejection(Stage.READ, file, line, number, b"", (too_long(max_record_bytes),))
