"""What Corten and Keras spell the same: models, `fit`, `predict`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import networks
from .adapter import Adapter, Prepared

SPARSE = "sparse_categorical_crossentropy"


class KerasApi(Adapter):
    """`keras` is the module the classes come from."""

    keras: Any

    def sequential(
        self, shape: tuple[int, ...], layers: list[Any], optimizer: str, loss: str = SPARSE
    ) -> Any:
        """A compiled model."""
        model = self.keras.Sequential([self.keras.Input(shape), *layers])
        model.compile(optimizer=optimizer, loss=loss)
        return model

    def dense(self, widths: tuple[int, ...]) -> Any:
        """Dense layers with relu between them, and softmax."""
        dense = self.keras.layers.Dense
        hidden = [dense(width, activation="relu") for width in widths[1:-1]]
        return self.sequential((widths[0],), [*hidden, dense(widths[-1], activation="softmax")], "adam")

    def cnn(self) -> Any:
        """Three convolutions, two poolings, two dense layers."""
        layers = self.keras.layers
        return self.sequential(
            networks.IMAGE,
            [
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.Flatten(),
                layers.Dense(64, activation="relu"),
                layers.Dense(networks.CLASSES, activation="softmax"),
            ],
            "rmsprop",
        )

    def lstm(self) -> Any:
        """An LSTM, and classes from its last output."""
        layers = self.keras.layers
        classes = layers.Dense(networks.CLASSES, activation="softmax")
        shape = (networks.LSTM_STEPS, networks.LSTM_IN)
        return self.sequential(shape, [layers.LSTM(networks.LSTM_UNITS), classes], "adam")

    def encoder(self, dtype: str, size: networks.Encoder = networks.ENCODER) -> Any:
        """Embedding, Transformer layers, mean over positions, classes; bfloat16 means the mixed policy."""
        layers = self.keras.layers
        policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[dtype]
        tokens = self.keras.Input((size.length,), dtype="int32")
        h = layers.Embedding(size.vocabulary, size.width, dtype=policy)(tokens)
        for _ in range(size.layers):
            attention = layers.MultiHeadAttention(size.heads, size.width // size.heads, dtype=policy)(h, h)
            h = layers.Add(dtype=policy)([h, attention])
            h = layers.LayerNormalization(epsilon=1e-5, dtype=policy)(h)
            hidden = layers.Dense(size.hidden, activation="gelu", dtype=policy)(h)
            h = layers.Add(dtype=policy)([h, layers.Dense(size.width, dtype=policy)(hidden)])
            h = layers.LayerNormalization(epsilon=1e-5, dtype=policy)(h)
        mean = layers.GlobalAveragePooling1D(dtype=policy)(h)
        classes = layers.Dense(size.classes, activation="softmax", dtype="float32")(mean)
        model = self.keras.Model(tokens, classes)
        model.compile(optimizer="adamw", loss=SPARSE)
        return model

    def fit(self, model: Any, x: Any, y: Any, batch: int) -> Prepared:
        """An epoch; one unit is a step."""
        return Prepared(
            lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0), len(x) // batch, model
        )

    def train_mlp(self, batch: int, steps: int, dtype: str) -> Prepared:
        rows = batch * steps
        return self.fit(
            self.dense(networks.MLP), self.normal(rows, networks.MLP[0]), self.labels(rows), batch
        )

    def train_wide(self, batch: int, steps: int, dtype: str) -> Prepared:
        rows = batch * steps
        return self.fit(
            self.dense(networks.WIDE), self.normal(rows, networks.WIDE[0]), self.labels(rows), batch
        )

    def train_cnn(self, batch: int, steps: int, dtype: str) -> Prepared:
        rows = batch * steps
        x = self.rng.random((rows, *networks.IMAGE), dtype=np.float32)
        return self.fit(self.cnn(), x, self.labels(rows), batch)

    def train_lstm(self, batch: int, steps: int, dtype: str) -> Prepared:
        rows = batch * steps
        x = self.normal(rows, networks.LSTM_STEPS, networks.LSTM_IN)
        return self.fit(self.lstm(), x, self.labels(rows), batch)

    def train_encoder(self, batch: int, steps: int, dtype: str) -> Prepared:
        rows, size = batch * steps, networks.ENCODER
        x = self.rng.integers(size.vocabulary, size=(rows, size.length))
        return self.fit(self.encoder(dtype), x, self.labels(rows, size.classes), batch)

    def linear_regression(self) -> Callable[[], object]:
        model = self.sequential((1,), [self.keras.layers.Dense(1)], "sgd", "mean_squared_error")
        x = self.rng.random((networks.LINES, 1), dtype=np.float32)
        y = 2 * x + 1
        return lambda: model.fit(x, y, epochs=1, verbose=0)

    def predict_mlp(self, batch: int) -> Callable[[], object]:
        model, x = self.dense(networks.MLP), self.normal(batch, networks.MLP[0])
        return lambda: model.predict(x, verbose=0)

    def predict_cnn(self, batch: int) -> Callable[[], object]:
        model, x = self.cnn(), self.normal(batch, *networks.IMAGE)
        return lambda: model.predict(x, verbose=0)

    def infer_mlp(self, batch: int) -> Callable[[], object]:
        return self.answer(self.dense(networks.MLP), self.normal(batch, networks.MLP[0]))

    def infer_cnn(self, batch: int) -> Callable[[], object]:
        return self.answer(self.cnn(), self.normal(batch, *networks.IMAGE))

    def answer(self, model: Any, x: Any) -> Callable[[], object]:
        """The model called on a tensor, the quickest way there is, waiting for the answer."""
        raise NotImplementedError
