"""Fixtures of loading, which inspecting prepares."""

from tests.loading.conftest import folder

__all__ = ["folder"]
