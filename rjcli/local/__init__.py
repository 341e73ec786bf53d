"""The local Import API: real HTTP on loopback, records kept in an SQLite file.

`server` listens, `app` answers the calls, `callers` says whose requests are
answered, and `faults` makes some of them fail on demand. `records` reads and
checks a batch, `store` keeps it. `python -m rjcli.local` shows what was kept.
"""
