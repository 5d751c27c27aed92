"""Models: built, fitted, evaluated, asked, dropped."""

import numpy as np
from tests.layers.layer_cases import CASES, Case

import corten
from corten import layers, ops, optimizers

RULES = [
    "sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "adamw", "nadam", "lion", "lamb", "ftrl",
    "adafactor", "muon",
]  # fmt: skip
FITTED = [case for case in CASES if case.fit and not case.integers and case.gradient and case.weights]


def rule(generator):
    """An optimizer with settings at random."""
    settings = [
        {},
        {},
        {"clipnorm": 1.0},
        {"use_ema": True},
        {"gradient_accumulation_steps": 2},
        {"weight_decay": 0.01},
    ]
    optimizer = optimizers.get(str(generator.choice(RULES)))
    return type(optimizer)(learning_rate=1e-3, **settings[generator.integers(len(settings))])


def inputs_of(case: Case, generator, rows=None):
    arrays = []
    for shape in case.shapes:
        shape = (rows, *shape[1:]) if rows and case.free_batch else shape
        if case.integers:
            arrays.append(generator.integers(0, case.integers, shape))
        else:
            arrays.append(generator.normal(size=shape).astype("float32"))
    return arrays


def model_of(case: Case):
    """A model of the one layer."""
    dtype = "int32" if case.integers else None
    inputs = [corten.Input(shape=shape[1:], dtype=dtype) for shape in case.shapes]
    x = inputs if isinstance(case.input_shape, list) else inputs[0]
    layer = case.make()
    outputs = case.call(layer, x) if case.call else layer(x)
    return corten.Model(inputs if len(inputs) > 1 else inputs[0], outputs), layer


def one_layer(generator, folder):
    """`predict` of a model of one layer, any there is, gives what the layer gives."""
    case = CASES[generator.integers(len(CASES))]
    model, layer = model_of(case)
    arrays = inputs_of(case, generator)
    predicted = model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
    x = [corten.tensor(a) for a in arrays]
    x = x if isinstance(case.input_shape, list) else x[0]
    called = (
        case.call(layer, x) if case.call else layer(x, training=False) if takes_training(layer) else layer(x)
    )
    assert predicted.shape == case.output_shape, case.name
    np.testing.assert_allclose(predicted, called.numpy(), rtol=1e-5, atol=1e-5, err_msg=case.name)


def takes_training(layer):
    return isinstance(
        layer, (layers.Dropout, layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout)
    )


def one_layer_fitted(generator, folder):
    """A few steps of training keep loss and weights finite."""
    case = FITTED[generator.integers(len(FITTED))]
    model, _ = model_of(case)
    if not model.trainable_variables:
        return
    model.compile(rule(generator), "mse")
    arrays = inputs_of(case, generator)
    x = arrays if len(arrays) > 1 else arrays[0]
    y = generator.normal(size=case.output_shape).astype("float32")
    history = model.fit(x, y, epochs=3, verbose=0)
    assert all(np.isfinite(history.history["loss"])), case.name
    assert all(np.isfinite(weight).all() for weight in model.get_weights()), case.name


def dense_network(generator, folder):
    """A network of dense layers is what NumPy makes of its weights, after training too."""
    widths = [int(n) for n in generator.integers(1, 70, generator.integers(1, 4))]
    features, rows = int(generator.integers(1, 40)), int(generator.integers(1, 200))
    model = corten.Sequential(
        [corten.Input((features,)), *(layers.Dense(w, "relu") for w in widths), layers.Dense(2)]
    )
    model.compile(rule(generator), "mse", metrics=["mae"])
    x = generator.normal(size=(rows, features)).astype("float32")
    y = generator.normal(size=(rows, 2)).astype("float32")
    batch = int(generator.integers(1, 65))
    model.fit(x, y, batch_size=batch, epochs=int(generator.integers(1, 4)), verbose=0, validation_split=0.0)
    h, weights = x.astype("float64"), model.get_weights()
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        h = np.maximum(h @ kernel + bias, 0)
    wanted = h @ weights[-2] + weights[-1]
    np.testing.assert_allclose(model.predict(x, batch_size=batch, verbose=0), wanted, rtol=1e-3, atol=1e-4)
    loss, error = model.evaluate(x, y, batch_size=batch, verbose=0)
    np.testing.assert_allclose(loss, np.mean((wanted - y) ** 2), rtol=1e-3)
    np.testing.assert_allclose(error, np.mean(np.abs(wanted - y)), rtol=1e-3)


