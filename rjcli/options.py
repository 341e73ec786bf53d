"""The options of ``login``, and what options of all commands have in common."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from rjcli.api import Environment
from rjcli.settings import (
    KeyStore,
    LoginSettings,
    parse_client_id,
    parse_keys,
    parse_table,
    parse_target,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from rjcli.configuration import Profile

Options = TypeVar("Options", bound="DataclassInstance")

option = partial(typer.Option, show_envvar=False)  # the help says it once for all of them


def fill_in(options: Options, profile: "Profile | None") -> Options:
    """Take what was not given from a profile."""
    if profile is None:
        return options
    return replace(options, **profile.defaults(vars(options)))


@dataclass(frozen=True, kw_only=True)
class LoginOptions:
    """Options of ``login``. What is not given stays as it is in the profile, if there is one."""

    profile: Annotated[
        str, option(metavar="NAME", help="What to call it; default is used on its own.")
    ] = "default"
    env: Annotated[
        Environment | None, option(help="Where it pushes.", show_default="production")
    ] = None
    base_url: Annotated[
        str | None, option(metavar="URL", help="Address of another Import API.")
    ] = None
    client_id: Annotated[
        str | None, option(metavar="ID", help="Client id; else asked for on a terminal.")
    ] = None
    table: Annotated[
        str | None, option("-t", "--table", metavar="TABLE", help="Table of its pushes.")
    ] = None
    keys: Annotated[
        list[str] | None,
        option("-k", "--keys", metavar="KEYS", help="Names of the key fields: id,sku."),
    ] = None
    store: Annotated[
        KeyStore,
        option(help="Where to keep the API key; auto: in the system keyring, if there is one."),
    ] = KeyStore.AUTO
    no_check: Annotated[
        bool, option("--no-check", help="Do not ask the API whether it takes the credentials.")
    ] = False
    timeout: Annotated[
        float, option(min=0.001, metavar="SECONDS", help="Longest wait for the API's answer.")
    ] = 30.0
    delete: Annotated[bool, option("--delete", help="Delete the profile instead.")] = False
    json: Annotated[bool, option("--json", help="Print one JSON object on stdout.")] = False

    def settings(self) -> LoginSettings:
        """Check them."""
        return LoginSettings(
            profile=self.profile,
            target=parse_target(self.env, self.base_url),
            client_id=parse_client_id(self.client_id) if self.client_id else None,
            table=parse_table(self.table) if self.table else None,
            keys=parse_keys(self.keys or ()),
            store=self.store,
            check=not self.no_check,
            timeout=self.timeout,
        )
