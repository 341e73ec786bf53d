"""The engine: one push, from its inputs to its summary, whoever asked for it."""
