"""Training loops: `Trainer` is the part of a model that can `compile`, `fit`, `evaluate` and `predict`."""

from corten.training.trainer import Trainer as Trainer

__all__ = ["Trainer"]
