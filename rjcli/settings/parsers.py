"""What stands on the command line, checked and made into settings. Pure."""

import codecs
import re
from collections.abc import Sequence

from rjcli.api.base_url import BASE_URLS, Endpoint, Environment, is_table_name
from rjcli.api.protocol import KEYS_FIELD
from rjcli.errors import UsageError
from rjcli.json_text import MalformedJsonError, parse_value
from rjcli.settings.values import STDIN, ColumnType, MaxRejects, ShapeSettings, Target


def parse_target(environment: Environment | None, base_url: str | None) -> Target:
    """Find the address to talk to. A base URL on its own is an environment named "custom"."""
    if base_url is None:
        environment = environment or Environment.PRODUCTION
        address = BASE_URLS.get(environment)
        return Target(environment, Endpoint.parse(address) if address else None)
    if environment is Environment.LOCAL:
        raise UsageError(
            "--base-url and --env local exclude each other",
            hint="--env local starts an Import API of its own; leave one of the two out",
        )
    try:
        return Target(environment or "custom", Endpoint.parse(base_url))
    except ValueError as error:
        raise UsageError(f"--base-url is no usable address: {error}") from None


def parse_client_id(text: str) -> int:
    """Read a client id. The error does not echo it: an API key may stand in its place."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):  # noqa: PLR2004 - 64 bits
        raise UsageError("the client id must be a positive whole number")
    return int(text)


def parse_table(name: str | None) -> str:
    """Check a table name; None if neither an option nor a profile gave one."""
    if name is None:
        raise UsageError(
            "no table given", hint="give --table, set RJCLI_TABLE, or store it in a profile"
        )
    if not is_table_name(name):
        raise UsageError(
            f"bad table name: {name!r}",
            hint="table names are letters, digits and underscores",
        )
    return name


def parse_keys(values: Sequence[str]) -> tuple[str, ...]:
    """Read the names of the key fields from ``-k id,sku`` or ``-k id -k sku``."""
    keys = parse_names(values, "--keys")
    if KEYS_FIELD in keys:
        raise UsageError(f"the field {KEYS_FIELD!r} names the key fields and cannot be one")
    return keys


def parse_files(files: Sequence[str]) -> tuple[str, ...]:
    """Check a list of inputs: at least one, and stdin at most once."""
    if not files:
        raise UsageError("no input given", hint="name one or more files, or - for stdin")
    if files.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read only once")
    return tuple(files)


def parse_names(values: Sequence[str], option: str) -> tuple[str, ...]:
    """Read names from ``--select a,b`` or ``--select a --select b``: each once, none empty."""
    _check_text(values, option)
    names = tuple(name.strip() for value in values for name in value.split(","))
    if "" in names:
        raise UsageError(f"{option} has an empty name in it")
    if len(set(names)) < len(names):
        raise UsageError(f"{option} names a field twice: {', '.join(names)}")
    return names


def parse_pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """Read what stands on both sides of the = in ``--rename old=new``, each left side once."""
    _check_text(values, option)
    pairs: dict[str, str] = {}
    for value in values:
        name, mark, text = value.partition("=")
        if not (name and mark and text):
            raise UsageError(f"{option} must look like name=…, not {value!r}")
        if name in pairs:
            raise UsageError(f"{option} names {name!r} twice")
        pairs[name] = text
    return pairs


def _check_text(values: Sequence[str], option: str) -> None:
    """Refuse bytes of the command line that are not UTF-8: no JSON could hold them."""
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{option} is not UTF-8 text") from None


def parse_shape(
    select: Sequence[str], rename: Sequence[str], constants: Sequence[str]
) -> ShapeSettings:
    """Read ``--select``, ``--rename old=new`` and ``--set name=JSON``."""
    renamed = parse_pairs(rename, "--rename")
    if len(set(renamed.values())) < len(renamed):
        raise UsageError("--rename gives two fields the same name")
    texts = {name: text.encode() for name, text in parse_pairs(constants, "--set").items()}
    for name, text in texts.items():
        try:
            parse_value(text)
        except MalformedJsonError as error:
            raise UsageError(
                f"--set {name}: {error.reason}", hint="""the value is JSON: --set 'source="web"'"""
            ) from None
    if KEYS_FIELD in {*renamed, *renamed.values(), *texts}:
        raise UsageError(f"the field {KEYS_FIELD!r} is set by --keys alone")
    return ShapeSettings(parse_names(select, "--select") or None, renamed, texts)


def parse_types(values: Sequence[str]) -> dict[str, ColumnType]:
    """Read ``--type column=integer``."""
    types = {}
    for column, name in parse_pairs(values, "--type").items():
        try:
            types[column] = ColumnType(name)
        except ValueError:
            known = ", ".join(ColumnType)
            raise UsageError(f"--type {column}: {name!r} is none of {known}") from None
    return types


def parse_encoding(name: str) -> str:
    """Check the name of a text encoding, and give its usual form."""
    try:
        b"".decode(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UsageError(
            f"unknown --encoding: {name!r}", hint="such as utf-16 or latin-1"
        ) from None


def parse_max_rejects(text: str | None) -> MaxRejects | None:
    """Read ``--max-rejects 20`` or ``--max-rejects 0.5%``."""
    if text is None:
        return None
    number = text.removesuffix("%")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?" if text.endswith("%") else "[0-9]+", number):
        raise UsageError(f"--max-rejects must be a number or a percentage, not {text!r}")
    return MaxRejects(float(number), text.endswith("%"))


def parse_delimiter(text: str | None) -> str | None:
    r"""Check a CSV delimiter: one character, or the two characters ``\t`` for a tab."""
    if text is None:
        return None
    delimiter = "\t" if text == r"\t" else text
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(f"--delimiter must be a single character, not {text!r}")
    return delimiter
