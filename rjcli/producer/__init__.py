"""The producer: inputs are read, their records prepared and cut into batches.

Large inputs are read by a process of their own, so that reading and sending each have a
processor. That process needs nothing of what sends: import from the modules.
"""
