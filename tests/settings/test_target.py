"""Where a push goes: the strongest of command line, variables and profile, and its right name."""

from itertools import product

import pytest

from rjcli.api.base_url import BASE_URLS, Endpoint, Environment
from rjcli.errors import UsageError
from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.target import resolve_target

OTHER = Endpoint.parse("https://api.example")


def given(value: Environment | Endpoint, rank: Rank) -> Given:
    """A value from a source."""
    return Given(value, Source(rank), f"{value} of {rank.name}")


def test_production_is_the_default() -> None:
    """If nothing says where to push, it is production."""
    target = resolve_target()
    assert (target.environment, target.given) == ("production", None)


@pytest.mark.parametrize(("first", "second"), [*product(Rank, Rank)])
def test_stronger_source_counts_alone(first: Rank, second: Rank) -> None:
    """Of an environment and a base URL the stronger counts; equals are a usage error."""
    environment, base_url = given(Environment.SANDBOX, first), given(OTHER, second)
    if first == second:
        with pytest.raises(UsageError, match="both say where to push") as caught:
            resolve_target(environment, base_url)
        assert environment.name in caught.value.message
        assert base_url.name in caught.value.message
        return
    target = resolve_target(environment, base_url)
    assert target.endpoint is not None
    if first > second:
        assert (target.environment, target.given) == ("sandbox", environment)
        assert target.endpoint.root == BASE_URLS[Environment.SANDBOX]
    else:
        assert (target.environment, target.given) == ("custom", base_url)
        assert target.endpoint == OTHER


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://connect.rjmetrics.com/v1", "production"),
        ("https://SANDBOX-connect.rjmetrics.com:443/", "sandbox"),
        ("https://connect.rjmetrics.com.example", "custom"),
        ("http://127.0.0.1:8080", "custom"),
    ],
)
def test_address_has_its_own_name(base_url: str, name: str) -> None:
    """An address is called by the environment that it belongs to, else custom."""
    assert resolve_target(None, given(Endpoint.parse(base_url), Rank.VARIABLE)).environment == name


def test_local_has_no_address_yet() -> None:
    """The local environment has no address before it is started."""
    assert resolve_target(
        given(Environment.LOCAL, Rank.ARGUMENT), given(OTHER, Rank.VARIABLE)
    ).is_local
