"""Findings as text: an entry of a load file, and the command that pushes the files. Pure."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rjcli.inspecting.findings import Findings
from rjcli.inspecting.folder import Group
from rjcli.inspecting.keys import LIKELY, likeness
from rjcli.settings.lists import join_names
from rjcli.settings.values import DEFAULT_ENCODING
from rjcli.visible_text import visible

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MOST_OTHERS = 5  # keys that are named beside the one that is proposed
_MOST_NOTES = 5
_NOT_TEXT = "see --encoding"

HEADER = """\
# Written by rjcli init, which read all of these files. Look through it, then try it:
#   rjcli load {name} --dry-run
# profile = "…"      # where to load it: rjcli login --profile … stores one
# env = "sandbox"    # production, unless this or the profile says otherwise
parallel = 4         # tables at a time
jobs = 8             # requests in flight, of the whole load
"""


def load_file(name: str, groups: Sequence[tuple[Group, Findings]], others: Sequence[str]) -> str:
    """A load file with an entry for each table. ``others``: names that were not looked at."""
    parts = [HEADER.format(name=visible(name))]
    parts += ["\n".join(_entry(group, findings)) + "\n" for group, findings in groups]
    if others:
        shown = ", ".join(others[:_MOST_NOTES]) + (" …" if len(others) > _MOST_NOTES else "")
        parts.append(f"# not looked at: {visible(shown)}\n")
    return "\n".join(parts)


def push_command(table: str, findings: Findings) -> str:
    """The command that pushes the files, with KEYS in the place of keys that are not known."""
    words = ["rjcli", "push", *findings.files, "-t", table]
    if not findings.has_own_keys:
        words += ["-k", join_names(findings.key.fields) if findings.key else "KEYS"]
    for key, value in findings.options.items():
        words += [f"--{key.replace('_', '-')}", str(value)]
    return shlex.join(words)


def describe_key(findings: Findings) -> str:
    """What there is to say about the key, in a line."""
    key = findings.key
    if findings.has_own_keys:
        return "the records have keys of their own"
    if key is None:
        if not findings.records:
            return "there are no records to find a key in"
        return "none found: no field, alone or with one or two others, is unique"
    checked = "" if key.share == 1 else f" (checked on {key.share:.1%} of its values)"
    where = "unique" if key.in_all else "unique in each file"
    said = f"never empty, {where}{checked}"
    if not key.in_all:
        said += "; the same key in a later file replaces the record"
    if len(key.fields) == 1 and likeness(key.fields[0]) >= LIKELY:
        said += "; its name does not look like a key, so check it"
    return said


def describe_others(findings: Findings) -> str:
    """Fields that could be the key as well."""
    return ", ".join(join_names(key.fields) for key in findings.others[:_MOST_OTHERS])


def plural(count: int, thing: str) -> str:
    """A number of things."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _entry(group: Group, findings: Findings) -> Iterator[str]:
    if findings.problem:
        yield f"# {group.table}: {visible(', '.join(group.patterns))} cannot be read as it is:"
        yield f"# {visible(findings.problem)}"
        return
    yield "[[load]]"
    yield f"table = {_text(group.table)}"
    yield from _keys(findings)
    yield from _files(group, findings)
    for key, value in findings.options.items():
        yield f"{key.replace('_', '-')} = {_text(str(value))}"
    yield from _types(findings)
    yield from _faults(findings)


def _keys(findings: Findings) -> Iterator[str]:
    about = visible(describe_key(findings))
    if findings.has_own_keys:
        yield f"# keys: {about}"
    elif findings.key is None:
        yield f"# keys = []  # to fill in: {about}"
    else:
        yield f"keys = {_list(findings.key.fields)}  # {about}"
        if others := describe_others(findings):
            yield f"# also possible: {visible(others)}"


def _files(group: Group, findings: Findings) -> Iterator[str]:
    patterns = group.patterns
    counts = f"{plural(len(group.files), 'file')}, {plural(findings.records, 'record')}"
    about = f"{counts}, {', '.join(findings.formats)}"
    if findings.delimiter:
        about += f" with {_text(findings.delimiter)} between values"
    yield f"files = {_text(patterns[0]) if len(patterns) == 1 else _list(patterns)}  # {about}"
    if group.is_misordered:
        yield "# their order is that of text, 10 before 2: where it matters, name them in order"


def _types(findings: Findings) -> Iterator[str]:
    for name, type_ in findings.types.items():
        yield f"type.{name if _BARE.fullmatch(name) else _text(name)} = {_text(type_)}"


def _faults(findings: Findings) -> Iterator[str]:
    if findings.rejected:
        yield f"# {plural(findings.rejected, 'record')} would be rejected, the first of them:"
        for example in findings.examples:
            yield f"#   {visible(example)}"
        if any(_NOT_TEXT in example for example in findings.examples):
            yield f'# encoding = "cp1252"  # if it is that: it is not {DEFAULT_ENCODING}'
    for note in findings.notes[:_MOST_NOTES]:
        yield f"# {visible(note)}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _text(text: str) -> str:
    """A text as TOML's basic strings are written."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def document(table: str, findings: Findings) -> Mapping[str, Any]:
    """The findings as a JSON object."""
    key = findings.key
    return {
        "files": list(findings.files),
        "table": table,
        "problem": findings.problem,
        "formats": list(findings.formats),
        "delimiter": findings.delimiter,
        "records": findings.records,
        "rejected": findings.rejected,
        "rejects": list(findings.examples),
        "columns": list(findings.columns),
        "types": {name: str(type_) for name, type_ in findings.types.items()},
        "keys": list(key.fields) if key else None,
        "other_keys": [list(each.fields) for each in findings.others],
        "has_own_keys": findings.has_own_keys,
        "options": {name: str(value) for name, value in findings.options.items()},
        "notes": list(findings.notes),
        "command": None if findings.problem else push_command(table, findings),
    }
