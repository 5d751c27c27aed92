"""The state of training as a file, from which it goes on as if nothing had been."""

from corten.training.checkpoint.files import CheckpointFolder, read_checkpoint, write_checkpoint
from corten.training.checkpoint.session import Session, open_session

__all__ = ["CheckpointFolder", "Session", "open_session", "read_checkpoint", "write_checkpoint"]
