"""Preprocessing layers. Numbers marked so are what Keras 3.15.1 gives for the same input."""

from __future__ import annotations

import json

import numpy as np
import pytest

import corten
from corten import layers
from corten.layers.preprocessing.hash_functions import fingerprint, siphash

WORDS = [
    "",
    "a",
    "abcd",
    "abcdefgh",
    "x" * 16,
    "hello world, this is",
    "y" * 32,
    "z" * 50,
    "q" * 64,
    "w" * 65,
]
TEXTS = np.array(["Foo bar, baz!", "bar baz?", "qux"])


def again(layer):
    """The layer from its configuration as it is in a file."""
    return type(layer).from_config(json.loads(json.dumps(layer.get_config())))


# ---- hashes -----------------------------------------------------------------------------------------


def test_hashes_are_those_of_keras():
    plain = [
        1699943623,
        493484721,
        2127136445,
        245091680,
        1495521792,
        646056659,
        950671169,
        557892365,
        787505970,
    ]
    salted = [
        583752274,
        355248318,
        1169068881,
        555807908,
        1461582282,
        476169221,
        1855732103,
        556801937,
        1651722498,
    ]
    bins = 2**31 - 1
    assert [fingerprint(word.encode()) % bins for word in WORDS] == [*plain, 393034977]
    assert [siphash(word.encode(), (1, 2**40)) % bins for word in WORDS] == [*salted, 23642384]
    long = "long " * 40
    assert layers.Hashing(bins)([long]).tolist() == [1139413336]
    assert layers.Hashing(bins, salt=[1, 2**40])([long]).tolist() == [1117232778]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mask_value": ""}, [1, 1, 0, 2, 2]),
        ({"salt": [133, 137]}, [1, 2, 2, 1, 0]),
        ({"salt": 133}, [0, 0, 2, 2, 1]),
    ],
)
def test_hashing_with_mask_and_salt(options, expected):  # Keras's bins.
    layer = layers.Hashing(num_bins=3, **options)
    inputs = np.array([["A"], ["B"], [""], ["C"], ["D"]])
    for one in (layer, again(layer)):
        bins = one(inputs)
        assert bins.dtype == "int64"
        assert bins.tolist() == [[bin] for bin in expected]


def test_hashing_of_integers_hashes_their_digits():
    assert layers.Hashing(1000)(np.array([1, -5, 123456789])).tolist() == [849, 816, 306]  # Keras's.
    with pytest.raises(TypeError, match=r"float32.*Discretization"):
        layers.Hashing(3)(np.ones(2, "float32"))
    with pytest.raises(ValueError, match="num_bins"):
        layers.Hashing(0)


def test_crossing_is_that_of_keras():
    layer = layers.HashedCrossing(2**31 - 1)
    letters, numbers = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    expected = [2064064516, 100879068, 2064064516, 1611893835, 1601254847]
    assert layer((letters, numbers)).tolist() == expected
    assert layer((letters[:2], np.array(["x", ""]), np.array([-3, 4]))).tolist() == [1591736923, 2113489237]
    assert again(layer)([letters, numbers]).tolist() == expected
    hot = layers.HashedCrossing(5, output_mode="one_hot")((letters[:, None], numbers[:, None]))
    assert hot.shape == (5, 5)
    assert np.argmax(np.asarray(hot), -1).tolist() == [1, 4, 1, 1, 3]


@pytest.mark.parametrize(
    ("features", "match"),
    [
        ((np.array(["A"]),), "at least two inputs"),
        ((np.array(["A"]), np.array([1, 2])), "should have shape"),
        ((np.array([["A", "B"]]), np.array([[1, 2]])), "should have shape"),
        ((np.array(["A"]), np.array([1.5])), "integer or string"),
    ],
)
def test_crossing_refuses(features, match):
    with pytest.raises(ValueError, match=match):
        layers.HashedCrossing(3)(features)


# ---- numbers ----------------------------------------------------------------------------------------


def test_rescaling_per_channel_and_of_integers():
    layer = layers.Rescaling([1.0, 2.0], offset=(0.5, 0.0))
    assert again(layer)(np.array([[2, 3]], "uint8")).tolist() == [[2.5, 6.0]]
    with pytest.raises(ValueError, match="scale"):
        layers.Rescaling("big")


