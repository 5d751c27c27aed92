"""Old home of some helpers: `preprocessing.sequence.pad_sequences`."""

from corten.utils import sequence_utils as sequence

__all__ = ["sequence"]
