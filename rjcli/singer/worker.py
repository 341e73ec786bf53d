"""The process that reads a tap's output for the target that started it."""

from rjcli.producer.worker import serve
from rjcli.singer.reader import Reader


def main() -> None:
    """Read what a task says."""
    serve(Reader)