@pytest.mark.parametrize("axis", [-1, None, (1, 2), 1])
def test_normalization_learns_what_numpy_says(axis):
    x = np.random.default_rng(0).normal(3, 2, (20, 4, 5)).astype("float32")
    kept = () if axis is None else (axis,) if isinstance(axis, int) else axis
    rest = tuple(a for a in range(3) if a not in {a % 3 for a in kept})
    mean, variance = x.mean(rest, keepdims=True), x.var(rest, keepdims=True)
    layer = layers.Normalization(axis=axis)
    layer.adapt(corten.data.Dataset.from_tensor_slices(x).batch(7))
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(variance), atol=1e-5)
    back = layers.Normalization(axis=axis, invert=True)
    back.adapt(x)
    np.testing.assert_allclose(back(layer(x)), x, atol=1e-5)


def test_normalization_given_its_numbers_saved_and_wrong():
    layer = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])
    assert layer(np.array([[3.0, 5.0]], "float32")).tolist() == [[1.0, 1.0]]
    assert again(layer)(np.array([[3.0, 5.0]], "float32")).tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="cannot `adapt`"):
        layer.adapt(np.ones((2, 2)))
    with pytest.raises(ValueError, match="both `mean` and `variance`"):
        layers.Normalization(mean=1.0)
    with pytest.raises(TypeError, match="text"):
        layers.Normalization().adapt([["a"]])
    fitted = layers.Normalization()
    fitted.adapt(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"sizes \(2,\).*\(3, 4\)"):
        fitted.adapt(np.ones((3, 4)))


@pytest.mark.parametrize(
    ("size", "expected"),  # Keras's.
    [
        (3, [-0.13210486, 0.12573022]),
        (5, [-0.43477828, -0.01360239, 0.12052269]),
        (100, [-0.65382874, 0.05202892, 0.69604257]),
        (1000, [-0.69094455, -0.07557336, 0.61318892]),
    ],
)
def test_discretization_finds_the_boundaries_of_keras(size, expected):
    layer = layers.Discretization(num_bins=4)
    layer.adapt(np.random.default_rng(0).normal(size=size))
    np.testing.assert_allclose(layer.bin_boundaries, expected, atol=1e-5)
    assert again(layer).bin_boundaries == layer.bin_boundaries


def test_discretization_of_many_batches_stays_close():
    values = np.random.default_rng(1).exponential(size=60_000)
    layer = layers.Discretization(num_bins=10, epsilon=0.01)
    layer.adapt(corten.data.Dataset.from_tensor_slices(values).batch(1000))
    assert layer.summary.shape[1] < 12_000
    counts = np.bincount(np.asarray(layer(values)), minlength=10) / len(values)
    assert np.all(np.abs(counts - 0.1) < 0.01)


def test_discretization_modes_and_errors():
    x = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    boundaries = [0.0, 1.0, 2.0]
    assert layers.Discretization(boundaries)(x).tolist() == [[0, 2, 3, 1], [1, 3, 2, 1]]
    counts = layers.Discretization(boundaries, output_mode="count")(x)
    assert counts.tolist() == [[1.0, 1.0, 1.0, 1.0], [0.0, 2.0, 1.0, 1.0]]
    with pytest.raises(ValueError, match="either `num_bins` or `bin_boundaries`"):
        layers.Discretization()
    with pytest.raises(ValueError, match="Both `num_bins` and `bin_boundaries`"):
        layers.Discretization([0.0], num_bins=3)
    with pytest.raises(ValueError, match="adapt"):
        layers.Discretization(num_bins=3)(x)
    with pytest.raises(ValueError, match="ascend"):
        layers.Discretization([1.0, 0.0])


@pytest.mark.parametrize(
    ("mode", "shape"), [("int", (None, 4)), ("one_hot", (None, 4, 5)), ("multi_hot", (None, 5))]
)
def test_discretization_knows_its_shape_before_its_bins(mode, shape):
    layer = layers.Discretization(num_bins=5, output_mode=mode)
    assert layer.compute_output_shape((None, 4)) == shape
    model = corten.Sequential([corten.Input((4,)), layer])
    assert model.output_shape == shape
    x = np.arange(8, dtype="float32").reshape(2, 4)
    with pytest.raises(ValueError, match=r"either call `\.adapt"):
        model(x)
    layer.adapt(x)
    assert model(x).shape == (2, *shape[1:])


@pytest.mark.parametrize(
    ("mode", "dtype", "expected"),
    [
        ("int", None, "int64"),
        ("int", "float32", "int64"),
        ("int", "int32", "int32"),
        ("one_hot", None, "float32"),
        ("count", "float16", "float16"),
        ("multi_hot", "int32", "int32"),
    ],
)
def test_discretization_dtypes(mode, dtype, expected):
    layer = layers.Discretization([0.0, 1.0], output_mode=mode, dtype=dtype)
    assert layer([[0.5, 3.0]]).dtype == expected == layer.output_dtype
    assert layer.compute_output_spec(corten.KerasTensor((None, 2))).dtype == expected
    assert again(layer).output_dtype == expected


