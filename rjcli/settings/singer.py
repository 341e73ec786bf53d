"""What the Singer target does, as frozen values. Each option is declared here, by its field."""

import re
from typing import Annotated, ClassVar

from msgspec import Struct

from rjcli.settings.choices import Keyless
from rjcli.settings.kinds import choice, path, size, text
from rjcli.settings.option import Group, Option
from rjcli.settings.option_kinds import MAX_REJECTS, MaxRejects
from rjcli.settings.values import DeliverySettings


def _prefix(written: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_]*", written):
        raise ValueError
    return written


class SingerSettings(Struct, frozen=True, kw_only=True):
    """How the messages of a tap become records of tables.

    ``directory`` None: one of its own in the user's state directory.
    """

    group: ClassVar = Group("Singer", "How streams become tables.")

    table_prefix: Annotated[
        str,
        Option(
            "Text before the name of each table.",
            text("letters, digits and underscores", "PREFIX", _prefix),
        ),
    ] = ""
    keyless: Annotated[
        Keyless,
        Option(
            "Streams without keys: refuse them, or use a hash of each record as its key.",
            choice(Keyless),
        ),
    ] = Keyless.REFUSE
    max_rejects: Annotated[
        MaxRejects,
        Option("Stop when more records than this are rejected.", MAX_REJECTS),
    ] = MaxRejects(0, is_percentage=False)
    add_record_metadata: Annotated[
        bool, Option("Add when a record was extracted and received: _sdc_extracted_at and more.")
    ] = False
    allow_empty_keys: Annotated[bool, Option("Accept empty strings in key fields.")] = False
    max_record_bytes: Annotated[int, Option("Reject records longer than this.", size())] = (
        16 * 2**20
    )
    directory: Annotated[
        str | None,
        Option(
            "Directory for rejected messages.",
            path("DIR"),
            key="run_dir",
            shown="in the user's state directory",
        ),
    ] = None
    delivery: DeliverySettings = DeliverySettings()
