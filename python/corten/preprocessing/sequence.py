"""Old home of the helpers for sequences."""

from corten.utils.sequence_utils import pad_sequences as pad_sequences

__all__ = ["pad_sequences"]
