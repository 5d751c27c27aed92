"""One declaration per layer: how to make it, what to feed it and what comes out. `test_every_layer` checks them all."""

# One line per layer reads best, long or not.
# fmt: off
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from corten import layers


@dataclass
class Case:
    """A layer with an input and the expected output.

    `input_shape` is one shape, or a list of shapes for layers that take a list. The batch axis comes first.
    """

    name: str
    make: Callable[..., Any]
    input_shape: Any
    output_shape: Any
    weights: list[tuple[int, ...]] = field(default_factory=list)
    integers: int | None = None
    """Inputs are integers below this number instead of floats."""
    gradient: bool = True
    """Whether the output is differentiable in the input and free of randomness."""
    call: Callable[[Any, Any], Any] | None = None
    """How to call the layer on the input; None means `layer(x)`."""
    free_batch: bool = True
    """Whether the batch size may be unknown."""
    mixed: bool = True
    fit: bool = True
    spread: bool = False
    """Keep inputs away from each other, where kinks (max, relu) would spoil differences."""

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return self.input_shape if isinstance(self.input_shape, list) else [self.input_shape]


L = layers
NINE = (2, 9, 3)
IMAGE = (2, 6, 5, 3)
VOLUME = (1, 4, 5, 4, 2)


def case(name: str, make: Callable[..., Any], shape: Any, out: Any, weights: Any = (), **options: Any) -> Case:
    return Case(name, make, shape, out, list(weights), **options)


def both(layer: Any, x: Any) -> Any:
    return layer(x, x)


def inference(layer: Any, x: Any) -> Any:
    return layer(x, training=False)


