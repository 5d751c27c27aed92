import numpy as np
import pytest

import corten
from corten.data import Dataset


def numbers(dataset):
    return [np.asarray(element).tolist() for element in dataset]


def contents(windows):
    return [numbers(window) for window in windows]


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize(
    ("size", "shift", "stride"), [(3, None, 1), (3, 1, 1), (2, 3, 1), (2, 5, 1), (3, 2, 2)]
)
def test_windows_are_slices(size, shift, stride, drop):
    whole = list(range(11))
    step = shift or size
    span = (size - 1) * stride + 1
    expected = [whole[start : start + span : stride] for start in range(0, 11, step)]
    if drop:
        expected = [part for part in expected if len(part) == size]
    dataset = Dataset.range(11).window(size, shift, stride, drop)
    assert contents(dataset) == expected
    assert len(dataset) == len(expected)


def test_windows_of_tuples_are_tuples_of_windows():
    pairs = Dataset.from_tensor_slices((np.arange(4), np.arange(4) * 10)).window(2)
    joined = pairs.flat_map(lambda a, b: Dataset.zip(a.batch(2), b.batch(2)))
    assert [(a.tolist(), b.tolist()) for a, b in joined] == [([0, 1], [0, 10]), ([2, 3], [20, 30])]


def test_interleave_draws_in_turn():
    # The order that TensorFlow's documentation gives for tf.data.Dataset.interleave.
    dataset = Dataset.range(1, 6).interleave(
        lambda number: Dataset.from_tensors(number).repeat(6), cycle_length=2, block_length=4
    )
    expected = [1] * 4 + [2] * 4 + [1] * 2 + [2] * 2 + [3] * 4 + [4] * 4 + [3] * 2 + [4] * 2 + [5] * 6
    assert numbers(dataset) == expected
    assert sorted(numbers(Dataset.range(7).interleave(lambda n: Dataset.range(int(n))))) == sorted(
        value for n in range(7) for value in range(n)
    )
    with pytest.raises(TypeError, match="must give a Dataset; got Tensor"):
        list(Dataset.range(2).flat_map(lambda n: n))


def test_reductions_and_single_elements():
    total, count = Dataset.range(5).reduce((0, 0), lambda state, n: (state[0] + n, state[1] + 1))
    assert (int(total), int(count)) == (10, 5)
    assert numbers(Dataset.range(9).take_while(lambda n: n < 3)) == [0, 1, 2]
    assert int(Dataset.range(3, 4).get_single_element()) == 3
    with pytest.raises(ValueError, match="more than one"):
        Dataset.range(2).get_single_element()


def test_element_spec():
    spec = (
        Dataset.from_tensor_slices({"a": np.zeros((3, 2), "float32"), "b": ["x", "y", "z"]})
        .batch(2)
        .element_spec
    )
    assert (spec["a"].shape, spec["a"].dtype) == ((None, 2), "float32")
    assert (spec["b"].shape, spec["b"].dtype) == ((None,), "string")
    whole = Dataset.from_tensor_slices(np.zeros((4, 3))).batch(2, drop_remainder=True).prefetch(1)
    assert whole.element_spec.shape == (2, 3)
    mapped = Dataset.range(3).batch(2).map(lambda x: x * 2).repeat(2)
    assert mapped.element_spec.shape == (None,)
    with pytest.raises(ValueError, match="no elements"):
        _ = Dataset.range(0).element_spec


def test_a_cache_on_disk_holds_complete_passes(tmp_path):
    made = []

    def source():
        for index in range(3):
            made.append(index)
            yield {"x": np.full((2,), index, "float32"), "pair": (np.int64(index), np.array(["a", "bc"]))}

    path = tmp_path / "folder" / "cache"
    cached = Dataset.from_generator(source).cache(str(path))
    next(iter(cached))
    assert not path.exists()
    first = list(cached.as_numpy_iterator())
    assert path.exists()
    count = len(made)
    again = list(Dataset.from_generator(source).cache(str(path)).as_numpy_iterator())
    assert len(made) == count
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["x"], other["x"])
        np.testing.assert_array_equal(one["pair"][1], other["pair"][1])
        assert (one["pair"][0] == other["pair"][0], other["x"].dtype) == (True, np.float32)
    assert [entry.name for entry in path.parent.iterdir()] == ["cache"]
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no cache of Corten's"):
        list(cached)


def test_windows_train_a_model():
    series = np.sin(np.arange(60) / 5).astype("float32")
    windows = Dataset.from_tensor_slices(series).window(6, shift=1, drop_remainder=True)
    pairs = windows.flat_map(lambda part: part.batch(6)).map(lambda row: (row[:5], row[5:])).batch(8)
    model = corten.Sequential([corten.Input((5,)), corten.layers.Dense(1)])
    model.compile(corten.optimizers.Adam(0.05), "mse")
    losses = model.fit(pairs, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_padded_batches_have_the_sizes_and_values_that_are_asked_for():
    ragged = Dataset.from_generator(lambda: (([1] * size, size) for size in (1, 3)))
    rows, sizes = next(iter(ragged.padded_batch(2, padded_shapes=([4], []), padding_values=(-1, 0))))
    assert rows.tolist() == [[1, -1, -1, -1], [1, 1, 1, -1]]
    assert sizes.tolist() == [1, 3]
    named = Dataset.from_generator(lambda: ({"a": [1] * size} for size in (1, 2)))
    assert next(iter(named.padded_batch(2, {"a": [None]})))["a"].tolist() == [[1, 0], [1, 1]]
    with pytest.raises(ValueError, match=r"size \(3,\) does not fit into padded_shapes \(2,\)"):
        list(ragged.padded_batch(2, padded_shapes=([2], [])))
    mixed = Dataset.from_generator(lambda: iter(([1], [[2]])))
    with pytest.raises(ValueError, match=r"elements have .* axes"):
        list(mixed.padded_batch(2))
