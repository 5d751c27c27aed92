"""Initializers: distributions, seeds, fans, shapes, names, configs."""

import math

import numpy as np
import pytest

import corten
from corten import initializers, random

RANDOM = [
    initializers.RandomNormal,
    initializers.TruncatedNormal,
    initializers.RandomUniform,
    initializers.VarianceScaling,
    initializers.GlorotNormal,
    initializers.GlorotUniform,
    initializers.HeNormal,
    initializers.HeUniform,
    initializers.LecunNormal,
    initializers.LecunUniform,
    initializers.Orthogonal,
]


@pytest.mark.parametrize("cls", RANDOM)
class TestSeeds:
    def test_int_repeats(self, cls):
        init = cls(seed=3)
        np.testing.assert_array_equal(init((8, 4)).numpy(), init((8, 4)).numpy())
        np.testing.assert_array_equal(init((8, 4)).numpy(), cls(seed=3)((8, 4)).numpy())
        assert not np.array_equal(init((8, 4)).numpy(), cls(seed=4)((8, 4)).numpy())

    def test_none_differs_but_follows_the_global_seed(self, cls):
        init = cls()
        corten.utils.set_random_seed(7)
        first, second = init((8, 4)).numpy(), init((8, 4)).numpy()
        assert not np.array_equal(first, second)
        corten.utils.set_random_seed(7)
        np.testing.assert_array_equal(cls()((8, 4)).numpy(), first)

    def test_generator_moves_on(self, cls):
        init = cls(seed=random.SeedGenerator(5))
        first = init((8, 4)).numpy()
        assert not np.array_equal(first, init((8, 4)).numpy())
        np.testing.assert_array_equal(cls(seed=random.SeedGenerator(5))((8, 4)).numpy(), first)

    def test_round_trip(self, cls):
        init = cls(seed=3)
        again = initializers.deserialize(initializers.serialize(init))
        assert again.get_config() == init.get_config()
        np.testing.assert_array_equal(again((8, 4)).numpy(), init((8, 4)).numpy())
        assert type(init.clone()) is cls

    def test_dtypes(self, cls):
        for dtype in ("float64", "float16"):
            assert cls(seed=1)((6, 4), dtype=dtype).dtype == dtype

    def test_bad_seed(self, cls):
        with pytest.raises(ValueError, match="`seed` is an int"):
            cls(seed="7")


SIZE = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 9 * 40, 9 * 60


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (initializers.GlorotNormal(seed=1), 2 / (FAN_IN + FAN_OUT)),
        (initializers.GlorotUniform(seed=1), 2 / (FAN_IN + FAN_OUT)),
        (initializers.HeNormal(seed=1), 2 / FAN_IN),
        (initializers.HeUniform(seed=1), 2 / FAN_IN),
        (initializers.LecunNormal(seed=1), 1 / FAN_IN),
        (initializers.LecunUniform(seed=1), 1 / FAN_IN),
        (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed=1), 3 / FAN_OUT),
        (initializers.RandomNormal(stddev=0.2, seed=1), 0.04),
        (initializers.RandomUniform(-0.3, 0.3, seed=1), 0.03),
    ],
)
def test_variance(init, variance):
    values = init(SIZE, dtype="float64").numpy()
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) < 4 * math.sqrt(variance / values.size)


def test_truncation():
    values = initializers.TruncatedNormal(mean=1.0, stddev=0.5, seed=1)((20000,)).numpy()
    assert values.min() >= 0.0
    assert values.max() <= 2.0
    assert values.std() == pytest.approx(0.5 * 0.8796, rel=0.03)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (2, 3, 4)])
def test_orthogonal(shape):
    values = initializers.Orthogonal(gain=2.0, seed=1)(shape, dtype="float64").numpy().reshape(-1, shape[-1])
    product = values @ values.T if values.shape[0] < values.shape[1] else values.T @ values
    np.testing.assert_allclose(product, 4.0 * np.eye(len(product)), atol=1e-12)
    with pytest.raises(ValueError, match="two axes"):
        initializers.Orthogonal()((3,))


def test_constants():
    assert initializers.Constant(2.5)((2, 2)).numpy().tolist() == [[2.5, 2.5]] * 2
    given = initializers.Constant(np.array([1.0, 2.0]))
    assert given((2, 2)).numpy().tolist() == [[1.0, 2.0]] * 2
    assert initializers.deserialize(initializers.serialize(given))((2,)).tolist() == [1.0, 2.0]
    assert initializers.Identity(3.0)((2, 3)).numpy().tolist() == [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]
    with pytest.raises(ValueError, match="rank 2"):
        initializers.Identity()((2,))
    assert initializers.Zeros()((2,), dtype="int32").dtype == "int32"


@pytest.mark.parametrize(
    "name",
    ["hann", "hamming", "blackman", "nuttall", "blackmanharris", "flattop", "bartlett", "tukey", "boxcar"],
)
@pytest.mark.parametrize("periodic", [False, True])
def test_fourier_windows(name, periodic):
    signal = pytest.importorskip("scipy.signal")
    window = signal.get_window(name, 16, fftbins=periodic)
    got = initializers.STFT("real", window=name, scaling=None, periodic=periodic)(
        (16, 1, 9), "float64"
    ).numpy()
    # At frequency zero the cosine is one and only the window is left.
    np.testing.assert_allclose(got[:, 0, 0], window, atol=1e-12)


def test_fourier_errors():
    for arguments in ({"side": "imaginary"}, {"scaling": "l2"}, {"window": "han"}):
        with pytest.raises(ValueError, match="STFT"):
            initializers.STFT(**arguments)
    with pytest.raises(ValueError, match="one value per sample"):
        initializers.STFT(window=[1.0, 2.0])((4, 1, 3))


def test_names():
    assert isinstance(initializers.get("glorot_uniform"), initializers.GlorotUniform)
    assert isinstance(initializers.get("normal"), initializers.RandomNormal)
    assert isinstance(initializers.get("OrthogonalInitializer"), initializers.Orthogonal)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert initializers.get(None) is None
    array = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(initializers.get(array)((2, 2)).numpy(), array)
    with pytest.raises(ValueError, match="Expected `shape` to be"):
        initializers.get(array)((4,))
    with pytest.raises(ValueError, match="Did you mean 'he_normal'"):
        initializers.get("he_nromal")
    with pytest.raises(ValueError, match="given as a name"):
        initializers.get(3)
    with pytest.raises(ValueError, match="`scale`"):
        initializers.VarianceScaling(scale=0.0)
