"""Helpers around models and data. Each is loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.config import (
        disable_interactive_logging as disable_interactive_logging,
        enable_interactive_logging as enable_interactive_logging,
        is_interactive_logging_enabled as is_interactive_logging_enabled,
        standardize_dtype as standardize_dtype,
    )
    from corten.saving import CustomObjectScope as CustomObjectScope
    from corten.symbolic import is_keras_tensor as is_keras_tensor
    from corten.training.progress import Progbar as Progbar
    from corten.utils import bounding_boxes as bounding_boxes, legacy as legacy
    from corten.utils.audio_dataset import audio_dataset_from_directory as audio_dataset_from_directory
    from corten.utils.config import Config as Config
    from corten.utils.cross_validation import cross_validate as cross_validate, k_fold as k_fold
    from corten.utils.feature_space import FeatureSpace as FeatureSpace
    from corten.utils.file_utils import get_file as get_file
    from corten.utils.image_dataset import image_dataset_from_directory as image_dataset_from_directory
    from corten.utils.image_utils import (
        array_to_img as array_to_img,
        img_to_array as img_to_array,
        load_img as load_img,
        save_img as save_img,
    )
    from corten.utils.model_fingerprint import fingerprint as fingerprint
    from corten.utils.model_plot import (
        get_source_inputs as get_source_inputs,
        model_to_dot as model_to_dot,
        plot_model as plot_model,
    )
    from corten.utils.numerical import normalize as normalize, to_categorical as to_categorical
    from corten.utils.py_dataset import PyDataset as PyDataset, Sequence as Sequence
    from corten.utils.seeding import set_random_seed as set_random_seed
    from corten.utils.sequence_utils import pad_sequences as pad_sequences
    from corten.utils.session import clear_session as clear_session
    from corten.utils.splitting import split_dataset as split_dataset, train_test_split as train_test_split
    from corten.utils.text_dataset import text_dataset_from_directory as text_dataset_from_directory
    from corten.utils.timeseries_dataset import (
        timeseries_dataset_from_array as timeseries_dataset_from_array,
    )

# Name to the module that defines it.
_HOMES = {
    "Config": "corten.utils.config",
    "CustomObjectScope": "corten.saving",
    "FeatureSpace": "corten.utils.feature_space",
    "Progbar": "corten.training.progress",
    "PyDataset": "corten.utils.py_dataset",
    "Sequence": "corten.utils.py_dataset",
    "array_to_img": "corten.utils.image_utils",
    "audio_dataset_from_directory": "corten.utils.audio_dataset",
    "clear_session": "corten.utils.session",
    "cross_validate": "corten.utils.cross_validation",
    "custom_object_scope": "corten.saving",
    "deserialize_keras_object": "corten.saving",
    "disable_interactive_logging": "corten.config",
    "enable_interactive_logging": "corten.config",
    "fingerprint": "corten.utils.model_fingerprint",
    "get_custom_objects": "corten.saving",
    "get_file": "corten.utils.file_utils",
    "get_registered_name": "corten.saving",
    "get_registered_object": "corten.saving",
    "get_source_inputs": "corten.utils.model_plot",
    "image_dataset_from_directory": "corten.utils.image_dataset",
    "img_to_array": "corten.utils.image_utils",
    "is_interactive_logging_enabled": "corten.config",
    "is_keras_tensor": "corten.symbolic",
    "k_fold": "corten.utils.cross_validation",
    "load_img": "corten.utils.image_utils",
    "model_to_dot": "corten.utils.model_plot",
    "normalize": "corten.utils.numerical",
    "pack_x_y_sample_weight": "corten.utils.data_tuples",
    "pad_sequences": "corten.utils.sequence_utils",
    "plot_model": "corten.utils.model_plot",
    "register_keras_serializable": "corten.saving",
    "save_img": "corten.utils.image_utils",
    "serialize_keras_object": "corten.saving",
    "set_random_seed": "corten.utils.seeding",
    "split_dataset": "corten.utils.splitting",
    "standardize_dtype": "corten.config",
    "text_dataset_from_directory": "corten.utils.text_dataset",
    "timeseries_dataset_from_array": "corten.utils.timeseries_dataset",
    "to_categorical": "corten.utils.numerical",
    "train_test_split": "corten.utils.splitting",
    "unpack_x_y_sample_weight": "corten.utils.data_tuples",
}

_MODULES = frozenset({"bounding_boxes", "legacy"})

__all__ = sorted({*_HOMES, *_MODULES})


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"corten.utils.{name}")
    home = _HOMES.get(name)
    if home is None:
        from corten.identifiers import suggestion

        raise AttributeError(f"module 'corten.utils' has no attribute {name!r}.{suggestion(name, __all__)}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
