"""Reading: an input's bytes become raw records with their positions.

A source is a stream of byte strings; an empty one means "nothing there yet".
Each reader turns such a stream into raw records, rejections for what is no
record, and None wherever the source had nothing there yet: reading never
blocks on a slow stdin while requests are in flight.
"""

from rjcli.reading.formats import Item, read_records
from rjcli.reading.source import Source

__all__ = ["Item", "Source", "read_records"]
