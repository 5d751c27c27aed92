"""Random functions: repeatable bits, and the moments of their distributions."""

import numpy as np
import pytest
from scipy import stats

import corten
from corten import ops, random

N = 20_000
DRAWS = {
    "normal": (lambda seed: random.normal((N,), 1.0, 2.0, seed=seed), stats.norm(1, 2)),
    "truncated_normal": (
        lambda seed: random.truncated_normal((N,), 1.0, 2.0, seed=seed),
        stats.truncnorm(-2, 2, 1, 2),
    ),
    "uniform": (lambda seed: random.uniform((N,), -1.0, 3.0, seed=seed), stats.uniform(-1, 4)),
    "gamma": (lambda seed: random.gamma((N,), 2.5, seed=seed), stats.gamma(2.5)),
    "gamma_small": (lambda seed: random.gamma((N,), 0.3, seed=seed), stats.gamma(0.3)),
    "beta": (lambda seed: random.beta((N,), 2.0, 0.5, seed=seed), stats.beta(2, 0.5)),
}
COUNTED = {
    "randint": (lambda seed: random.randint((N,), 3, 9, seed=seed), stats.randint(3, 9)),
    "bernoulli": (lambda seed: random.bernoulli((N,), 0.3, "int32", seed=seed), stats.bernoulli(0.3)),
    "binomial": (lambda seed: random.binomial((N,), 12, 0.3, seed=seed), stats.binom(12, 0.3)),
    "binomial_many": (lambda seed: random.binomial((N,), 500, 0.3, seed=seed), stats.binom(500, 0.3)),
    "categorical": (
        lambda seed: random.categorical(np.log([[0.2, 0.5, 0.3]]), N, seed=seed)[0],
        stats.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3])),
    ),
}


@pytest.mark.parametrize("name", DRAWS)
def test_distribution(name):
    draw, law = DRAWS[name]
    assert stats.kstest(draw(7).numpy().astype(np.float64), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", COUNTED)
def test_counted_distribution(name):
    draw, law = COUNTED[name]
    values = draw(7).numpy().astype(int)
    kinds, counts = np.unique(values, return_counts=True)
    expected = law.pmf(kinds) * N
    often = expected > 20
    error = (counts[often] - expected[often]) / np.sqrt(expected[often])
    assert abs(error).max() < 4.5
    assert values.mean() == pytest.approx(law.mean(), abs=5 * law.std() / np.sqrt(N))


@pytest.mark.parametrize("name", DRAWS | COUNTED)
def test_repeatable(name):
    draw = (DRAWS | COUNTED)[name][0]
    assert (draw(3).numpy() == draw(3).numpy()).all()
    assert (draw(3).numpy() != draw(4).numpy()).any()
    generators = [random.SeedGenerator(5), random.SeedGenerator(5)]
    first = [draw(generator).numpy() for generator in generators]
    second = [draw(generator).numpy() for generator in generators]
    assert (first[0] == first[1]).all()
    assert (second[0] == second[1]).all()
    assert (first[0] != second[0]).any()


def test_global_seed():
    corten.utils.set_random_seed(3)
    one = [random.normal((4,)).tolist(), random.SeedGenerator().seed, random.shuffle(ops.arange(9)).tolist()]
    corten.utils.set_random_seed(3)
    assert one == [
        random.normal((4,)).tolist(),
        random.SeedGenerator().seed,
        random.shuffle(ops.arange(9)).tolist(),
    ]
    corten.utils.set_random_seed(4)
    assert one[0] != random.normal((4,)).tolist()


def test_threads_do_not_matter():
    before = corten._core.num_threads()
    results = []
    for count in (1, 2):
        corten._core.set_num_threads(count)
        results.append(random.normal((100_001,), seed=9).numpy())
    corten._core.set_num_threads(before)
    assert (results[0] == results[1]).all()


def test_seeds_of_layers_and_weights_do_not_meet():
    weights = random.uniform((100,), seed=42)
    mask = random.uniform((100,), seed=random.SeedGenerator(42))
    assert abs(np.corrcoef(weights.numpy(), mask.numpy())[0, 1]) < 0.4


def test_generator_state_and_config():
    generator = random.SeedGenerator(11)
    generator.next()
    state = generator.state.numpy().copy()
    expected = random.normal((3,), seed=generator).tolist()
    generator.state.assign(state)
    assert random.normal((3,), seed=generator).tolist() == expected
    again = random.SeedGenerator.from_config(generator.get_config())
    assert again.seed == 11


def test_dropout():
    x = ops.ones((1000, 4))
    y = random.dropout(x, 0.25, seed=1).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.03)
    rows = random.dropout(x, 0.25, noise_shape=(None, 1), seed=1).numpy()
    assert (rows == rows[:, :1]).all()
    assert random.dropout(x, 0.0) is x


def test_dropout_gradient_uses_the_same_mask():
    x = ops.ones((50,))
    x.requires_grad = True
    y = random.dropout(x, 0.5, seed=2)
    ops.sum(y).backward()
    assert x.grad.tolist() == y.tolist()


def test_shuffle_and_permutation():
    x = ops.reshape(ops.arange(20), (5, 4))
    for axis in (0, 1):
        y = random.shuffle(x, axis=axis, seed=1).numpy()
        assert (np.sort(y, axis) == np.sort(x.numpy(), axis)).all()
    assert sorted(random.permutation(100, seed=2).tolist()) == list(range(100))
    assert random.permutation(100, seed=2).tolist() != list(range(100))


def test_shapes_are_inferred_without_drawing():
    generator = random.SeedGenerator(1)
    state = generator.state.numpy().tolist()
    symbol = corten.KerasTensor((None, 3))
    assert random.dropout(symbol, 0.5, seed=generator).shape == (None, 3)
    assert generator.state.numpy().tolist() == state


def test_dropout_of_everything():
    x = ops.array([1.0, float("nan"), float("inf")])
    assert random.dropout(x, 1.0).tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="at most 1"):
        random.dropout(x, 1.5)


def test_uniform_draws_floats_only():
    with pytest.raises(ValueError, match="requires a floating point `dtype`"):
        random.uniform((2,), 0, 9, dtype="int32")
    with pytest.raises(ValueError, match="requires an integer `dtype`"):
        random.randint((2,), 0, 9, dtype="float32")


def test_arguments_of_a_generator():
    with pytest.raises(ValueError, match="Argument `seed` must be an integer"):
        random.SeedGenerator("seven")
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        random.SeedGenerator(7, sead=1)
