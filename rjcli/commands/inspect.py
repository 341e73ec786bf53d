"""``rjcli init`` and ``rjcli check``: what is in files, and how to load them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from rjcli.errors import EXIT_REJECTS, UsageError
from rjcli.inspecting.findings import Findings, inspect
from rjcli.inspecting.folder import Group, look_into, table_name
from rjcli.inspecting.proposal import (
    describe_key,
    describe_others,
    document,
    load_file,
    plural,
    push_command,
)
from rjcli.private_file import os_errors_as_ours
from rjcli.report import Report
from rjcli.settings.load import InitSettings
from rjcli.settings.option_kinds import STDIN
from rjcli.settings.values import InputSettings


def check(settings: InputSettings, report: Report) -> int:
    """Say what is in each file, and which command pushes it. Returns an exit code."""
    exit_code = 0
    documents: list[Any] = []
    lines: list[str] = []
    for file in settings.files:
        if file == STDIN:
            raise UsageError("files are read twice, so that stdin cannot be checked")
        table, findings = table_name(file), inspect(replace(settings, files=(file,)))
        if findings.problem:
            exit_code = UsageError.exit_code
            report.error(findings.problem, None)
        elif findings.rejected and not exit_code:
            exit_code = EXIT_REJECTS
        documents.append(document(table, findings))
        lines += [] if findings.problem else _lines(table, findings)
    report.result({"files": documents, "exit_code": exit_code}, *lines)
    return exit_code


def init(settings: InitSettings, report: Report) -> int:
    """Write a load file for the files of a folder. Returns an exit code."""
    output = Path(settings.output) if settings.output else None
    if output and output.exists():
        raise UsageError(f"{output} is there already", hint="name another file with --output")
    directory = Path(settings.directory)
    folder = look_into(directory)
    if not folder.groups:
        raise UsageError(
            f"{directory} holds no files to load",
            hint="it looks for .csv, .tsv, .json, .ndjson, .jsonl, also compressed",
        )
    found = []
    for group in folder.groups:
        report.note(f"{group.table}: reading {plural(len(group.files), 'file')}")
        findings = inspect(InputSettings(files=group.files))
        if findings.problem:
            report.note(f"{group.table}: {findings.problem}")
        found.append((_relative(group, directory, output), findings))
    text = load_file(str(output or "FILE.toml"), found, folder.others)
    documents = [document(group.table, findings) for group, findings in found]
    if output is None:
        report.result({"file": None, "text": text, "tables": documents}, *text.splitlines())
        return 0
    with os_errors_as_ours(f"cannot write {output}"), output.open("x", encoding="utf-8") as file:
        file.write(text)
    line = (
        f"wrote {output}: {plural(len(found), 'table')}; try it with rjcli load {output} --dry-run"
    )
    report.result({"file": str(output), "text": text, "tables": documents}, line)
    return 0


def _relative(group: Group, directory: Path, output: Path | None) -> Group:
    """The same group, with patterns that are relative to the load file."""
    place = output.parent.absolute() if output else Path.cwd()
    base = directory.absolute()
    folder = base.relative_to(place) if base.is_relative_to(place) else base
    patterns = tuple(str(folder / pattern) for pattern in group.patterns)
    return Group(group.table, patterns, group.files, group.is_misordered)


def _lines(table: str, findings: Findings) -> Iterator[str]:
    separator = f", {findings.delimiter!r} between values" if findings.delimiter else ""
    formats = ", ".join(findings.formats)
    counts = f"{plural(findings.records, 'record')}, {findings.rejected:,} would be rejected"
    yield f"{findings.files[0]}: {formats}{separator}, {counts}"
    for example in findings.examples:
        yield f"  rejected: {example}"
    types = findings.types
    fields = [f"{name} {types[name]}" if name in types else name for name in findings.columns]
    yield f"  fields: {', '.join(fields) or 'none'}"
    key = f"{', '.join(findings.key.fields)}: " if findings.key else ""
    yield f"  key: {key}{describe_key(findings)}"
    if others := describe_others(findings):
        yield f"  other keys: {others}"
    yield from (f"  note: {note}" for note in findings.notes)
    yield f"  to load it: {push_command(table, findings)}"
