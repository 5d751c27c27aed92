"""`corten.data.Dataset`."""

import threading
import time

import numpy as np
import pytest

import corten
from corten.data import AUTOTUNE, Dataset
from corten.utils import split_dataset


def numbers(dataset):
    return [value.tolist() if hasattr(value, "tolist") else value for value in dataset]


def test_slices_of_tuples_and_dicts():
    x, y = np.arange(6).reshape(3, 2), np.array([7, 8, 9])
    pairs = list(Dataset.from_tensor_slices((x, y)))
    assert [(a.tolist(), int(b)) for a, b in pairs] == [([0, 1], 7), ([2, 3], 8), ([4, 5], 9)]
    assert isinstance(pairs[0][0], corten.Tensor)
    rows = list(Dataset.from_tensor_slices({"x": x, "y": y}))
    assert rows[2]["x"].tolist() == [4, 5]
    assert len(Dataset.from_tensor_slices(x)) == 3
    with pytest.raises(ValueError, match=r"same length; got \[3, 2\]"):
        Dataset.from_tensor_slices((x, y[:2]))
    with pytest.raises(ValueError, match="single number"):
        Dataset.from_tensor_slices(3.0)


@pytest.mark.parametrize(("drop", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
@pytest.mark.parametrize("through_map", [False, True])
def test_batch(drop, sizes, through_map):
    dataset = Dataset.range(10) if through_map else Dataset.from_tensor_slices(np.arange(10))
    if through_map:
        dataset = dataset.map(lambda value: value)
    batched = dataset.batch(4, drop_remainder=drop)
    assert [len(batch) for batch in batched] == sizes
    assert len(batched) == len(sizes)
    assert np.concatenate([batch.numpy() for batch in batched]).tolist() == list(range(sum(sizes)))


def test_map_gets_tensors_and_parts_of_tuples():
    dataset = Dataset.from_tensor_slices((np.arange(3.0), np.arange(3.0))).map(lambda a, b: (a + b, b))
    assert [(float(a), float(b)) for a, b in dataset] == [(0, 0), (2, 1), (4, 2)]


@pytest.mark.parametrize("calls", [None, 3, AUTOTUNE])
def test_map_keeps_the_order_on_threads(calls):
    def slow(value):
        time.sleep(0.002 * (int(value) % 3))
        return value * 2

    assert numbers(Dataset.range(12).map(slow, num_parallel_calls=calls)) == list(range(0, 24, 2))


@pytest.mark.parametrize("size", [3, 10, 100])
def test_shuffle_is_a_permutation_from_the_seed(size):
    def orders(**kwargs):
        corten.utils.set_random_seed(4)
        dataset = Dataset.from_tensor_slices(np.arange(10)).shuffle(size, **kwargs)
        return numbers(dataset), numbers(dataset)

    first, second = orders()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert orders() == (first, second)
    assert orders(seed=5) == orders(seed=5)
    first, second = orders(reshuffle_each_iteration=False)
    assert first == second
    streamed = Dataset.range(10).shuffle(size)
    assert sorted(numbers(streamed)) == list(range(10))


def test_a_small_buffer_moves_elements_a_little():
    order = numbers(Dataset.range(100).shuffle(5, seed=1))
    assert all(value <= place + 4 for place, value in enumerate(order))


def test_repeat_take_skip_shard_concatenate_enumerate():
    base = Dataset.range(4)
    assert numbers(base.repeat(2)) == [0, 1, 2, 3, 0, 1, 2, 3]
    assert len(base.repeat(3)) == 12
    assert numbers(base.repeat().take(6)) == [0, 1, 2, 3, 0, 1]
    assert base.repeat().cardinality() == -1
    with pytest.raises(TypeError, match="has no end"):
        len(base.repeat())
    assert numbers(base.skip(3)) == [3]
    assert numbers(base.take(-1)) == [0, 1, 2, 3]
    assert numbers(base.shard(2, 1)) == [1, 3]
    assert numbers(base.concatenate(Dataset.range(2))) == [0, 1, 2, 3, 0, 1]
    assert [int(number) for number, _ in base.enumerate(5)] == [5, 6, 7, 8]
    assert numbers(Dataset.from_tensors([1, 2])) == [[1, 2]]
    assert numbers(Dataset.range(0).repeat()) == []


def test_filter_unbatch_padded_batch():
    assert numbers(Dataset.range(6).filter(lambda value: value > 3)) == [4, 5]
    assert numbers(Dataset.range(4).batch(2).unbatch()) == [0, 1, 2, 3]
    ragged = Dataset.from_generator(lambda: ([1] * size for size in (1, 3, 2)))
    assert numbers(ragged.padded_batch(3)) == [[[1, 0, 0], [1, 1, 1], [1, 1, 0]]]
    with pytest.raises(ValueError, match="padded_batch"):
        list(ragged.batch(3))


def test_generators_start_anew_for_every_pass():
    calls = []

    def source(count):
        calls.append(count)
        yield from range(count)

    dataset = Dataset.from_generator(source, args=(3,))
    assert numbers(dataset) == numbers(dataset) == [0, 1, 2]
    assert calls == [3, 3]
    with pytest.raises(TypeError, match="has an unknown length"):
        len(dataset)
    with pytest.raises(TypeError, match="without calling it"):
        Dataset.from_generator(source(3))


def test_cache_keeps_complete_passes_only():
    calls = []

    def look(value):
        calls.append(int(value))
        return value

    dataset = Dataset.range(3).map(look).cache()
    next(iter(dataset))
    assert numbers(dataset) == [0, 1, 2]
    count = len(calls)
    assert numbers(dataset) == [0, 1, 2]
    assert len(calls) == count


def test_prefetch_gives_the_same_and_stops_its_thread():
    dataset = Dataset.range(100).prefetch(3)
    assert numbers(dataset) == list(range(100))
    iterator = iter(Dataset.range(10**9).prefetch(2))
    assert int(next(iterator)) == 0
    del iterator
    for _ in range(50):
        if not any(thread.name == "corten-prefetch" for thread in threading.enumerate()):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the thread still runs")


@pytest.mark.parametrize("prefetch", [False, True])
def test_errors_of_functions_come_out(prefetch):
    def fail(value):
        raise ZeroDivisionError("mine")

    dataset = Dataset.range(3).map(fail, num_parallel_calls=2)
    with pytest.raises(ZeroDivisionError, match="mine"):
        list(dataset.prefetch(1) if prefetch else dataset)


def test_zip_and_numpy_iterator():
    both = Dataset.zip((Dataset.range(3), Dataset.range(5)))
    assert len(both) == 3
    assert [tuple(map(int, pair)) for pair in both.as_numpy_iterator()] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("size", [0, -3, 1.5, "many"])
def test_wrong_sizes(size):
    with pytest.raises(ValueError, match="whole number"):
        Dataset.range(3).batch(size)
    with pytest.raises(ValueError, match="whole number"):
        Dataset.range(3).shuffle(size)


def test_split_dataset():
    left, right = split_dataset(Dataset.range(10), left_size=7)
    assert numbers(left) == list(range(7))
    assert numbers(right) == [7, 8, 9]
    left, right = split_dataset((np.arange(10), np.arange(10)), right_size=0.3, shuffle=True, seed=1)
    assert len(list(left)) == 7
    assert all(int(a) == int(b) for a, b in left)


def test_text_passes_through():
    assert [str(value) for value in Dataset.from_tensor_slices(np.array(["a", "b"]))] == ["a", "b"]
