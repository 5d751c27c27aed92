"""Optimizers over 20 steps, and whole trainings of 20 steps."""

# fmt: off

from __future__ import annotations

from typing import Any

from tests.parity.cases import Case

_OPTIMIZERS: list[tuple[str, list[dict[str, Any]]]] = [
    ("SGD", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}]),
    ("Adam", [{}, {"amsgrad": True, "beta_1": 0.8, "epsilon": 1e-5}]),
    ("AdamW", [{}, {"weight_decay": 0.1}]),
    ("Adamax", [{}]), ("Nadam", [{}]), ("Adagrad", [{}, {"initial_accumulator_value": 0.5}]), ("Adadelta", [{}, {"rho": 0.8}]),
    ("RMSprop", [{}, {"momentum": 0.5}, {"centered": True, "rho": 0.8}]),
    ("Ftrl", [{}, {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1, "l2_shrinkage_regularization_strength": 0.05, "beta": 0.1}]),
    ("Lion", [{}]), ("Lamb", [{}]), ("Adafactor", [{}, {"relative_step": False, "beta_2_decay": -0.6}]),
    ("Muon", [{}, {"adam_weight_decay": 0.01, "weight_decay": 0.02}]), ("ScheduleFreeAdamW", [{}, {"warmup_steps": 5, "weight_decay": 0.02}, {"warmup_steps": 5, "beta_1": 0.95}]),
]
_COMMON: list[dict[str, Any]] = [
    {"weight_decay": 0.02}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 0.7}, {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}, {"gradient_accumulation_steps": 4},
]


def _made(K: Any, name: str, options: dict[str, Any]) -> Any:
    return getattr(K.optimizers, name)(learning_rate=0.05, **options)


OPTIMIZERS = [
    *[Case(f"{name} {options}", lambda K, n=name, o=options: _made(K, n, o), tolerance=2e-5) for name, configurations in _OPTIMIZERS for options in configurations],
    *[Case(f"{name} common {options}", lambda K, n=name, o=options: _made(K, n, o), tolerance=2e-5, arguments={"finalize": True}) for name in ("SGD", "Adam", "RMSprop", "Lion") for options in _COMMON],
    *[
        Case(f"{name} schedule", lambda K, n=name: getattr(K.optimizers, n)(learning_rate=K.optimizers.schedules.ExponentialDecay(0.1, 5, 0.8)), tolerance=2e-5)
        for name in ("SGD", "Adam", "Adagrad", "Nadam", "Lamb", "ScheduleFreeAdamW")
    ],
]


def _mlp(K: Any) -> Any:
    return K.Sequential([K.layers.Dense(8, "relu"), K.layers.Dense(6, "tanh", kernel_regularizer="l2"), K.layers.Dense(3, "softmax")])


def _cnn(K: Any) -> Any:
    L = K.layers
    return K.Sequential([L.Conv2D(4, 3, padding="same", use_bias=False), L.BatchNormalization(momentum=0.8), L.ReLU(), L.MaxPooling2D(), L.DepthwiseConv2D(3), L.GlobalAveragePooling2D(), L.Dense(3)])


def _lstm(K: Any) -> Any:
    L = K.layers
    return K.Sequential([L.Embedding(9, 4, mask_zero=True), L.LSTM(5, return_sequences=True), L.LSTM(4), L.Dense(1, "sigmoid")])


def _gru(K: Any) -> Any:
    L = K.layers
    return K.Sequential([L.Bidirectional(L.GRU(4, return_sequences=True)), L.LayerNormalization(), L.GlobalMaxPooling1D(), L.Dense(2)])


def _encoder(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((6, 8))
    x = L.MultiHeadAttention(2, 4)(inputs, inputs)
    x = L.LayerNormalization()(L.Add()([inputs, x]))
    y = L.Dense(8)(L.Dense(12, "gelu")(x))
    x = L.LayerNormalization()(L.Add()([x, y]))
    return K.Model(inputs, L.Dense(1)(L.GlobalAveragePooling1D()(x)))


def _two(K: Any) -> Any:
    L = K.layers
    a, b = K.Input((4,)), K.Input((3,))
    x = L.Dense(6, "relu")(L.Concatenate()([a, b]))
    return K.Model([a, b], [L.Dense(2, name="first")(x), L.Dense(1, "sigmoid", name="second")(x)])


def training(name: str, make: Any, x: list[Any], y: list[Any], compile: Any, **arguments: Any) -> Case:
    return Case(name, make, arguments={"x": x, "y": y, "compile": compile, **arguments}, tolerance=1e-4)


TRAININGS = [
    training("MLP Adam", _mlp, [(16, 5)], [((16,), "below 3")], lambda K: {"optimizer": K.optimizers.Adam(0.01), "loss": "sparse_categorical_crossentropy"}),
    training("MLP momentum clipped", _mlp, [(16, 5)], [((16, 3), "one_hot")], lambda K: {"optimizer": K.optimizers.SGD(0.05, momentum=0.9, global_clipnorm=0.5), "loss": K.losses.CategoricalCrossentropy(label_smoothing=0.1)}),
    training("MLP class weights", _mlp, [(16, 5)], [((16,), "below 3")], lambda K: {"optimizer": "rmsprop", "loss": "sparse_categorical_crossentropy"}, fit={"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
    training("CNN", _cnn, [(6, 8, 8, 2)], [((6,), "below 3")], lambda K: {"optimizer": K.optimizers.AdamW(0.01), "loss": K.losses.SparseCategoricalCrossentropy(from_logits=True)}),
    training("LSTM masked", _lstm, [((8, 6), "below 9")], [((8, 1), "binary")], lambda K: {"optimizer": K.optimizers.Adam(0.02), "loss": "binary_crossentropy"}),
    training("GRU bidirectional", _gru, [(6, 5, 3)], [(6, 2)], lambda K: {"optimizer": K.optimizers.Nadam(0.01), "loss": "huber"}),
    training("encoder", _encoder, [(5, 6, 8)], [(5, 1)], lambda K: {"optimizer": K.optimizers.Adam(K.optimizers.schedules.CosineDecay(0.01, 20)), "loss": "mse"}),
    training("two outputs", _two, [(8, 4), (8, 3)], [(8, 2), ((8, 1), "binary")], lambda K: {"optimizer": K.optimizers.Adagrad(0.05), "loss": ["mae", "binary_crossentropy"], "loss_weights": [0.5, 2.0]}),
]
