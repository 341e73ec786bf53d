"""Reports unforeseen errors without their texts and values, which may hold anything."""

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from rjcli.errors import DefectError

TRACE_VARIABLE = "RJCLI_TRACE"


def crash_error(error: BaseException) -> DefectError:
    """Say what kind of error happened where, and how to find out more."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "no frame"
    return DefectError(
        f"a defect in rjcli: {type(error).__name__} in {where}",
        hint=f"please report it, with the version that rjcli --version shows and what it prints"
        f" with {TRACE_VARIABLE}=1, which is the way through the code and none of your data",
    )


def trace(error: BaseException, environ: Mapping[str, str]) -> Iterator[str]:
    """The frames that led to an error and to its causes, if RJCLI_TRACE asks for them."""
    if environ.get(TRACE_VARIABLE, "") in {"", "0"}:
        return
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for each in reversed(chain):
        for frame in traceback.extract_tb(each.__traceback__):
            # The rest of the path shows where things are installed, and for whom.
            file = "/".join(Path(frame.filename).parts[-2:])
            yield f"{file}, line {frame.lineno}, in {frame.name}"
        yield type(each).__name__
