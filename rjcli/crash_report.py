"""An unforeseen error, told without its text and its values: those may hold anything."""

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from rjcli.errors import DefectError

TRACE_VARIABLE = "RJCLI_TRACE"


def crash_error(error: BaseException) -> DefectError:
    """Say what kind of error happened where, and how to find out more."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frame.filename).name}, line {frame.lineno}"
    return DefectError(
        f"a defect in rjcli: {type(error).__name__} in {where}",
        hint=f"please report it, with the version that rjcli --version shows and what it prints"
        f" with {TRACE_VARIABLE}=1, which is the way through the code and none of your data",
    )


def trace(error: BaseException, environ: Mapping[str, str]) -> Iterator[str]:
    """If it is asked for: each frame on the way to an error, and to those that led to it."""
    if environ.get(TRACE_VARIABLE, "") in {"", "0"}:
        return
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for each in reversed(chain):
        for frame in traceback.extract_tb(each.__traceback__):
            # What is above the package tells where things are installed, and to whom.
            file = "/".join(Path(frame.filename).parts[-2:])
            yield f"{file}, line {frame.lineno}, in {frame.name}"
        yield type(each).__name__
