"""SciPy, scikit-learn and einops take tensors through the array API."""

import os
import subprocess
import sys

import numpy as np
import pytest

import corten

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def test_the_namespace_of_a_tensor():
    x = corten.tensor(X)
    xp = x.__array_namespace__(api_version="2024.12")
    assert xp is corten.array_api
    assert xp.multiply(x, 1j).__array_namespace__() is xp
    assert x.to_device(x.device).tolist() == x.tolist()
    assert complex(x[0, 0]) == complex(X[0, 0])
    with pytest.raises(ValueError, match="not known"):
        x.__array_namespace__(api_version="1999.1")


def test_masks_without_axes():
    x = corten.tensor(X)
    for value in (True, False):
        mask = corten.tensor(value)
        np.testing.assert_array_equal(np.asarray(x[mask]), X[np.asarray(value)])
        changed = x.copy()
        changed[mask] = 0.0
        assert bool((changed == 0).all()) is value


SCIPY = """
import numpy as np, scipy.fft, scipy.special, scipy.stats, corten
x = np.random.default_rng(0).normal(size=(20, 3))
t = corten.tensor(x)
def same(function):
    ours = function(t)
    assert type(ours).__module__.startswith("corten"), type(ours)
    np.testing.assert_allclose(np.asarray(ours), function(x), rtol=1e-6, atol=1e-8)
same(scipy.special.expit)
same(lambda a: scipy.special.logsumexp(a, axis=0))
same(lambda a: scipy.special.softmax(a, axis=1))
same(scipy.stats.zscore)
same(scipy.stats.skew)
same(lambda a: scipy.stats.ttest_1samp(a, 0.0).pvalue)
same(lambda a: scipy.stats.pearsonr(a[:, 0], a[:, 1]).statistic)
same(lambda a: scipy.fft.fft(a, axis=0))
same(lambda a: scipy.fft.dct(a, axis=0))
"""


def test_scipy():
    pytest.importorskip("scipy")
    # The switch is read when SciPy is imported, so this needs a process of its own.
    settings = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCIPY], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


SKLEARN = """
import numpy as np, sklearn, corten
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.preprocessing import MinMaxScaler, StandardScaler
x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
t = corten.tensor(x)
with sklearn.config_context(array_api_dispatch=True):
    for make in (lambda: StandardScaler(), lambda: MinMaxScaler(), lambda: PCA(2, svd_solver="full")):
        ours, theirs = make().fit(t).transform(t), make().fit(x).transform(x)
        assert isinstance(ours, corten.Tensor)
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-3, atol=1e-4)
    ours = Ridge(solver="svd").fit(t, t[:, 0]).predict(t)
    theirs = Ridge(solver="svd").fit(x, x[:, 0]).predict(x)
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.asarray(euclidean_distances(t)), euclidean_distances(x), atol=1e-3)
    assert abs(mean_squared_error(t[:, 0], t[:, 1]) - mean_squared_error(x[:, 0], x[:, 1])) < 1e-5
"""


def test_scikit_learn():
    pytest.importorskip("sklearn")
    settings = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SKLEARN], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_einops_over_the_array_api():
    einops = pytest.importorskip("einops.array_api")
    x = corten.tensor(X)
    np.testing.assert_array_equal(np.asarray(einops.rearrange(x, "(a b) c -> a c b", b=4)),
                                  X.reshape(5, 4, 3).transpose(0, 2, 1))  # fmt: skip
    np.testing.assert_allclose(np.asarray(einops.reduce(x, "a b -> b", "max")), X.max(0))
    assert einops.repeat(x, "a b -> a b 2").shape == (20, 3, 2)
    packed, shapes = einops.pack([x, x], "* c")
    assert [one.shape for one in einops.unpack(packed, shapes, "* c")] == [(20, 3), (20, 3)]


EINOPS = """
import sys
finders = list(sys.meta_path)
{imports}
x = corten.ops.reshape(corten.ops.arange(24.0), (2, 3, 4))
values = x.numpy()
for pattern in ("a b c -> c (a b)", "a b c -> b 1 a c"):
    ours = einops.rearrange(x, pattern)
    assert type(ours) is type(x) and (ours.numpy() == einops.rearrange(values, pattern)).all()
for operation in ("min", "max", "sum", "mean", "prod"):
    ours = einops.reduce(x, "a b (c two) -> b c", operation, two=2).numpy()
    assert (ours == einops.reduce(values, "a b (c two) -> b c", operation, two=2)).all()
assert (einops.repeat(x, "a b c -> a (b n) c", n=2).numpy() == values.repeat(2, 1)).all()
packed, shapes = einops.pack([x, x], "* c")
assert [one.shape for one in einops.unpack(packed, shapes, "* c")] == [(2, 3, 4), (2, 3, 4)]
ours = einops.einsum(x, x, "a b c, a d c -> b d").numpy()
assert (ours == corten.ops.einsum("abc,adc->bd", x, x).numpy()).all()
x.requires_grad = True
einops.reduce(x, "a b c -> c", "sum").sum().backward()
assert (x.grad.numpy() == 1).all()
symbol = einops.rearrange(corten.KerasTensor((3, 4, 6)), "n a (b c) -> n (a b) c", c=2)
assert symbol.shape == (3, 12, 2)
try:
    einops.rearrange(corten.KerasTensor((None, 4)), "a b -> b a")
except Exception as error:
    assert "every size must be known" in str(error)
else:
    raise AssertionError("an unknown size was taken")
assert sys.meta_path == finders
"""


@pytest.mark.parametrize("imports", ["import corten, einops", "import einops, corten"])
def test_einops(imports):
    pytest.importorskip("einops")
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = EINOPS.format(imports=imports)
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
