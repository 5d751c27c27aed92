"""Knowledge distillation: a small model learns from the answers of a large one."""

from corten.distillation.distillation_loss import DistillationLoss, FeatureDistillation, LogitsDistillation
from corten.distillation.distiller import Distiller

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
