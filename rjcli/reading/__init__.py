"""Reading: an input's bytes become raw records with their positions.

A source is a stream of byte strings; an empty one means "nothing there yet".
Decompression, and each reader, turns such a stream into another: in the end
into blocks of raw records, and of rejections for what is no record. A block is
empty wherever the source had nothing there yet, or while a record that is too
long is being dropped. So reading never keeps requests that are in flight waiting.
"""

from rjcli.reading.csv_cells import TypeDetector
from rjcli.reading.input import Input
from rjcli.reading.source import Source, total_size

__all__ = ["Input", "Source", "TypeDetector", "total_size"]
