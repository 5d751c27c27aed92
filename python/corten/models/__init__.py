"""Models: `Sequential`, functional and subclassed."""

from corten.models.cloning import clone_model
from corten.models.functional import Function, Functional
from corten.models.model import Model, model_from_json
from corten.models.sequential import Sequential
from corten.saving import load_model, save_model

__all__ = [
    "Function", "Functional", "Model", "Sequential", "clone_model", "load_model",
    "model_from_json", "save_model",
]  # fmt: skip
