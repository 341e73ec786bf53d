"""Bulk uploader for the RJMetrics / Magento BI / Adobe Commerce Reporting Data Import API.

    import rjcli

    result = rjcli.push(records, table="orders", keys=["id"], environment="sandbox")
    result.check()

``push``, ``push_async`` and ``push_files`` load records and files into a table; ``load``
loads many tables at once, as a file says.
"""

# Imports of more would take the time in which the command cannot hear signals yet.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rjcli.errors import RjcliError as RjcliError
    from rjcli.errors import UsageError as UsageError
    from rjcli.library.functions import push as push
    from rjcli.library.functions import push_async as push_async
    from rjcli.library.functions import push_files as push_files
    from rjcli.library.load import LoadResult as LoadResult
    from rjcli.library.load import load as load
    from rjcli.library.result import NotAllAcceptedError as NotAllAcceptedError
    from rjcli.library.result import Reject as Reject
    from rjcli.library.result import Result as Result

__version__ = "0.1.0"

_PLACES = {
    "LoadResult": "rjcli.library.load",
    "NotAllAcceptedError": "rjcli.library.result",
    "Reject": "rjcli.library.result",
    "Result": "rjcli.library.result",
    "RjcliError": "rjcli.errors",
    "UsageError": "rjcli.errors",
    "load": "rjcli.library.load",
    "push": "rjcli.library.functions",
    "push_async": "rjcli.library.functions",
    "push_files": "rjcli.library.functions",
}

__all__ = [
    "LoadResult",
    "NotAllAcceptedError",
    "Reject",
    "Result",
    "RjcliError",
    "UsageError",
    "__version__",
    "load",
    "push",
    "push_async",
    "push_files",
]


def __getattr__(name: str) -> "Any":
    """Import what is asked for, and no more: the command starts quickly."""
    from importlib import import_module  # noqa: PLC0415 - as above

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
