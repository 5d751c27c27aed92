"""Serialization in the form of Keras 2, under the name that Keras 3 gives it in `utils`."""

from corten.legacy.saving import (
    deserialize_keras_object as deserialize_keras_object,
    serialize_keras_object as serialize_keras_object,
)

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