CASES = [
    # Core
    case("Dense", lambda **k: L.Dense(4, **k), (3, 5), (3, 4), [(5, 4), (4,)]),
    case("Dense relu", lambda **k: L.Dense(4, "relu", **k), (3, 5), (3, 4), [(5, 4), (4,)], spread=True),
    case("Dense gelu 3d", lambda **k: L.Dense(4, "gelu", **k), (2, 3, 5), (2, 3, 4), [(5, 4), (4,)]),
    case("Dense softmax", lambda **k: L.Dense(4, "softmax", **k), (3, 5), (3, 4), [(5, 4), (4,)]),
    case("Dense no bias", lambda **k: L.Dense(4, "tanh", use_bias=False, **k), (3, 5), (3, 4), [(5, 4)]),
    case(
        "EinsumDense",
        lambda **k: L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e", **k),
        (2, 3, 4),
        (2, 3, 2, 3),
        [(4, 2, 3), (3,)],
    ),
    case("Embedding", lambda **k: L.Embedding(7, 4, **k), (3, 5), (3, 5, 4), [(7, 4)], integers=7, gradient=False),
    case(
        "ReversibleEmbedding",
        lambda **k: L.ReversibleEmbedding(7, 4, tie_weights=False, **k),
        (3, 5),
        (3, 5, 4),
        [(7, 4), (4, 7)],
        integers=7,
        gradient=False,
        fit=False,
    ),
    case("Identity", lambda **k: L.Identity(**k), (3, 5), (3, 5)),
    case("Activation", lambda **k: L.Activation("tanh", **k), (3, 5), (3, 5)),
    case("Masking", lambda **k: L.Masking(**k), (2, 3, 4), (2, 3, 4)),
    # Convolution
    case("Conv1D", lambda **k: L.Conv1D(4, 3, **k), NINE, (2, 7, 4), [(3, 3, 4), (4,)]),
    case("Conv1D causal", lambda **k: L.Conv1D(4, 3, padding="causal", dilation_rate=2, **k), NINE, (2, 9, 4), [(3, 3, 4), (4,)]),
    case("Conv1D same", lambda **k: L.Conv1D(4, 3, strides=2, padding="same", **k), NINE, (2, 5, 4), [(3, 3, 4), (4,)]),
    case("Conv2D", lambda **k: L.Conv2D(4, 3, activation="tanh", **k), IMAGE, (2, 4, 3, 4), [(3, 3, 3, 4), (4,)]),
    case("Conv2D same", lambda **k: L.Conv2D(4, (3, 2), strides=(2, 1), padding="same", **k), IMAGE, (2, 3, 5, 4), [(3, 2, 3, 4), (4,)]),
    case("Conv2D groups", lambda **k: L.Conv2D(6, 2, groups=3, **k), IMAGE, (2, 5, 4, 6), [(2, 2, 1, 6), (6,)]),
    case("Conv2D dilated", lambda **k: L.Conv2D(2, 2, dilation_rate=2, use_bias=False, **k), IMAGE, (2, 4, 3, 2), [(2, 2, 3, 2)]),
    case("Conv2D first", lambda **k: L.Conv2D(4, 3, data_format="channels_first", **k), (2, 3, 6, 5), (2, 4, 4, 3), [(3, 3, 3, 4), (4,)]),
    case("Conv3D", lambda **k: L.Conv3D(3, 2, **k), VOLUME, (1, 3, 4, 3, 3), [(2, 2, 2, 2, 3), (3,)]),
    case("Conv1DTranspose", lambda **k: L.Conv1DTranspose(4, 3, strides=2, **k), NINE, (2, 19, 4), [(3, 4, 3), (4,)]),
    case("Conv2DTranspose", lambda **k: L.Conv2DTranspose(4, 3, strides=2, padding="same", **k), IMAGE, (2, 12, 10, 4), [(3, 3, 4, 3), (4,)]),
    case("Conv3DTranspose", lambda **k: L.Conv3DTranspose(3, 2, strides=2, **k), (1, 2, 2, 2, 2), (1, 4, 4, 4, 3), [(2, 2, 2, 3, 2), (3,)]),
    case("DepthwiseConv1D", lambda **k: L.DepthwiseConv1D(3, depth_multiplier=2, **k), NINE, (2, 7, 6), [(3, 3, 2), (6,)]),
    case("DepthwiseConv2D", lambda **k: L.DepthwiseConv2D(3, padding="same", **k), IMAGE, IMAGE, [(3, 3, 3, 1), (3,)]),
    case("SeparableConv1D", lambda **k: L.SeparableConv1D(4, 3, **k), NINE, (2, 7, 4), [(3, 3, 1), (1, 3, 4), (4,)]),
    case("SeparableConv2D", lambda **k: L.SeparableConv2D(4, 3, **k), IMAGE, (2, 4, 3, 4), [(3, 3, 3, 1), (1, 1, 3, 4), (4,)]),
    # Pooling
    case("MaxPooling1D", lambda **k: L.MaxPooling1D(**k), NINE, (2, 4, 3), spread=True),
    case("MaxPooling2D", lambda **k: L.MaxPooling2D(**k), IMAGE, (2, 3, 2, 3), spread=True),
    case("MaxPooling2D same", lambda **k: L.MaxPooling2D(3, 2, "same", **k), IMAGE, (2, 3, 3, 3), spread=True),
    case("MaxPooling3D", lambda **k: L.MaxPooling3D(**k), VOLUME, (1, 2, 2, 2, 2), spread=True),
    case("AveragePooling1D", lambda **k: L.AveragePooling1D(2, **k), NINE, (2, 4, 3)),
    case("AveragePooling2D", lambda **k: L.AveragePooling2D(3, 2, "same", **k), IMAGE, (2, 3, 3, 3)),
    case("AveragePooling3D", lambda **k: L.AveragePooling3D(2, **k), VOLUME, (1, 2, 2, 2, 2)),
    case("GlobalMaxPooling1D", lambda **k: L.GlobalMaxPooling1D(**k), NINE, (2, 3), spread=True),
    case("GlobalMaxPooling2D", lambda **k: L.GlobalMaxPooling2D(keepdims=True, **k), IMAGE, (2, 1, 1, 3), spread=True),
    case("GlobalMaxPooling3D", lambda **k: L.GlobalMaxPooling3D(**k), VOLUME, (1, 2), spread=True),
    case("GlobalAveragePooling1D", lambda **k: L.GlobalAveragePooling1D(**k), NINE, (2, 3)),
    case("GlobalAveragePooling2D", lambda **k: L.GlobalAveragePooling2D(data_format="channels_first", **k), (2, 3, 6, 5), (2, 3)),
    case("GlobalAveragePooling3D", lambda **k: L.GlobalAveragePooling3D(**k), VOLUME, (1, 2)),
    case("AdaptiveAveragePooling1D", lambda **k: L.AdaptiveAveragePooling1D(4, **k), NINE, (2, 4, 3)),
    case("AdaptiveAveragePooling2D", lambda **k: L.AdaptiveAveragePooling2D((4, 2), **k), IMAGE, (2, 4, 2, 3)),
    case("AdaptiveAveragePooling3D", lambda **k: L.AdaptiveAveragePooling3D(2, **k), VOLUME, (1, 2, 2, 2, 2)),
    case("AdaptiveMaxPooling1D", lambda **k: L.AdaptiveMaxPooling1D(4, **k), NINE, (2, 4, 3), spread=True),
    case("AdaptiveMaxPooling2D", lambda **k: L.AdaptiveMaxPooling2D(2, **k), IMAGE, (2, 2, 2, 3), spread=True),
    case("AdaptiveMaxPooling3D", lambda **k: L.AdaptiveMaxPooling3D(2, **k), VOLUME, (1, 2, 2, 2, 2), spread=True),
    # Normalization
    case("BatchNormalization", lambda **k: L.BatchNormalization(**k), (6, 4), (6, 4), [(4,)] * 4),
    case("BatchNormalization axis", lambda **k: L.BatchNormalization(axis=1, **k), (3, 4, 5), (3, 4, 5), [(4,)] * 4),
    case("LayerNormalization", lambda **k: L.LayerNormalization(**k), (3, 4, 5), (3, 4, 5), [(5,)] * 2),
    case("LayerNormalization axes", lambda **k: L.LayerNormalization(axis=[1, 2], **k), (3, 4, 5), (3, 4, 5), [(4, 5)] * 2),
    case("GroupNormalization", lambda **k: L.GroupNormalization(2, **k), (2, 3, 4), (2, 3, 4), [(4,)] * 2),
    case("RMSNormalization", lambda **k: L.RMSNormalization(**k), (3, 5), (3, 5), [(5,)]),
    case("UnitNormalization", lambda **k: L.UnitNormalization(**k), (3, 5), (3, 5)),
    case("SpectralNormalization", lambda **k: L.SpectralNormalization(L.Dense(4, **k), **k), (3, 5), (3, 4), [(1, 4), (5, 4), (4,)]),
    # Activation layers
    case("ReLU", lambda **k: L.ReLU(max_value=1.5, negative_slope=0.1, **k), (3, 5), (3, 5), spread=True),
    case("LeakyReLU", lambda **k: L.LeakyReLU(**k), (3, 5), (3, 5), spread=True),
    case("PReLU", lambda **k: L.PReLU("ones", **k), (3, 5), (3, 5), [(5,)], spread=True),
    case("ELU", lambda **k: L.ELU(**k), (3, 5), (3, 5)),
    case("Softmax", lambda **k: L.Softmax(**k), (3, 5), (3, 5)),
    case("Softmax axes", lambda **k: L.Softmax(axis=(1, 2), **k), (3, 5, 2), (3, 5, 2)),
    # Regularization
    case("Dropout", lambda **k: L.Dropout(0.4, **k), (3, 5), (3, 5)),
    case("SpatialDropout1D", lambda **k: L.SpatialDropout1D(0.4, **k), NINE, NINE),
    case("SpatialDropout2D", lambda **k: L.SpatialDropout2D(0.4, **k), IMAGE, IMAGE),
    case("SpatialDropout3D", lambda **k: L.SpatialDropout3D(0.4, **k), VOLUME, VOLUME),
    case("GaussianDropout", lambda **k: L.GaussianDropout(0.4, **k), (3, 5), (3, 5)),
    case("GaussianNoise", lambda **k: L.GaussianNoise(0.4, **k), (3, 5), (3, 5)),
    case("AlphaDropout", lambda **k: L.AlphaDropout(0.4, **k), (3, 5), (3, 5)),
    case("ActivityRegularization", lambda **k: L.ActivityRegularization(0.1, 0.2, **k), (3, 5), (3, 5)),
    # Reshaping
    case("Flatten", lambda **k: L.Flatten(**k), (2, 3, 4), (2, 12)),
    case("Flatten first", lambda **k: L.Flatten("channels_first", **k), (2, 3, 4, 5), (2, 60)),
    case("Reshape", lambda **k: L.Reshape((2, -1), **k), (2, 3, 4), (2, 2, 6)),
    case("Permute", lambda **k: L.Permute((2, 1), **k), (2, 3, 4), (2, 4, 3)),
    case("RepeatVector", lambda **k: L.RepeatVector(3, **k), (2, 4), (2, 3, 4)),
    case("Cropping1D", lambda **k: L.Cropping1D((1, 2), **k), NINE, (2, 6, 3)),
    case("Cropping2D", lambda **k: L.Cropping2D(((1, 0), (2, 1)), **k), IMAGE, (2, 5, 2, 3)),
    case("Cropping3D", lambda **k: L.Cropping3D(1, **k), VOLUME, (1, 2, 3, 2, 2)),
    case("ZeroPadding1D", lambda **k: L.ZeroPadding1D((1, 2), **k), NINE, (2, 12, 3)),
    case("ZeroPadding2D", lambda **k: L.ZeroPadding2D((1, 2), **k), IMAGE, (2, 8, 9, 3)),
    case("ZeroPadding3D", lambda **k: L.ZeroPadding3D(1, **k), VOLUME, (1, 6, 7, 6, 2)),
    case("UpSampling1D", lambda **k: L.UpSampling1D(3, **k), (2, 4, 3), (2, 12, 3)),
    case("UpSampling2D", lambda **k: L.UpSampling2D((2, 3), **k), IMAGE, (2, 12, 15, 3)),
    case("UpSampling2D bilinear", lambda **k: L.UpSampling2D(2, interpolation="bilinear", **k), IMAGE, (2, 12, 10, 3)),
    case("UpSampling2D bicubic", lambda **k: L.UpSampling2D(2, "channels_first", "bicubic", **k), (2, 3, 4, 4), (2, 3, 8, 8)),
    case("UpSampling3D", lambda **k: L.UpSampling3D(2, **k), (1, 2, 2, 2, 2), (1, 4, 4, 4, 2)),
    # Merging
    case("Add", lambda **k: L.Add(**k), [(2, 3), (2, 3), (2, 3)], (2, 3)),
    case("Add broadcast", lambda **k: L.Add(**k), [(2, 4, 3), (2, 3)], (2, 4, 3)),
    case("Subtract", lambda **k: L.Subtract(**k), [(2, 3), (2, 3)], (2, 3)),
    case("Multiply", lambda **k: L.Multiply(**k), [(2, 3), (2, 3)], (2, 3)),
    case("Average", lambda **k: L.Average(**k), [(2, 3), (2, 3)], (2, 3)),
    case("Maximum", lambda **k: L.Maximum(**k), [(2, 3), (2, 3)], (2, 3), spread=True),
    case("Minimum", lambda **k: L.Minimum(**k), [(2, 3), (2, 3)], (2, 3), spread=True),
    case("Concatenate", lambda **k: L.Concatenate(**k), [(2, 3), (2, 4)], (2, 7)),
    case("Concatenate axis", lambda **k: L.Concatenate(axis=1, **k), [(2, 3, 4), (2, 2, 4)], (2, 5, 4)),
    case("Dot", lambda **k: L.Dot(axes=1, **k), [(2, 3), (2, 3)], (2, 1)),
    case("Dot matrices", lambda **k: L.Dot(axes=(2, 1), normalize=True, **k), [(2, 4, 3), (2, 3, 5)], (2, 4, 5)),
    # Recurrent
    case("SimpleRNN", lambda **k: L.SimpleRNN(4, **k), (2, 5, 3), (2, 4), [(3, 4), (4, 4), (4,)]),
    case("LSTM", lambda **k: L.LSTM(4, **k), (2, 5, 3), (2, 4), [(3, 16), (4, 16), (16,)]),
    case("LSTM sequences", lambda **k: L.LSTM(4, return_sequences=True, go_backwards=True, **k), (2, 5, 3), (2, 5, 4), [(3, 16), (4, 16), (16,)]),
    case("LSTM looped", lambda **k: L.LSTM(4, recurrent_activation="tanh", use_bias=False, **k), (2, 5, 3), (2, 4), [(3, 16), (4, 16)]),
    case("GRU", lambda **k: L.GRU(4, **k), (2, 5, 3), (2, 4), [(3, 12), (4, 12), (2, 12)]),
    case("GRU before", lambda **k: L.GRU(4, reset_after=False, return_sequences=True, **k), (2, 5, 3), (2, 5, 4), [(3, 12), (4, 12), (12,)]),
    case("RNN", lambda **k: L.RNN(L.LSTMCell(4, **k), **k), (2, 5, 3), (2, 4), [(3, 16), (4, 16), (16,)]),
    case("StackedRNNCells", lambda **k: L.RNN([L.GRUCell(4, **k), L.SimpleRNNCell(3, **k)], **k), (2, 5, 3), (2, 3),
         [(3, 12), (4, 12), (2, 12), (4, 3), (3, 3), (3,)]),
    case("Bidirectional", lambda **k: L.Bidirectional(L.LSTM(4, **k), **k), (2, 5, 3), (2, 8), [(3, 16), (4, 16), (16,)] * 2),
    case("Bidirectional sum", lambda **k: L.Bidirectional(L.GRU(4, return_sequences=True, **k), "sum", **k), (2, 5, 3), (2, 5, 4),
         [(3, 12), (4, 12), (2, 12)] * 2),
    case("TimeDistributed", lambda **k: L.TimeDistributed(L.Dense(4, **k), **k), (2, 5, 3), (2, 5, 4), [(3, 4), (4,)]),
    case("ConvLSTM1D", lambda **k: L.ConvLSTM1D(2, 3, **k), (2, 3, 6, 2), (2, 4, 2), [(3, 2, 8), (3, 2, 8), (8,)]),
    case("ConvLSTM2D", lambda **k: L.ConvLSTM2D(2, 2, strides=2, padding="same", return_sequences=True, **k), (1, 3, 5, 4, 2), (1, 3, 3, 2, 2),
         [(2, 2, 2, 8), (2, 2, 2, 8), (8,)]),
    case("ConvLSTM3D", lambda **k: L.ConvLSTM3D(2, 2, use_bias=False, **k), (1, 2, 3, 3, 3, 1), (1, 2, 2, 2, 2), [(2, 2, 2, 1, 8), (2, 2, 2, 2, 8)]),
    # Attention
    case("MultiHeadAttention", lambda **k: L.MultiHeadAttention(2, 3, **k), (2, 5, 4), (2, 5, 4),
         [(4, 2, 3), (2, 3)] * 3 + [(2, 3, 4), (4,)], call=both),
    case("MultiHeadAttention axes", lambda **k: L.MultiHeadAttention(2, 3, attention_axes=2, **k), (2, 3, 4, 5), (2, 3, 4, 5),
         [(5, 2, 3), (2, 3)] * 3 + [(2, 3, 5), (5,)], call=both),
    case("GroupQueryAttention", lambda **k: L.GroupQueryAttention(3, 4, 2, **k), (2, 5, 4), (2, 5, 4),
         [(4, 4, 3), (4, 3), (4, 2, 3), (2, 3), (4, 2, 3), (2, 3), (4, 3, 4), (4,)], call=both),
    case("Attention", lambda **k: L.Attention(use_scale=True, **k), [(2, 3, 4), (2, 5, 4)], (2, 3, 4), [()]),
    case("Attention concat", lambda **k: L.Attention(score_mode="concat", **k), [(2, 3, 4), (2, 5, 4)], (2, 3, 4), [()]),
    case("AdditiveAttention", lambda **k: L.AdditiveAttention(**k), [(2, 3, 4), (2, 5, 4)], (2, 3, 4), [(4,)]),
    # Image preprocessing. A call without `training` draws, so these are called as in inference; what is drawn
    # is tested in tests/layers/test_image_preprocessing.py.
    case("Resizing", lambda **k: L.Resizing(4, 6, **k), (2, 8, 8, 3), (2, 4, 6, 3)),
    case("CenterCrop", lambda **k: L.CenterCrop(4, 6, **k), (2, 8, 8, 3), (2, 4, 6, 3)),
    # Preprocessing
    case("Rescaling", lambda **k: L.Rescaling(0.5, 1.0, **k), (3, 5), (3, 5)),
    case("Normalization", lambda **k: L.Normalization(mean=1.0, variance=4.0, **k), (3, 5), (3, 5)),
    case("Normalization learned", lambda **k: L.Normalization(**k), (3, 5), (3, 5), [(5,), (5,), ()], mixed=False),
    case("Discretization", lambda **k: L.Discretization([0.0, 1.0], output_mode="one_hot", **k), (3, 5), (3, 5, 3), gradient=False),
    case("CategoryEncoding", lambda **k: L.CategoryEncoding(4, **k), (3, 5), (3, 4), integers=4, gradient=False),
    case("Hashing", lambda **k: L.Hashing(4, output_mode="count", **k), (3, 5), (3, 4), integers=9, gradient=False),
    case("HashedCrossing", lambda **k: L.HashedCrossing(4, output_mode="one_hot", **k), [(3, 1), (3, 1)], (3, 4), integers=9, gradient=False),
    case("IntegerLookup", lambda **k: L.IntegerLookup(vocabulary=[1, 3], output_mode="count", **k), (3, 5), (3, 3), integers=4, gradient=False),
    case("MelSpectrogram", lambda **k: L.MelSpectrogram(16, 8, sampling_rate=100, num_mel_bins=4, min_freq=1.0, power_to_db=False, **k), (2, 40), (2, 4, 6), mixed=False),
    case("STFTSpectrogram", lambda **k: L.STFTSpectrogram("psd", frame_length=16, frame_step=8, **k), (2, 40, 1), (2, 4, 9), [(16, 1, 9), (16, 1, 9)]),
    case("Pipeline", lambda **k: L.Pipeline([L.Rescaling(2.0, **k)]), (3, 5), (3, 5), mixed=False),
    case("RandomCrop", lambda **k: L.RandomCrop(4, 6, seed=1, **k), (2, 8, 8, 3), (2, 4, 6, 3), call=inference),
    case("AugMix", lambda **k: L.AugMix(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("AutoContrast", lambda **k: L.AutoContrast((-3, 3), **k), (2, 8, 8, 3), (2, 8, 8, 3), gradient=False),
    case("ContrastLimitedAdaptiveHistogramEqualization", lambda **k: L.ContrastLimitedAdaptiveHistogramEqualization((-3, 3), tile_grid_size=(2, 2), **k), (2, 8, 8, 3), (2, 8, 8, 3), gradient=False),
    case("CutMix", lambda **k: L.CutMix(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("Equalization", lambda **k: L.Equalization((-3, 3), **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("MaxNumBoundingBoxes", lambda **k: L.MaxNumBoundingBoxes(3, **k), (2, 8, 8, 3), (2, 8, 8, 3)),
    case("MixUp", lambda **k: L.MixUp(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandAugment", lambda **k: L.RandAugment(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomBrightness", lambda **k: L.RandomBrightness(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomColorDegeneration", lambda **k: L.RandomColorDegeneration(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomColorJitter", lambda **k: L.RandomColorJitter((-3, 3), 0.2, 0.2, 0.2, 0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomContrast", lambda **k: L.RandomContrast(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomElasticTransform", lambda **k: L.RandomElasticTransform(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomErasing", lambda **k: L.RandomErasing(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomFlip", lambda **k: L.RandomFlip(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomGaussianBlur", lambda **k: L.RandomGaussianBlur(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomGrayscale", lambda **k: L.RandomGrayscale(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomHue", lambda **k: L.RandomHue(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomInvert", lambda **k: L.RandomInvert(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomPerspective", lambda **k: L.RandomPerspective(seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomPosterization", lambda **k: L.RandomPosterization(4, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomRotation", lambda **k: L.RandomRotation(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomSaturation", lambda **k: L.RandomSaturation(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomSharpness", lambda **k: L.RandomSharpness(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomShear", lambda **k: L.RandomShear(0.2, 0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomTranslation", lambda **k: L.RandomTranslation(0.2, 0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("RandomZoom", lambda **k: L.RandomZoom(0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
    case("Solarization", lambda **k: L.Solarization(0.2, 0.2, seed=1, **k), (2, 8, 8, 3), (2, 8, 8, 3), call=inference),
]
