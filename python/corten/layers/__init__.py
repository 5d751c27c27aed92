"""Layers."""

from corten.layers.input_layer import Input, InputLayer
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer

__all__ = ["Input", "InputLayer", "InputSpec", "Layer"]
