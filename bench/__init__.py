"""Benchmarks: rjcli against other clients, against the ceiling, and against its targets.

``python -m bench`` from a checkout measures everything and prints two tables:
the targets, each with its bar and whether it was reached, and the peers, side
by side on one file. ``--quick`` uses smaller files, ``--only NAME`` measures one
group of targets, and ``--write`` keeps the tables in BENCHMARKS.md.

Everything stays on loopback, against a fake Import API that answers
at once or after a fixed time, and keeps nothing. Each client is a process of
its own, and what is compared runs in turn (rounds.py). Only ratios carry over to
another machine.

Full size, the input files take about 5 GB in the work directory, where they
stay for the next time.
"""
