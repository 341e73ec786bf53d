"""Tests of the Singer target."""