def test_a_vocabulary_may_hold_the_unknown_item():  # As in Keras, which gives these.
    layer = layers.IntegerLookup(vocabulary=[1, 2, 3], oov_token=1, mask_token=0)
    assert layer.get_vocabulary() == [0, 1, 1, 2, 3]
    assert again(layer).get_vocabulary() == layer.get_vocabulary()
    texts = layers.StringLookup(vocabulary=["a", "[UNK]", "b"])
    assert texts(["a", "[UNK]", "z"]).tolist() == [1, 2, 0]


def test_rescaling_of_channels_that_come_first():
    x = np.random.default_rng(0).random((2, 3, 4, 5)).astype("float32")
    scale, offset = np.array([1.0, 2.0, 3.0], "float32"), np.array([0.0, 1.0, -1.0], "float32")
    layer = layers.Rescaling(scale.tolist(), offset=offset.tolist())
    expected = x * scale[:, None, None] + offset[:, None, None]
    before = corten.config.image_data_format()
    corten.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
        np.testing.assert_allclose(layer(x[0]), expected[0], rtol=1e-6)
        assert layer(np.ones((2, 3), "float32")).tolist() == [[1.0, 3.0, 2.0]] * 2
    finally:
        corten.config.set_image_data_format(before)


def test_text_is_standardized_by_numpy_functions():
    seen = []

    def standardize(texts):
        seen.append(texts.dtype.kind)
        return np.char.replace(np.char.lower(texts), ",", "")

    layer = layers.TextVectorization(standardize=standardize)
    layer.adapt(["Hello, world", "hello"])
    assert layer.get_vocabulary() == ["", "[UNK]", "hello", "world"]
    assert layer([["World, hello"], ["a, b"]]).tolist() == [[3, 2], [1, 1]]
    assert set(seen) == {"U"}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("multi_hot", [[1, 1, 0, 0], [0, 0, 0, 1]]),
        ("count", [[1, 1, 0, 0], [0, 0, 0, 2]]),
        ("one_hot", [[[1, 0, 0, 0], [0, 1, 0, 0]], [[0, 0, 0, 1], [0, 0, 0, 1]]]),
    ],
)
def test_category_encoding(mode, expected):
    layer = layers.CategoryEncoding(4, output_mode=mode)
    assert again(layer)(np.array([[0, 1], [3, 3]])).tolist() == expected


def test_category_encoding_weights_and_errors():
    layer = layers.CategoryEncoding(3, output_mode="count")
    assert layer([[0, 0, 2]], count_weights=[[0.5, 1.0, 2.0]]).tolist() == [[1.5, 0.0, 2.0]]
    with pytest.raises(ValueError, match="num_tokens=3; got values from 0 to 3"):
        layer([[0, 3]])
    with pytest.raises(ValueError, match="count_weights"):
        layers.CategoryEncoding(3)([[0]], count_weights=[[1.0]])
    with pytest.raises(TypeError, match="StringLookup"):
        layer([["a"]])


# ---- vocabularies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "expected"),  # Keras's.
    [
        ("int", [[2, 1, 0], [3, 3, 3]]),
        ("multi_hot", [[1, 1, 0], [0, 0, 1]]),
        ("count", [[1, 1, 0], [0, 0, 3]]),
        ("tf_idf", [[0.375, 0.5, 0.0], [0.0, 0.0, 0.75]]),
        ("one_hot", [[[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 1], [0, 0, 1]]]),
    ],
)
def test_string_lookup_modes(mode, expected):
    weights = [0.5, 0.25] if mode == "tf_idf" else None
    layer = layers.StringLookup(vocabulary=["a", "b"], mask_token="", output_mode=mode, idf_weights=weights)
    for one in (layer, again(layer)):
        assert one(np.array([["a", "q", ""], ["b", "b", "b"]])).tolist() == expected


def test_string_lookup_learns_frequencies_and_weights():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "a", "c"], ["a", "d", "z"]])
    assert layer.get_vocabulary() == ["[UNK]", "a", "z", "d", "c"]
    np.testing.assert_allclose(  # Keras's.
        layer([["a", "c", "q", "z"]]), [[0.6475668, 0.51082563, 0.6931472, 0.0, 0.6931472]], rtol=1e-6
    )
    np.testing.assert_array_equal(again(layer).idf_weights, layer.idf_weights)
    short = layers.StringLookup(max_tokens=3)
    short.adapt(["a", "a", "b", "c"])
    assert short.get_vocabulary() == ["[UNK]", "a", "c"]
    padded = layers.StringLookup(max_tokens=4, output_mode="multi_hot", pad_to_max_tokens=True)
    padded.adapt(["a", "a", "b"])
    assert padded(["a"]).tolist() == [0, 1, 0, 0]


