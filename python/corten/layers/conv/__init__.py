"""Convolution layers, one file per kind."""

from corten.layers.conv.depthwise import DepthwiseConv1D, DepthwiseConv2D
from corten.layers.conv.plain import Conv1D, Conv2D, Conv3D
from corten.layers.conv.separable import SeparableConv1D, SeparableConv2D
from corten.layers.conv.transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
]
