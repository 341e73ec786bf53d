"""Where to push: an environment, or the address of another Import API. Pure."""

from msgspec import Struct

from rjcli.api.base_url import BASE_URLS, Endpoint, Environment, environment_of
from rjcli.errors import UsageError
from rjcli.settings.given import Given

CUSTOM = "custom"


class Target(Struct, frozen=True):
    """An environment by name, and its address. The local one has none until it is started.

    ``given``: what named the environment or the address; None if nothing did.
    """

    environment: str
    endpoint: Endpoint | None
    given: Given | None = None

    @property
    def is_local(self) -> bool:
        """Whether the push brings its own Import API."""
        return self.endpoint is None


def resolve_target(environment: Given | None = None, base_url: Given | None = None) -> Target:
    """Find the address to talk to: production's, if neither is given.

    ``environment``: of an Environment; ``base_url``: of an Endpoint. Of the two, the
    one of the higher rank counts alone. An address is called ``custom`` unless it is an
    environment's own. Raises UsageError if both have the same rank.
    """
    if environment and base_url:
        if environment.source.rank == base_url.source.rank:
            raise UsageError(
                f"{environment.name} and {base_url.name} both say where to push",
                hint="an environment has its own address; leave one of the two out",
            )
        if environment.source.rank > base_url.source.rank:
            base_url = None
    if base_url:
        return Target(environment_of(base_url.value) or CUSTOM, base_url.value, base_url)
    name = environment.value if environment else Environment.PRODUCTION
    address = BASE_URLS.get(name)
    return Target(name, Endpoint.parse(address) if address else None, environment)