def test_several_unknown_indices():  # Keras's.
    layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=3, salt=[3, 4])
    assert layer(["a", "q", "r", "s"]).tolist() == [3, 1, 0, 2]
    numbers = np.array([12, 5, 6, 7, -3, 0])
    layer = layers.IntegerLookup(vocabulary=[12, 36], num_oov_indices=3, oov_method="farmhash")
    assert layer(numbers).tolist() == [3, 1, 2, 1, 0, 1]
    layer = layers.IntegerLookup(vocabulary=[12, 36], num_oov_indices=2, mask_token=0)
    assert again(layer)(numbers).tolist() == [3, 2, 1, 2, 2, 0]


def test_inverted_lookups_bring_terms_back():
    layer = layers.StringLookup(vocabulary=["a", "b"], invert=True, mask_token="")
    assert layer(np.array([[2, 3], [0, 1], [9, 2]])).tolist() == [["a", "b"], ["", "[UNK]"], ["[UNK]", "a"]]
    layer = layers.IntegerLookup(vocabulary=[12, 36], invert=True)
    assert layer(np.array([1, 2, 0])).tolist() == [12, 36, -1]


def test_vocabulary_files(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    assert layer.get_config()["vocabulary"] == ["a", "b"]
    with pytest.raises(ValueError, match="does not exist"):
        layers.StringLookup(vocabulary=str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), ValueError, "repeated term"),
        (
            lambda: layers.StringLookup(vocabulary=["a", "[UNK]"], invert=True),
            ValueError,
            "reserved OOV token",
        ),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), ValueError, r"vocabulary_dtype.*int64"),
        (lambda: layers.StringLookup(vocabulary=["", "a"], mask_token=""), ValueError, "reserved mask token"),
        (
            lambda: layers.StringLookup(max_tokens=2, vocabulary=["a", "b"]),
            ValueError,
            "larger than the maximum",
        ),
        (lambda: layers.StringLookup(max_tokens=1), ValueError, "greater than 1"),
        (lambda: layers.StringLookup(output_mode="tf_idf", vocabulary=["a"]), ValueError, "idf_weights"),
        (
            lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["q"]),
            ValueError,
            "found OOV values 'q'",
        ),
        (lambda: layers.StringLookup()(["a"]), RuntimeError, "adapt"),
        (lambda: layers.StringLookup(vocabulary=["a"])([1, 2]), TypeError, "expected text"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), TypeError, "expected integers"),
        (lambda: layers.IntegerLookup(vocabulary=[1])([0.5]), TypeError, "not whole"),
        (lambda: layers.IntegerLookup(vocabulary=[1], oov_method="zzz"), ValueError, "oov_method"),
        (lambda: layers.StringLookup(vocabulary=["a"], sparse=True), ValueError, "sparse"),
    ],
)
def test_lookups_refuse(make, error, match):
    with pytest.raises(error, match=match):
        make()


# ---- sentences --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "vocabulary", "expected"),  # Keras's.
    [
        ({}, ["", "[UNK]", "baz", "bar", "qux", "foo"], [[5, 4, 3], [1, 0, 0]]),
        ({"output_sequence_length": 2}, ["", "[UNK]", "baz", "bar", "qux", "foo"], [[5, 4], [1, 0]]),
        (
            {"output_mode": "multi_hot"},
            ["[UNK]", "baz", "bar", "qux", "foo"],
            [[0, 0, 1, 1, 1], [1, 0, 0, 0, 0]],
        ),
        (
            {"output_mode": "tf_idf"},
            ["[UNK]", "baz", "bar", "qux", "foo"],
            [[0, 0, 0.69314718, 0.91629076, 0.91629076], [0.80471897, 0, 0, 0, 0]],
        ),
        (
            {"ngrams": 2},
            ["", "[UNK]", "baz", "bar baz", "bar", "qux", "foo bar", "foo"],
            [[7, 5, 4, 1, 1], [1, 0, 0, 0, 0]],
        ),
        ({"ngrams": (2,)}, ["", "[UNK]", "bar baz", "foo bar"], [[1, 1], [0, 0]]),
        ({"split": None}, ["", "[UNK]", "qux", "foo bar baz", "bar baz"], [[1], [1]]),
        (
            {"standardize": "lower"},
            ["", "[UNK]", "qux", "foo", "baz?", "baz!", "bar,", "bar"],
            [[3, 2, 7], [1, 0, 0]],
        ),
    ],
)
def test_text_vectorization(options, vocabulary, expected):
    layer = layers.TextVectorization(**options)
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == vocabulary
    for one in (layer, again(layer)):
        np.testing.assert_allclose(one(np.array([["foo qux bar"], ["zzz"]])), expected, rtol=1e-6)


