"""What must hold after each invocation. Each check raises SoakError."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from soak.inputs import InputFile, Reject
from soak.plan import Act
from soak.process import Ended, SoakError
from soak.records import Kind
from soak.table import Table

_STATUS = {0: "complete", 3: "rejects", 5: "failed", 130: "interrupted", 143: "interrupted"}
_SIGNALLED = {
    Act.INT: {130},
    Act.TERM: {143},
    Act.TWICE: {130, 143, -2, -15},
    Act.KILL: {-9},
}
_TOO_LATE = {Act.INT: {-2, 130}, Act.TERM: {-15}}  # the process was about to end
_ERRORS = "errors.ndjson"


def check_exit(ended: Ended, act: Act | None) -> None:
    """The exit code is one that can be, and nothing looks like a defect."""
    possible = {0, 3, 5}
    if act:
        possible |= _SIGNALLED.get(act, set())
        possible |= _TOO_LATE.get(act, set()) if ended.document else set()
    if ended.exit_code not in possible:
        raise SoakError(f"it ended with {ended.exit_code}: {message_of(ended)}")
    if "Traceback" in ended.stderr:
        raise SoakError(f"it shows a traceback: {ended.stderr}")
    if ended.exit_code >= 0 and ended.document is None:
        raise SoakError(f"it ended with {ended.exit_code}, and printed no account: {ended.stderr}")


def check_account(ended: Ended, file: InputFile, reported: int) -> None:
    """The account adds up, and fits the input where it was pushed to its end.

    ``reported``: rejects that were reported when the push was complete before.
    """
    document = ended.document
    if document is None:
        return
    records = document.get("records", {})
    fates = ("accepted", "rejected", "unknown", "unsent")
    if "read" in records and records["read"] != sum(records[fate] for fate in fates):
        raise SoakError(f"the account does not add up: {records}")
    stated = (document["exit_code"], document["status"])
    is_same = stated[0] == ended.exit_code or stated[0] in {0, 3} or ended.exit_code < 0
    if stated[1] != _STATUS.get(stated[0]) or not is_same:
        raise SoakError(f"it says {stated}, and ended with {ended.exit_code}")
    if stated[0] not in {0, 3}:
        return
    good, size = len(file.good), len(file.records)
    wanted = {"accepted": good, "rejected": size - good, "unknown": 0, "unsent": 0, "read": size}
    if records != wanted:
        raise SoakError(f"it is complete with {records}, and {wanted} is right")
    if stated[0] != (3 if size - good > reported else 0):
        raise SoakError(
            f"it ended with {stated[0]}, and {size - good} records are bad, of which"
            f" {reported} were reported before"
        )


def check_run(
    directory: Path, file: InputFile, table: Table, document: Mapping[str, Any] | None
) -> None:
    """The checkpoint covers only what is settled, and the rejects are those of the input.

    ``document``: the account of a push that ended in order; None of one that did not.
    """
    path = directory / "checkpoint.json"
    if not path.exists():
        return
    checkpoint = json.loads(path.read_bytes())
    prefix = file.records[: checkpoint["records"]]
    early = [made.fields["v"] for made in prefix if made.kind is Kind.GOOD]
    missing = [version for version in early if version not in table.acknowledged]
    if missing:
        raise SoakError(f"the checkpoint covers {len(missing)} records never acknowledged")
    counts = (checkpoint["accepted"], checkpoint["rejected"])
    if counts != (len(early), len(prefix) - len(early)):
        raise SoakError(f"the checkpoint of {len(prefix)} records counts {counts}")
    rejects = [*file.rejects()]
    covered = [reject for reject in rejects if reject.number <= len(prefix)]
    _check_rejects(directory, file, rejects, covered, checkpoint["sizes"])
    if document is None:
        return
    if document["records"]["rejected"]:
        written = _check_rejects(directory, file, rejects, covered, None)
        if len(written) != document["records"]["rejected"]:
            raise SoakError(f"{len(written)} rejects are written: {document['records']}")
    summary = json.loads((directory / "summary.json").read_bytes())
    if summary != document:
        raise SoakError("the summary says something else than --json")


def _check_rejects(
    directory: Path,
    file: InputFile,
    rejects: Iterable[Reject],
    covered: Iterable[Reject],
    sizes: Mapping[str, int] | None,
) -> list[Reject]:
    """Check the files of rejects, up to some sizes or to their ends; return what is in them.

    They hold those that are ``covered``, and maybe more of all ``rejects``, each
    once and in order.
    """
    size = None if sizes is None else sizes.get(_ERRORS, 0)
    lines = _read(directory / _ERRORS)[:size].splitlines()
    stated = [json.loads(line) for line in lines]
    by_number = {reject.number: reject for reject in rejects}
    written = [by_number[each["record"]] for each in stated if each["record"] in by_number]
    facts = [(each["record"], each["line"], each["stage"], each["status"]) for each in stated]
    if facts != [reject[:4] for reject in written] or facts != sorted(set(facts)):
        raise SoakError(f"errors.ndjson says {facts[:3]} …, and {written[:3]} … is right")
    beginning = [*covered]
    if written[: len(beginning)] != beginning or (sizes is not None and written != beginning):
        raise SoakError(f"errors.ndjson lacks some of {len(beginning)} rejects of the prefix")
    paths = [*directory.glob("rejects*")]
    content = _read(paths[0]) if paths else b""
    if sizes is not None:
        content = content[: sizes.get(paths[0].name, 0)] if paths else b""
    if len(paths) > 1 or content != file.rejects_text(written):
        raise SoakError(f"the rejects are not as they came: {[path.name for path in paths]}")
    return written


def check_secrecy(api_key: str, texts: Iterable[str]) -> None:
    """No text holds the API key, as it is or as an address has it."""
    for text in texts:
        for spelling in {api_key, quote(api_key, safe=""), quote(api_key)}:
            if spelling in text:
                raise SoakError(f"the API key is shown: {text[:2000]}")


def checkpoint_of(directory: Path | None) -> Mapping[str, Any]:
    """A run's checkpoint; empty if there is none."""
    content = _read(directory / "checkpoint.json") if directory else b""
    document: Mapping[str, Any] = json.loads(content or b"{}")
    return document


def message_of(ended: Ended) -> str:
    """What an invocation said in the end."""
    message = ended.document.get("message") if ended.document else None
    return str(message or ended.stderr.strip()[-1000:] or "it said nothing")


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
