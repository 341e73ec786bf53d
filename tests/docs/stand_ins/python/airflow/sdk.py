"""Decorators that run what they decorate when it is called."""

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


def dag(**_: object) -> Callable[[Function], Function]:
    """Make a DAG of a function."""
    return lambda function: function


def task(**_: object) -> Callable[[Function], Function]:
    """Make a task of a function."""
    return lambda function: function
