"""Layers that turn raw features (text, categories, numbers, sound) into what a network learns from."""

from corten.layers.preprocessing.category_encoding import CategoryEncoding
from corten.layers.preprocessing.discretization import Discretization
from corten.layers.preprocessing.hashing import HashedCrossing, Hashing
from corten.layers.preprocessing.integer_lookup import IntegerLookup
from corten.layers.preprocessing.mel_spectrogram import MelSpectrogram
from corten.layers.preprocessing.normalization import Normalization
from corten.layers.preprocessing.pipeline import Pipeline
from corten.layers.preprocessing.rescaling import Rescaling
from corten.layers.preprocessing.stft_spectrogram import STFTSpectrogram
from corten.layers.preprocessing.string_lookup import StringLookup
from corten.layers.preprocessing.text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Normalization",
    "Pipeline",
    "Rescaling",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
]
