"""Passes that begin after some elements give what complete ones give from there on."""

import numpy as np
import pytest

import corten
from corten.data import Dataset

TABLE = (np.arange(23, dtype="float32"), np.arange(46).reshape(23, 2))


def noisy(x, y, random=np.random.default_rng(3)):  # noqa: B008 - shared on purpose
    return x + random.integers(100), y


CHAINS = {
    "rows": lambda rows: rows,
    "batches": lambda rows: rows.batch(4),
    "whole batches": lambda rows: rows.batch(4, drop_remainder=True),
    "shuffled": lambda rows: rows.shuffle(50).batch(3),
    "buffered": lambda rows: rows.shuffle(5, seed=1).batch(3),
    "mapped": lambda rows: rows.map(lambda x, y: (x * 2, y)).batch(5),
    "threads": lambda rows: rows.map(lambda x, y: (x * 2, y), num_parallel_calls=3).batch(5).prefetch(2),
    "repeated": lambda rows: rows.shuffle(23).repeat().batch(4).take(20),
    "repeated thrice": lambda rows: rows.shuffle(23, seed=4).batch(4).repeat(3),
    "repeated batches": lambda rows: rows.shuffle(23).batch(4).map(lambda x, y: (x, y)).repeat().take(31),
    "filtered": lambda rows: rows.filter(lambda x, y: int(x) % 3 == 0).repeat().batch(2).take(9),
    "random": lambda rows: rows.map(noisy).batch(4),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_pass_after_some_elements(name):
    def made():
        corten.utils.set_random_seed(6)
        noisy.__defaults__[0].bit_generator.state = np.random.default_rng(3).bit_generator.state
        return CHAINS[name](Dataset.from_tensor_slices(TABLE))

    whole = [[part.tolist() for part in element] for element in made()]
    for count in range(len(whole) + 1):
        found = [[part.tolist() for part in element] for element in made().iterate_after(count)]
        assert found == whole[count:]


def test_functions_of_dropped_elements_are_not_called():
    seen = []
    data = Dataset.range(20).map(lambda x: seen.append(int(x)) or x).batch(2).prefetch(1)
    assert [batch.tolist() for batch in data.iterate_after(8)] == [[16, 17], [18, 19]]
    assert seen == [16, 17, 18, 19]