def test_text_vectorization_by_characters_and_own_functions():
    layer = layers.TextVectorization(split="character")
    layer.adapt(TEXTS)
    assert layer(["zzz"]).tolist() == [[5, 5, 5]]

    @corten.saving.register_keras_serializable("tests")
    def by_comma(text):
        return text.split(",")

    layer = layers.TextVectorization(split=by_comma, standardize=None, vocabulary=["a b", "c"])
    assert again(layer)(["a b,c,d", b"c"]).tolist() == [[2, 3, 1], [3, 0, 0]]
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        layer(np.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(ValueError, match="differ in length"):
        layer([["a"], ["b", "c"]])


# ---- in models --------------------------------------------------------------------------------------


def text_model():
    texts = np.array([["good film"], ["bad film"], ["very good"], ["very bad"]])
    vectorize = layers.TextVectorization(output_sequence_length=3)
    vectorize.adapt(texts)
    inputs = corten.Input((1,), dtype="string")
    x = layers.Embedding(vectorize.vocabulary_size(), 4)(vectorize(inputs))
    outputs = layers.Dense(1, "sigmoid")(layers.GlobalAveragePooling1D()(x))
    return corten.Model(inputs, outputs), texts, np.array([1.0, 0.0, 1.0, 0.0])


def test_a_model_of_text_learns_predicts_and_is_saved(tmp_path):
    corten.utils.set_random_seed(0)
    model, texts, labels = text_model()
    model.compile(corten.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    model.fit(texts, labels, epochs=30, verbose=0, batch_size=2)
    assert model.evaluate(texts, labels, verbose=0, return_dict=True)["accuracy"] == 1.0
    expected = model.predict(texts)
    dataset = corten.data.Dataset.from_tensor_slices((texts, labels)).batch(2)
    np.testing.assert_array_equal(model.predict(dataset), expected)
    np.testing.assert_array_equal(model.predict(texts[:, 0]), expected)
    model.save(tmp_path / "model.corten")
    np.testing.assert_array_equal(
        corten.models.load_model(tmp_path / "model.corten").predict(texts), expected
    )


def test_text_where_numbers_belong_is_refused_before_work_starts():
    model = corten.Sequential([corten.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"x must hold numbers.*'a'"):
        model.fit(np.array([["a"]]), np.ones(1), verbose=0)
    text, texts, _ = text_model()
    text.compile("sgd", "mse")
    with pytest.raises(TypeError, match="y must hold numbers"):
        text.fit(texts, np.array(["a", "b", "c", "d"]), verbose=0)
    with pytest.raises(TypeError, match=r"text.*\(4, 1\)"):
        text.predict(np.ones((4, 1), "float32"))


def test_shapes_of_text_with_unknown_sizes():
    inputs = corten.Input((None,), dtype="string")
    assert layers.Hashing(4)(inputs).shape == (None, None)
    assert layers.StringLookup(vocabulary=["a"], output_mode="one_hot")(inputs).shape == (None, None, 2)
    assert layers.TextVectorization(split=None, vocabulary=["a"])(inputs).shape == (None, None)
    back = layers.StringLookup(vocabulary=["a"], invert=True)(corten.Input((None,), dtype="int64"))
    assert (back.shape, back.dtype) == ((None, None), "string")


def test_layers_of_text_in_a_dataset():
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    dataset = corten.data.Dataset.from_tensor_slices(np.array(["b", "q", "a"])).batch(2).map(lookup)
    assert [batch.tolist() for batch in dataset] == [[2, 0], [1]]


def test_pipeline_runs_in_order_and_is_saved():
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Dropout(0.5)])
    assert pipeline(np.ones((1, 2), "float32"), training=False).tolist() == [[2.0, 2.0]]
    assert [type(layer).__name__ for layer in again(pipeline).layers] == ["Rescaling", "Dropout"]


@pytest.mark.parametrize("config", [{"name": "p"}, {"name": "p", "layers": None}])
def test_pipeline_of_a_malformed_configuration_is_refused(config):
    with pytest.raises(ValueError, match="list of `layers`"):
        layers.Pipeline.from_config(config)
