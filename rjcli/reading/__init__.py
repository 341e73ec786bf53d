"""Reading: an input's bytes become raw records with their positions.

A source is a stream of byte strings; an empty one means "nothing there yet".
Decompression and each reader turn such a stream into another, and in the end
into blocks of raw records, and of rejections for what is no record.

No step of a reader takes long, whatever it reads. Where nothing has come yet, and
regularly while a long record is read, a reader yields an empty block, so that
requests and signals are not kept waiting. The work grows as the input does.
"""

from rjcli.reading.input import Input
from rjcli.reading.known_types import KnownTypes
from rjcli.reading.source import Source, total_size

__all__ = ["Input", "KnownTypes", "Source", "total_size"]
