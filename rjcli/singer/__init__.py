"""The Singer target: every tap becomes a source.

    tap-x --config tap.json | target-rjmetrics --config target.json > state.jsonl

Two processes share the work: one reads the tap's output and makes the bodies of requests
(``reader``), the other delivers them and passes states on (``target``).
"""
