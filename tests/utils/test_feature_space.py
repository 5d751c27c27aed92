"""`FeatureSpace`: encodings, crosses, use in models and data sets, files, errors."""

import numpy as np
import pytest

import corten
from corten.utils import FeatureSpace

DATA = {"size": [1.0, 3.0, 5.0], "color": ["red", "blue", "red"], "rooms": [4, 5, 4]}


def dataset():
    return corten.data.Dataset.from_tensor_slices(DATA)


def adapted(**options):
    kinds = {"size": "float_normalized", "color": "string_categorical", "rooms": "integer_categorical"}
    space = FeatureSpace(kinds, **options)
    space.adapt(dataset())
    return space


def test_concat_values():
    deviation = np.sqrt(8 / 3)
    expected = [
        [-2 / deviation, 0, 1, 0, 0, 1, 0],
        [0, 0, 0, 1, 0, 0, 1],
        [2 / deviation, 0, 1, 0, 0, 1, 0],
    ]
    np.testing.assert_allclose(np.asarray(adapted()(DATA)), expected, atol=1e-6)


def test_a_cross_is_the_hash_of_the_indices():
    space = adapted(crosses=[("color", "rooms")], crossing_dim=8, output_mode="dict")
    encoded = space(DATA)
    assert list(encoded) == ["size", "color", "rooms", "color_X_rooms"]
    # Both lookups give red and 4 the index 1, blue and 5 the index 2.
    indices = np.array([1, 2, 1])
    bins = np.asarray(corten.layers.HashedCrossing(8)((indices, indices)))
    np.testing.assert_array_equal(np.asarray(encoded["color_X_rooms"]).argmax(-1), bins)


def test_integers_in_a_dict():
    space = FeatureSpace(
        {
            "color": FeatureSpace.string_categorical(output_mode="int"),
            "size": FeatureSpace.float_discretized(3, bin_boundaries=[2.0, 4.0], output_mode="int"),
            "rooms": FeatureSpace.integer_hashed(7, output_mode="int"),
        },
        crosses=[FeatureSpace.cross(("color", "size"), crossing_dim=5, output_mode="int")],
        output_mode="dict",
    )
    space.adapt(dataset())
    encoded = space(DATA)
    assert np.asarray(encoded["color"]).tolist() == [[1], [2], [1]]
    assert np.asarray(encoded["size"]).tolist() == [[0], [1], [2]]
    hashed = corten.layers.Hashing(7)(np.array([[4], [5], [4]]))
    np.testing.assert_array_equal(np.asarray(encoded["rooms"]), np.asarray(hashed))
    assert encoded["color_X_size"].shape == (3, 1)


def test_kinds_without_learning_need_no_adapt():
    space = FeatureSpace(
        {"a": "float", "b": FeatureSpace.float_rescaled(2.0, 1.0), "c": FeatureSpace.string_hashed(3)}
    )
    bins = np.eye(3)[int(np.asarray(corten.layers.Hashing(3)("x")))]
    result = space({"a": 1.5, "b": 2.0, "c": "x"})
    np.testing.assert_allclose(np.asarray(result), [1.5, 5.0, *bins])


def test_a_layer_of_ones_own():
    layer = corten.layers.TextVectorization(output_mode="multi_hot")
    space = FeatureSpace({"text": FeatureSpace.feature("string", layer, "float")})
    data = {"text": ["a b", "b c"]}
    space.adapt(corten.data.Dataset.from_tensor_slices(data))
    vocabulary = layer.get_vocabulary()
    expected = [[term in text.split() for term in vocabulary] for text in data["text"]]
    np.testing.assert_array_equal(np.asarray(space(data)), np.array(expected, "float32"))


def test_rows_batches_and_data_sets_agree():
    space = adapted()
    rows = [np.asarray(row) for row in dataset().map(space)]
    np.testing.assert_array_equal(np.stack(rows), np.asarray(space(DATA)))
    (batch,) = dataset().batch(3).map(space)
    np.testing.assert_array_equal(np.asarray(batch), np.asarray(space(DATA)))


def test_adapts_to_a_dict_of_columns():
    space = FeatureSpace(
        {"size": "float_normalized", "color": "string_categorical", "rooms": "integer_categorical"}
    )
    space.adapt({**DATA, "not a feature": [0, 0]})
    np.testing.assert_array_equal(np.asarray(space(DATA)), np.asarray(adapted()(DATA)))
    with pytest.raises(ValueError, match=r"\['rooms'\] are missing; the data has \['color', 'size'\]"):
        space.adapt({"size": [1.0], "color": ["red"]})


def test_in_a_model():
    space = adapted(crosses=[("color", "rooms")], crossing_dim=4)
    encoded = space.get_encoded_features()
    assert encoded.shape == (None, 11)
    model = corten.Model(space.get_inputs(), encoded)
    columns = {name: np.array(values)[:, None] for name, values in DATA.items()}
    np.testing.assert_array_equal(model.predict(columns, verbose=0), np.asarray(space(DATA)))


@pytest.mark.parametrize("suffix", [".corten", ".keras"])
def test_files(tmp_path, suffix):
    space = adapted(crosses=[("color", "rooms")], crossing_dim=4)
    path = tmp_path / f"space{suffix}"
    space.save(path)
    again = corten.saving.load_model(path)
    assert isinstance(again, FeatureSpace)
    np.testing.assert_array_equal(np.asarray(again(DATA)), np.asarray(space(DATA)))


def test_errors():
    with pytest.raises(ValueError, match=r"you need to call `.adapt\(dataset\)`.*'size'"):
        FeatureSpace({"size": "float_normalized"})(DATA)
    with pytest.raises(ValueError, match="invalid type of feature 'size': 'number'"):
        FeatureSpace({"size": "number"})
    with pytest.raises(ValueError, match=r"features to be crossed.*'height'"):
        FeatureSpace({"size": "float"}, crosses=[("size", "height")])
    with pytest.raises(ValueError, match="set `crossing_dim`"):
        FeatureSpace({"size": "float", "rooms": "float"}, crosses=[("size", "rooms")], crossing_dim=None)
    with pytest.raises(ValueError, match="column 'rooms' is missing; the data has"):
        adapted()({"size": [1.0], "color": ["red"]})
    with pytest.raises(TypeError, match="feature 'size' takes numbers"):
        adapted()({**DATA, "size": ["a", "b", "c"]})
    with pytest.raises(ValueError, match="Leave labels out"):
        FeatureSpace({"size": "float_normalized"}).adapt(dataset().map(lambda x: (x, 1)))
    with pytest.raises(ValueError, match=r"must be a `corten.data.Dataset`.*or a dict"):
        FeatureSpace({"size": "float_normalized"}).adapt([DATA])
    with pytest.raises(ValueError, match="cannot concatenate features because feature 'rooms'"):
        FeatureSpace({"rooms": FeatureSpace.integer_hashed(3, output_mode="int")})({"rooms": [1]})
