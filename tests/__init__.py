"""The tests: each proves a promise."""
