"""Intake: inputs are read, and their records prepared and cut to the size of batches.

All of it happens in ``intake``, which gives one finding after the other. What
is large is read in a process of its own, so that reading and sending each have
a processor. That one needs none of what sends: import from the modules.
"""
