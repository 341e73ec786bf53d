"""The local Import API: real HTTP on loopback, records kept in an SQLite file.

`records` reads and checks a batch, `store` keeps it, `app` answers the calls,
`faults` makes them fail on demand, and `server` runs it all in a thread.
Nothing is imported here, so that the file can be looked at without the
packages of the extra `local`.
"""
