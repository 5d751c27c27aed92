"""The networks in PyTorch; they end in logits, as its losses want."""

import itertools
from typing import Any

import torch
from torch import nn

from ..workloads import networks


def mlp(widths: tuple[int, ...]) -> nn.Module:
    """Dense layers with relu between them."""
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn() -> nn.Module:
    """Three convolutions, two poolings, two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(576, 64),
        nn.ReLU(),
        nn.Linear(64, networks.CLASSES),
    ).to(memory_format=torch.channels_last)


class Recurrent(nn.Module):
    """An LSTM, and classes from its last output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(networks.LSTM_IN, networks.LSTM_UNITS, batch_first=True)
        self.classes = nn.Linear(networks.LSTM_UNITS, networks.CLASSES)

    def forward(self, x: Any) -> Any:
        """Logits."""
        return self.classes(self.lstm(x)[0][:, -1])


class TextClassifier(nn.Module):
    """Embedding, Transformer layers, mean over positions, classes."""

    def __init__(self, encoder: networks.Encoder) -> None:
        super().__init__()
        self.embedding = nn.Embedding(encoder.vocabulary, encoder.width)
        layer = nn.TransformerEncoderLayer(
            encoder.width, encoder.heads, encoder.hidden, dropout=0.0, activation="gelu", batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, encoder.layers, enable_nested_tensor=False)
        self.classes = nn.Linear(encoder.width, encoder.classes)

    def forward(self, x: Any) -> Any:
        """Logits."""
        return self.classes(self.layers(self.embedding(x)).mean(1))