def image_network(generator, folder):
    """A small network of convolutions learns labels; `evaluate` agrees with `predict`."""
    size, rows = int(generator.integers(7, 14)), int(generator.integers(4, 40))
    model = corten.Sequential(
        [
            corten.Input((size, size, 2)),
            layers.Conv2D(int(generator.integers(1, 9)), 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.DepthwiseConv2D(2),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile(rule(generator), "sparse_categorical_crossentropy", metrics=["accuracy"])
    check_classifier(model, generator.normal(size=(rows, size, size, 2)).astype("float32"), generator)


def sequence_network(generator, folder):
    """Recurrent layers and attention over token sequences with padding."""
    rows, steps = int(generator.integers(4, 30)), int(generator.integers(2, 12))
    cell = [layers.LSTM, layers.GRU, layers.SimpleRNN][generator.integers(3)]
    tokens = corten.Input((steps,), dtype="int32")
    h = layers.Embedding(20, 8, mask_zero=True)(tokens)
    h = layers.Bidirectional(cell(6, return_sequences=True))(h)
    h = layers.Add()([h, layers.MultiHeadAttention(2, 4, dropout=0.1)(h, h)])
    h = layers.LayerNormalization()(h)
    model = corten.Model(tokens, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(h)))
    model.compile(rule(generator), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = generator.integers(0, 20, (rows, steps))
    x[:, 0] = 1
    check_classifier(model, x, generator)


def check_classifier(model, x, generator):
    y = generator.integers(0, 3, len(x))
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    probabilities = model.predict(x, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    picked = np.clip(probabilities[np.arange(len(x)), y].astype("float64"), 1e-7, 1)
    np.testing.assert_allclose(loss, -np.log(picked).mean(), rtol=1e-3)
    np.testing.assert_allclose(accuracy, (probabilities.argmax(axis=1) == y).mean(), rtol=1e-5)


def other_precisions(generator, folder):
    """Layers in 16 bits, mixed precision and float64."""
    policy = str(generator.choice(["mixed_bfloat16", "mixed_float16", "float64", "bfloat16"]))
    model = corten.Sequential(
        [corten.Input((9,)), layers.Dense(16, "gelu", dtype=policy), layers.Dense(2, dtype="float32")]
    )
    model.compile("adam", "mse")
    x, y = generator.normal(size=(40, 9)).astype("float32"), generator.normal(size=(40, 2)).astype("float32")
    model.fit(x, y, epochs=2, verbose=0)
    assert np.isfinite(model.predict(x, verbose=0)).all()


def traced_steps(generator, folder):
    """Steps that the engine runs alone give the bits of steps run as Python code."""
    seed, rows = int(generator.integers(1000)), int(generator.integers(100, 400))
    x, y = (
        generator.normal(size=(rows, 6)).astype("float32"),
        generator.normal(size=(rows, 1)).astype("float32"),
    )
    results = []
    for run_eagerly in (False, True):
        corten.utils.set_random_seed(seed)
        model = corten.Sequential(
            [corten.Input((6,)), layers.Dense(8, "tanh"), layers.Dropout(0.3), layers.Dense(1)]
        )
        model.compile("adam", "mse", run_eagerly=run_eagerly)
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        results.append(b"".join(weight.tobytes() for weight in model.get_weights()))
    assert results[0] == results[1]


def own_step(generator, folder):
    """A training loop of the user's own lowers the loss."""
    model = corten.Sequential([corten.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    optimizer = optimizers.Adam(0.01)
    x = generator.normal(size=(32, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    losses = []
    for _ in range(15):
        with corten.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True) - y))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def quantized_and_adapted(generator, folder):
    """Weights as integers, and a low-rank product that is trained beside frozen ones."""
    model = corten.Sequential([corten.Input((16,)), layers.Dense(32, "relu"), layers.Dense(4)])
    x = generator.normal(size=(20, 16)).astype("float32")
    wanted = model.predict(x, verbose=0)
    model.layers[0].enable_lora(2)
    model.compile("adam", "mse")
    model.fit(x, wanted + 1, verbose=0)
    model.quantize(str(generator.choice(["int8", "int4"])))
    assert np.isfinite(model.predict(x, verbose=0)).all()


def several_inputs_and_outputs(generator, folder):
    """A model of several inputs and outputs by name, with a step of its own between layers."""
    a, b = corten.Input((5,), name="a"), corten.Input((3,), name="b")
    h = layers.Concatenate()([layers.Dense(8, "relu")(a), b])
    model = corten.Model([a, b], {"c": layers.Dense(1)(h), "d": ops.softmax(layers.Dense(3)(h))})
    model.compile("adam", {"c": "mse", "d": "categorical_crossentropy"}, metrics={"d": ["accuracy"]})
    rows = int(generator.integers(4, 60))
    x = {"a": generator.normal(size=(rows, 5)), "b": generator.normal(size=(rows, 3))}
    y = {"c": generator.normal(size=(rows, 1)), "d": np.eye(3)[generator.integers(0, 3, rows)]}
    history = model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    predicted = model.predict(x, verbose=0)
    np.testing.assert_allclose(predicted["d"].sum(axis=1), 1, rtol=1e-5)
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    accuracy = (predicted["d"].argmax(axis=1) == y["d"].argmax(axis=1)).mean()
    np.testing.assert_allclose(results["d_accuracy"], accuracy, rtol=1e-5)


JOBS = [
    one_layer,
    one_layer,
    one_layer_fitted,
    dense_network,
    image_network,
    sequence_network,
    other_precisions,
    traced_steps,
    own_step,
    quantized_and_adapted,
    several_inputs_and_outputs,
]
