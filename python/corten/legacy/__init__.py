"""Names that Keras keeps for older code."""

from corten.legacy import saving as saving

__all__ = ["saving"]
