"""The package itself: import cost, names, settings, dtype policies."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

import corten
from corten import config, dtype_policies


def test_import_is_silent_and_light():
    code = (
        "import sys, time, numpy; start = time.process_time(); import corten; "
        "cost = time.process_time() - start; "
        "assert not {'h5py', 'matplotlib', 'scipy'} & set(sys.modules); print(cost)"
    )
    costs = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        costs.append(float(done.stdout))
    assert min(costs) < 0.06


def test_names_and_modules():
    for name in corten.__all__:
        assert getattr(corten, name) is not None
    for name in ("layers", "ops", "optimizers", "models", "saving", "utils", "tree"):
        assert importlib.import_module(f"corten.{name}") is getattr(corten, name)
    assert set(corten.__all__) <= set(dir(corten))
    with pytest.raises(AttributeError, match="Did you mean 'Sequential'"):
        corten.Sequental  # noqa: B018


def test_settings():
    assert config.floatx() == "float32"
    with pytest.raises(ValueError, match="float"):
        config.set_floatx("int32")
    with pytest.raises(ValueError, match="channels"):
        config.set_image_data_format("hwc")
    config.set_epsilon(1e-3)
    assert config.epsilon() == 1e-3
    config.set_epsilon(1e-7)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("int8", "int8"),
        (np.float64, "float64"),
        (np.dtype("uint8"), "uint8"),
        (float, "float32"),
        (int, "int32"),
        (bool, "bool"),
        (None, "float32"),
    ],
)
def test_standardize_dtype(given, name):
    assert config.standardize_dtype(given) == name


def test_unknown_dtypes():
    with pytest.raises(ValueError, match="Did you mean 'float32'"):
        config.standardize_dtype("flaot32")
    with pytest.raises(ValueError, match="Invalid dtype"):
        config.standardize_dtype([1])


def test_policies():
    mixed = dtype_policies.get("mixed_float16")
    assert (mixed.compute_dtype, mixed.variable_dtype) == ("float16", "float32")
    assert dtype_policies.deserialize(dtype_policies.serialize(mixed)) == mixed
    assert dtype_policies.get(dtype_policies.serialize(mixed)) == mixed
    with pytest.raises(ValueError, match="mixed_float16"):
        dtype_policies.DTypePolicy("mixed_float8")
    with pytest.raises(TypeError, match="string"):
        dtype_policies.DTypePolicy(3)
    with pytest.raises(ValueError, match="Cannot interpret"):
        dtype_policies.get(object())
    config.set_dtype_policy("mixed_bfloat16")
    try:
        assert corten.layers.Dense(1).compute_dtype == "bfloat16"
    finally:
        config.set_dtype_policy("float32")


def test_policy_maps():
    policies = dtype_policies.DTypePolicyMap(policy_map={"block/.*": "bfloat16"})
    assert policies["block/dense"].name == "bfloat16"
    assert policies["other"].name == "float32"
    policies["other"] = "float64"
    with pytest.raises(ValueError, match="already exist"):
        policies["other"] = "float32"
    assert len(policies) == 2
    again = dtype_policies.get(dtype_policies.serialize(policies))
    assert again["other"].name == "float64"


def test_everything_listed_exists():
    for name in dir(corten):
        assert getattr(corten, name) is not None or name.startswith("__")


def test_stateless_scope():
    v, w = corten.Variable([1.0]), corten.Variable([2.0])
    with corten.StatelessScope([(v, [5.0])]) as scope:
        assert float(v[0]) == 5
        w.assign(v + w)
    assert float(v[0]) == 1
    assert float(w[0]) == 2
    assert float(scope.get_current_value(w)[0]) == 7
    assert scope.get_current_value(corten.Variable(0.0)) is None
    with pytest.raises(ValueError, match="shape"):
        corten.StatelessScope([(v, [1.0, 2.0])])
