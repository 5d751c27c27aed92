"""Layers, several configurations each."""

# One line per case reads best, long or not.
# fmt: off

from __future__ import annotations

from typing import Any

from tests.parity.cases import Case


def case(name: str, make: Any, *inputs: Any, **options: Any) -> Case:
    return Case(name, make, inputs, **options)


X, S, P, V = (3, 5), (2, 7, 3), (2, 8, 7, 3), (2, 6, 5, 4, 2)
FIRST = {"data_format": "channels_first"}
IDS = ((3, 5), "below 7")
STEPS = ((2, 7), "prefix")


def _core() -> list[Case]:
    cases = [
        case("Dense", lambda K: K.layers.Dense(4), X),
        case("Dense no bias", lambda K: K.layers.Dense(4, "tanh", use_bias=False), X),
        case("Dense rank 3", lambda K: K.layers.Dense(4, "gelu"), S),
        case("Dense regularized", lambda K: K.layers.Dense(4, kernel_regularizer="l2", activation="softplus"), X),
        case("EinsumDense", lambda K: K.layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d", activation="relu"), S),
        case("EinsumDense heads", lambda K: K.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de"), S),
        case("EinsumDense ellipsis", lambda K: K.layers.EinsumDense("...x,xy->...y", 4, bias_axes="y"), S),
        case("EinsumDense no bias", lambda K: K.layers.EinsumDense("ab,bc->ac", 4), X),
        case("Embedding", lambda K: K.layers.Embedding(7, 4), IDS),
        case("Embedding mask", lambda K: K.layers.Embedding(7, 4, mask_zero=True), IDS),
        case("ReversibleEmbedding", lambda K: K.layers.ReversibleEmbedding(7, 4), IDS),
        case("ReversibleEmbedding reverse", lambda K: K.layers.ReversibleEmbedding(7, 4), (2, 3, 4), arguments={"reverse": True}),
        case("Masking", lambda K: K.layers.Masking(0.0), S),
        case("Identity", lambda K: K.layers.Identity(), X),
        case("Lambda", lambda K: K.layers.Lambda(lambda x: x * 2 + 1), X),
    ]
    for activation in ("relu", "elu", "selu", "softplus", "softsign", "swish", "exponential", "mish", "log_softmax", "hard_sigmoid"):
        cases.append(case(f"Activation {activation}", lambda K, a=activation: K.layers.Activation(a), (X, "spread")))
    cases += [
        case("ReLU", lambda K: K.layers.ReLU(), (X, "spread")),
        case("ReLU bounds", lambda K: K.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), (X, "spread")),
        case("LeakyReLU", lambda K: K.layers.LeakyReLU(), (X, "spread")),
        case("LeakyReLU slope", lambda K: K.layers.LeakyReLU(negative_slope=0.01), (X, "spread")),
        case("PReLU", lambda K: K.layers.PReLU(), (X, "spread")),
        case("PReLU shared", lambda K: K.layers.PReLU(shared_axes=[1]), (S, "spread")),
        case("ELU", lambda K: K.layers.ELU(), (X, "spread")),
        case("ELU alpha", lambda K: K.layers.ELU(alpha=0.5), (X, "spread")),
        case("Softmax", lambda K: K.layers.Softmax(), X),
        case("Softmax axis", lambda K: K.layers.Softmax(axis=1), S),
        case("Softmax axes", lambda K: K.layers.Softmax(axis=(1, 2)), S),
        case("Softmax mask", lambda K: K.layers.Softmax(), X, extra={"mask": (X, "mask")}),
        case("Flatten", lambda K: K.layers.Flatten(), S),
        case("Flatten first", lambda K: K.layers.Flatten(**FIRST), S),
        case("Reshape", lambda K: K.layers.Reshape((3, -1)), S),
        case("Permute", lambda K: K.layers.Permute((2, 1)), S),
        case("RepeatVector", lambda K: K.layers.RepeatVector(3), X),
        case("ActivityRegularization", lambda K: K.layers.ActivityRegularization(l1=0.1, l2=0.2), X),
    ]
    for name in ("Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"):
        cases.append(case(f"{name} inference", lambda K, n=name: getattr(K.layers, n)(0.3), X, arguments={"training": False}))
        cases.append(case(f"{name} rate 0", lambda K, n=name: getattr(K.layers, n)(0.0), X, arguments={"training": True}))
    for rank, shape in ((1, S), (2, P), (3, V)):
        cases.append(case(f"SpatialDropout{rank}D inference", lambda K, r=rank: getattr(K.layers, f"SpatialDropout{r}D")(0.3), shape, arguments={"training": False}))
    return cases


def _merging() -> list[Case]:
    cases = []
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        cases.append(case(name, lambda K, n=name: getattr(K.layers, n)(), X, X, listed=True))
        cases.append(case(f"{name} broadcast", lambda K, n=name: getattr(K.layers, n)(), S, (2, 1, 3), listed=True))
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        cases.append(case(f"{name} three", lambda K, n=name: getattr(K.layers, n)(), X, X, X, listed=True))
    return [
        *cases,
        case("Concatenate", lambda K: K.layers.Concatenate(), X, (3, 2), listed=True),
        case("Concatenate axis", lambda K: K.layers.Concatenate(axis=1), S, (2, 2, 3), listed=True),
        case("Dot", lambda K: K.layers.Dot(axes=1), X, X, listed=True),
        case("Dot axes", lambda K: K.layers.Dot(axes=(1, 2)), S, (2, 4, 7), listed=True),
        case("Dot normalized", lambda K: K.layers.Dot(axes=2, normalize=True), S, (2, 4, 3), listed=True),
    ]


def _convolution() -> list[Case]:
    cases = []
    shapes = {1: S, 2: P, 3: V}
    options: dict[str, dict[str, Any]] = {
        "": {},
        "same strided": {"padding": "same", "strides": 2},
        "dilated": {"dilation_rate": 2, "activation": "relu"},
        "no bias": {"use_bias": False, "padding": "same"},
    }
    for rank, shape in shapes.items():
        for label, extra in options.items():
            kernel = 2 if rank == 3 else 3
            cases.append(case(f"Conv{rank}D {label}", lambda K, r=rank, k=kernel, e=extra: getattr(K.layers, f"Conv{r}D")(4, k, **e), shape))
            if "dilation_rate" not in extra:
                cases.append(case(f"Conv{rank}DTranspose {label}", lambda K, r=rank, k=kernel, e=extra: getattr(K.layers, f"Conv{r}DTranspose")(4, k, **e), shape))
        if rank < 3:
            for label, extra in options.items():
                cases.append(case(f"DepthwiseConv{rank}D {label}", lambda K, r=rank, e=extra: getattr(K.layers, f"DepthwiseConv{r}D")(3, depth_multiplier=2, **e), shape))
                cases.append(case(f"SeparableConv{rank}D {label}", lambda K, r=rank, e=extra: getattr(K.layers, f"SeparableConv{r}D")(4, 3, depth_multiplier=2, **e), shape))
    return [
        *cases,
        case("Conv1D causal", lambda K: K.layers.Conv1D(4, 3, padding="causal", dilation_rate=2), S),
        case("Conv1D groups", lambda K: K.layers.Conv1D(4, 3, groups=2), (2, 7, 4)),
        case("Conv2D groups", lambda K: K.layers.Conv2D(6, 3, groups=3), P),
        case("Conv2D unequal", lambda K: K.layers.Conv2D(4, (2, 3), strides=(2, 1), padding="same"), P),
        case("Conv2DTranspose output padding", lambda K: K.layers.Conv2DTranspose(4, 3, strides=2, output_padding=1, padding="same"), P),
        case("Conv2D regularized", lambda K: K.layers.Conv2D(2, 3, bias_regularizer="l1"), P),
    ]


def _pooling() -> list[Case]:
    cases = []
    shapes = {1: S, 2: P, 3: V}
    for rank, shape in shapes.items():
        for name in ("MaxPooling", "AveragePooling"):
            for label, extra in (("", {}), ("same", {"padding": "same"}), ("stride 1", {"strides": 1}), ("same stride 3", {"strides": 3, "padding": "same"})):
                cases.append(case(f"{name}{rank}D {label}", lambda K, n=name, r=rank, e=extra: getattr(K.layers, f"{n}{r}D")(pool_size=2, **e), (shape, "spread")))
        for name in ("GlobalMaxPooling", "GlobalAveragePooling"):
            for keep in (False, True):
                cases.append(case(f"{name}{rank}D {keep}", lambda K, n=name, r=rank, k=keep: getattr(K.layers, f"{n}{r}D")(keepdims=k), (shape, "spread")))
            cases.append(case(f"{name}{rank}D first", lambda K, n=name, r=rank: getattr(K.layers, f"{n}{r}D")(**FIRST), (shape, "spread")))
        for name in ("AdaptiveAveragePooling", "AdaptiveMaxPooling"):
            cases.append(case(f"{name}{rank}D", lambda K, n=name, r=rank: getattr(K.layers, f"{n}{r}D")(2), (shape, "spread")))
        cases.append(case(f"ZeroPadding{rank}D", lambda K, r=rank: getattr(K.layers, f"ZeroPadding{r}D")(2), shape))
        cases.append(case(f"Cropping{rank}D", lambda K, r=rank: getattr(K.layers, f"Cropping{r}D")(1), shape))
        cases.append(case(f"UpSampling{rank}D", lambda K, r=rank: getattr(K.layers, f"UpSampling{r}D")(2), shape))
    return [
        *cases,
        case("UpSampling2D bilinear", lambda K: K.layers.UpSampling2D((2, 3), interpolation="bilinear"), P),
        case("ZeroPadding2D unequal", lambda K: K.layers.ZeroPadding2D(((1, 0), (2, 3))), P),
        case("Cropping2D unequal", lambda K: K.layers.Cropping2D(((1, 0), (2, 3))), P),
        case("GlobalAveragePooling1D mask", lambda K: K.layers.GlobalAveragePooling1D(), S, extra={"mask": STEPS}),
        case("AveragePooling2D first", lambda K: K.layers.AveragePooling2D(2, **FIRST), (2, 3, 6, 8)),
        case("MaxPooling2D first", lambda K: K.layers.MaxPooling2D(2, **FIRST), ((2, 3, 6, 8), "spread")),
    ]


def _normalization() -> list[Case]:
    cases = []
    for training in (False, True):
        cases += [
            case(f"BatchNormalization {training}", lambda K: K.layers.BatchNormalization(), P, arguments={"training": training}, tolerance=3e-5),
            case(f"BatchNormalization axis {training}", lambda K: K.layers.BatchNormalization(axis=1, momentum=0.9, epsilon=0.01), P, arguments={"training": training}, tolerance=3e-5),
            case(f"BatchNormalization bare {training}", lambda K: K.layers.BatchNormalization(center=False, scale=False), (6, 4), arguments={"training": training}, tolerance=3e-5),
            case(f"BatchNormalization mask {training}", lambda K: K.layers.BatchNormalization(), S, extra={"mask": STEPS}, arguments={"training": training}, tolerance=3e-5),
            case(f"BatchNormalization renorm {training}", lambda K: K.layers.BatchNormalization(renorm=True), (6, 4), arguments={"training": training}, tolerance=3e-5),
        ]
    return [
        *cases,
        # In training the gradient through the update of the kernel depends on Keras's backend.
        case("SpectralNormalization", lambda K: K.layers.SpectralNormalization(K.layers.Dense(3)), X, arguments={"training": False}),
        case("LayerNormalization", lambda K: K.layers.LayerNormalization(), S, tolerance=3e-5),
        case("LayerNormalization axes", lambda K: K.layers.LayerNormalization(axis=(1, 2), epsilon=0.01), S),
        case("LayerNormalization bare", lambda K: K.layers.LayerNormalization(center=False, scale=False), (3, 9), tolerance=3e-5),
        case("RMSNormalization epsilon", lambda K: K.layers.RMSNormalization(epsilon=0.1), S),
        case("RMSNormalization", lambda K: K.layers.RMSNormalization(), S),
        case("GroupNormalization", lambda K: K.layers.GroupNormalization(2), (2, 5, 4), tolerance=3e-5),
        case("GroupNormalization instance", lambda K: K.layers.GroupNormalization(-1), (2, 5, 4), tolerance=3e-5),
        case("GroupNormalization image", lambda K: K.layers.GroupNormalization(3, center=False), P, tolerance=3e-5),
        case("UnitNormalization", lambda K: K.layers.UnitNormalization(), S),
        case("UnitNormalization axes", lambda K: K.layers.UnitNormalization(axis=(1, 2)), S),
    ]


def _attention() -> list[Case]:
    q, v = (2, 4, 6), (2, 5, 6)
    pair = ((2, 4), "mask"), ((2, 5), "mask")
    cases = []
    for name in ("Attention", "AdditiveAttention"):
        cases += [
            case(name, lambda K, n=name: getattr(K.layers, n)(), q, v, listed=True),
            case(f"{name} scale", lambda K, n=name: getattr(K.layers, n)(use_scale=True) if n == "Attention" else getattr(K.layers, n)(use_scale=False), q, v, listed=True),
            case(f"{name} key", lambda K, n=name: getattr(K.layers, n)(), q, v, v, listed=True),
            case(f"{name} mask", lambda K, n=name: getattr(K.layers, n)(), q, v, listed=True, extra={"mask": list(pair)}),
            case(f"{name} causal scores", lambda K, n=name: getattr(K.layers, n)(), q, q, listed=True, arguments={"use_causal_mask": True, "return_attention_scores": True}),
        ]
    return [
        *cases,
        case("Attention concat", lambda K: K.layers.Attention(score_mode="concat", use_scale=True), q, v, listed=True),
        case("MultiHeadAttention", lambda K: K.layers.MultiHeadAttention(2, 3), q, v),
        case("MultiHeadAttention self causal", lambda K: K.layers.MultiHeadAttention(2, 3), q, q, arguments={"use_causal_mask": True}),
        case("MultiHeadAttention scores", lambda K: K.layers.MultiHeadAttention(2, 3, output_shape=5), q, v, arguments={"return_attention_scores": True}),
        case("MultiHeadAttention mask", lambda K: K.layers.MultiHeadAttention(2, 3, use_bias=False), q, v, extra={"attention_mask": ((2, 4, 5), "mask")}),
        # Rows that may see nothing are left out: they are 0 here, and in Keras the mean of what they may not see.
        case("MultiHeadAttention masks", lambda K: K.layers.MultiHeadAttention(2, 3), q, v, v, extra={"value_mask": pair[1], "key_mask": ((2, 5), "prefix")}),
        case("MultiHeadAttention axes", lambda K: K.layers.MultiHeadAttention(2, 3, attention_axes=(1, 2)), (2, 3, 2, 6), (2, 3, 2, 6)),
        case("GroupQueryAttention", lambda K: K.layers.GroupQueryAttention(3, 4, 2), q, v),
        case("GroupQueryAttention causal", lambda K: K.layers.GroupQueryAttention(3, 4, 1, use_bias=False), q, q, arguments={"use_causal_mask": True}),
        case("GroupQueryAttention mask", lambda K: K.layers.GroupQueryAttention(3, 2, 2), q, v, extra={"attention_mask": ((2, 4, 5), "mask")}),
    ]


def _recurrent() -> list[Case]:
    cases = []
    options: dict[str, dict[str, Any]] = {
        "": {},
        "sequences": {"return_sequences": True},
        "state": {"return_state": True, "return_sequences": True},
        "backwards": {"go_backwards": True, "return_sequences": True},
        "unrolled": {"unroll": True},
        "no bias": {"use_bias": False},
        "relu": {"activation": "relu"},
    }
    for name in ("SimpleRNN", "LSTM", "GRU"):
        for label, extra in options.items():
            cases.append(case(f"{name} {label}", lambda K, n=name, e=extra: getattr(K.layers, n)(4, **e), S))
        for label in ("", "sequences", "backwards", "state"):
            cases.append(case(f"{name} masked {label}", lambda K, n=name, e=options[label]: getattr(K.layers, n)(4, **e), S, extra={"mask": STEPS}))
        states = [(2, 4)] * (2 if name == "LSTM" else 1)
        cases.append(case(f"{name} initial state", lambda K, n=name: getattr(K.layers, n)(4, return_sequences=True), S, extra={"initial_state": states}))
        for mode in ("concat", "sum", "mul", "ave", None):
            cases.append(case(f"Bidirectional {name} {mode}", lambda K, n=name, m=mode: K.layers.Bidirectional(getattr(K.layers, n)(3, return_sequences=True), merge_mode=m), S))
        cases.append(case(f"Bidirectional {name} masked", lambda K, n=name: K.layers.Bidirectional(getattr(K.layers, n)(3)), S, extra={"mask": STEPS}))
        cases.append(case(f"RNN of {name}Cell", lambda K, n=name: K.layers.RNN(getattr(K.layers, f"{n}Cell")(4), return_sequences=True), S))
        cases.append(case(f"StackedRNNCells {name}", lambda K, n=name: K.layers.RNN(K.layers.StackedRNNCells([getattr(K.layers, f"{n}Cell")(4), getattr(K.layers, f"{n}Cell")(3)])), S))
    for rank, shape in ((1, (2, 3, 6, 2)), (2, (2, 3, 6, 5, 2)), (3, (1, 2, 4, 4, 3, 2))):
        for label, extra in (("", {}), ("sequences same", {"return_sequences": True, "padding": "same"}), ("backwards", {"go_backwards": True, "use_bias": False})):
            cases.append(case(f"ConvLSTM{rank}D {label}", lambda K, r=rank, e=extra: getattr(K.layers, f"ConvLSTM{r}D")(3, 2, **e), shape))
    return [
        *cases,
        case("GRU reset before", lambda K: K.layers.GRU(4, reset_after=False), S),
        case("LSTM no forget bias", lambda K: K.layers.LSTM(4, unit_forget_bias=False, recurrent_activation="hard_sigmoid"), S),
        case("TimeDistributed", lambda K: K.layers.TimeDistributed(K.layers.Conv1D(2, 2)), (2, 3, 5, 2)),
        case("TimeDistributed mask", lambda K: K.layers.TimeDistributed(K.layers.Dense(2)), S, extra={"mask": STEPS}),
    ]


CASES = [*_core(), *_merging(), *_convolution(), *_pooling(), *_normalization(), *_attention(), *_recurrent()]
