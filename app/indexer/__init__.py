"""Temporal's visibility -> the index, and closed histories -> the archive.

Whoever started a run, in whatever language, it shows up here, since Temporal itself is asked: twice a second
for what started or closed lately, every few seconds for all open runs, and less often over a longer past for
what visibility showed late. One process at a time does this; the others wait for its lock.
"""

from app.indexer.indexer import Indexer, run

__all__ = ["Indexer", "run"]
