"""Decorators that run what they decorate when it is called."""

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


def dag(**_: object) -> Callable[[Function], Function]:
    """Make a DAG of a function."""
    return lambda function: function


def task(**_: object) -> Callable[[Function], Function]:
    """Make a task of a function, which gets the day of the run."""
    return lambda function: lambda: function(ds="2026-11-27")
