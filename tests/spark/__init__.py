"""Tests of the front for Spark: make test-spark runs them."""
