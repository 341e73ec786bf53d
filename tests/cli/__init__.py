"""Tests of rjcli.cli."""
