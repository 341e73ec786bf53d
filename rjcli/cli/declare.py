"""Commands are declared as functions that take their options as one dataclass."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, get_type_hints

import typer

app = typer.Typer(
    help="Load JSON, NDJSON and CSV files into the RJMetrics / Magento BI Data Import API.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # their frames show local variables
    pretty_exceptions_show_locals=False,
)

Options = TypeVar("Options")

option = partial(typer.Option, show_envvar=False)  # the help says it once for all of them


def command(name: str) -> Callable[[Callable[[Options], int]], Callable[[Options], int]]:
    """Make a command of a function that takes its options as one dataclass.

    The dataclass's fields are the options; each can also come from the
    environment, as RJCLI_ and the field's name.
    """

    def register(run: Callable[[Options], int]) -> Callable[[Options], int]:
        options_class = get_type_hints(run)["options"]

        def call(**values: Any) -> int:
            return run(options_class(**values))

        call.__doc__ = run.__doc__
        call.__annotations__ = get_type_hints(options_class, include_extras=True)
        call.__signature__ = inspect.signature(options_class)  # type: ignore[attr-defined]
        app.command(
            name,
            context_settings={"auto_envvar_prefix": "RJCLI"},
            epilog="Every option can also come from the environment: --table from RJCLI_TABLE.",
        )(call)
        return run

    return register
