"""The library: rjcli from Python. ``rjcli`` itself offers what it holds.

Nothing of the host program is touched: no signal handlers, no loggers, no
environment, no output.
"""
