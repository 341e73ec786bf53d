"""Tests of preparing."""
