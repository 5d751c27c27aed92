"""Saving and loading: models, weights, and objects as configurations.

- `model_io`: `save_model`, `load_model`, `save_weights`, `load_weights`: which format, and what goes into it.
- `model_state`: the arrays of a model by their places in it, given and taken.
- `serialization`, `object_registration`: objects as configurations, and the names of classes.
- `loading`: the conditions under which configurations from files are made into objects.
- `zip_files`, `npy_files`: what a zip file and a NumPy header must be like before they are read.
- `paths`: file names and arguments that are refused.
- `files` (`.corten`, and writing without half files), `safetensors`, `array_files` (`.npz`, HDF5), `sharded`
  (several HDF5 files): formats.
- `keras_files`: Keras's `.keras` files.
- `legacy_reader`, `legacy_config`, `legacy_models`, `legacy_writer`: Keras's older `.h5` models, read,
  translated, given to a model, and written.
- `file_editor`: looking at files of weights and changing them.
"""

from corten.saving.file_editor import KerasFileEditor
from corten.saving.model_io import load_model, load_weights, save_model, save_weights
from corten.saving.object_registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from corten.saving.serialization import deserialize_keras_object, serialize_keras_object

__all__ = [
    "CustomObjectScope", "KerasFileEditor", "custom_object_scope", "deserialize_keras_object",
    "get_custom_objects", "get_registered_name", "get_registered_object", "load_model", "load_weights",
    "register_keras_serializable", "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip
