"""Tests of rjcli.settings."""
