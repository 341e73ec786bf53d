"""What an exception is reported as, without the text of one that may hold anything."""

import os
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from rjcli.errors import DefectError, DiskError, RjcliError, UnfinishedError, UsageError
from rjcli.private_file import DISK_ERRORS

TRACE_VARIABLE = "RJCLI_TRACE"
_NO_THREAD = ("can't start new thread",)  # a RuntimeError, where there is no memory for one


def error_from(error: BaseException) -> RjcliError:
    """The error that an exception is reported as: what the system refuses is no defect."""
    memory = "see that there is enough memory, or push with fewer --jobs"
    match error:
        case RjcliError():
            return error
        case _ if isinstance(error, MemoryError) or error.args == _NO_THREAD:
            return UnfinishedError("there is not enough memory", hint=memory)
        # Of what is only imported when it is needed; the latter, of a library without memory.
        case ImportError() | SystemError():
            name = getattr(error, "name", None) or "a library"
            return UnfinishedError(
                f"a part of rjcli cannot be loaded: {name}",
                hint=f"{memory}; if there is, install rjcli anew",
            )
        case FileNotFoundError() if not _has_working_directory():
            return UsageError("the working directory was deleted", hint="cd to another one")
        case OSError():  # such as too many open files
            kind = DiskError if error.errno in DISK_ERRORS else UnfinishedError
            reason = error.strerror or type(error).__name__
            return kind(f"the system refuses: {reason}", hint="fix that, and try again")
    return crash_error(error)


def _has_working_directory() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - it does no more
    except FileNotFoundError:
        return False
    return True


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
