"""Old home of some helpers: `preprocessing.sequence.pad_sequences`."""

from corten.preprocessing import sequence as sequence

__all__ = ["sequence"]
