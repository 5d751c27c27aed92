"""Options of `quantize`, quantizers by name, and dtype policies that quantize."""

import copy
import pickle

import pytest

import corten
from corten import dtype_policies, quantizers


def test_quantizers_by_name_class_and_configuration():
    assert quantizers.get(None) is None
    assert isinstance(quantizers.get("abs_max_quantizer"), quantizers.AbsMaxQuantizer)
    assert quantizers.get("AbsMaxQuantizer", axis=1).axis == (1,)
    config = quantizers.serialize(quantizers.AbsMaxQuantizer(axis=0, value_range=(-8, 7)))
    assert quantizers.get(config).get_config() == {
        "value_range": (-8, 7), "epsilon": 1e-7, "output_dtype": "int8", "axis": (0,)
    }  # fmt: skip
    for unknown in ("typo", 3):
        with pytest.raises(ValueError, match="Could not interpret quantizer identifier"):
            quantizers.get(unknown)


@pytest.mark.parametrize(
    "config",
    [
        quantizers.Int8QuantizationConfig(activation_quantizer=None),
        quantizers.Int8QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer(axis=0)),
        quantizers.Int4QuantizationConfig(block_size=-1),
        quantizers.Float8QuantizationConfig(),
        quantizers.GPTQConfig(None, None, weight_bits=8, activation_order=True),
        quantizers.AWQConfig(None, None, num_grid_points=7),
    ],
    ids=lambda config: type(config).__name__,
)
def test_options_come_back(config):
    again = quantizers.deserialize(quantizers.serialize(config))
    assert type(again) is type(config)
    assert quantizers.serialize(again) == quantizers.serialize(config)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: quantizers.Int4QuantizationConfig(block_size=0),
            "block_size must be None, -1, or a positive",
        ),
        (
            lambda: quantizers.Int4QuantizationConfig(weight_quantizer="abs_max_quantizer"),
            "sub-channel quantization .* does not support custom",
        ),
        (
            lambda: quantizers.Int4QuantizationConfig("abs_max_quantizer", block_size=-1),
            r"value_range=\(-8, 7\)",
        ),
        (
            lambda: quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(output_dtype="int16")),
            "output_dtype='int8'",
        ),
        (lambda: quantizers.GPTQConfig(None, None, weight_bits=5), "Unsupported weight_bits"),
        (lambda: quantizers.GPTQConfig(None, None, hessian_damping=1.1), "hessian_damping must be between"),
        (lambda: quantizers.GPTQConfig(None, None, group_size=0), "Invalid group_size"),
        (lambda: quantizers.AWQConfig(None, None, weight_bits=8), "only supports 4-bit"),
        (lambda: quantizers.AWQConfig(None, None, num_samples=0), "num_samples must be a positive"),
        (lambda: quantizers.AWQConfig(None, None, num_grid_points=0), "num_grid_points must be a positive"),
    ],
)
def test_impossible_options_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_mode_and_options_must_agree():
    resolve = quantizers.validate_and_resolve_config
    assert resolve("int4", None).block_size == 128
    for arguments, message in (
        ((None, None), "must provide either"),
        (("int7", None), "Invalid quantization mode"),
        (("gptq", None), "must pass a `GPTQConfig`"),
        (("int4", quantizers.Int8QuantizationConfig()), "Contradictory arguments"),
        (("int8", 3), "must be an instance of `QuantizationConfig`"),
    ):
        with pytest.raises(ValueError, match=message):
            resolve(*arguments)


@pytest.mark.parametrize(
    ("name", "kind", "mode"),
    [
        ("int8_from_float32", "QuantizedDTypePolicy", "int8"),
        ("int4_from_mixed_bfloat16", "QuantizedDTypePolicy", "int4"),
        ("int4/-1_from_float32", "Int4DTypePolicy", "int4"),
        ("float8_from_mixed_bfloat16", "QuantizedFloat8DTypePolicy", "float8"),
        ("gptq/4/128_from_float32", "GPTQDTypePolicy", "gptq"),
        ("awq/4/-1_from_float32", "AWQDTypePolicy", "awq"),
    ],
)
def test_policies_by_name(name, kind, mode):
    policy = dtype_policies.get(name)
    assert (type(policy).__name__, policy.name, policy.quantization_mode) == (kind, name, mode)
    assert policy.compute_dtype == ("bfloat16" if "bfloat16" in name else "float32")
    for other in (
        dtype_policies.deserialize(dtype_policies.serialize(policy)),
        copy.deepcopy(policy),
        pickle.loads(pickle.dumps(policy)),
    ):
        assert other == policy
        assert repr(other) == f'<{kind} "{name}">'


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("int8_from_", "Cannot convert ''"),
        ("int8_from_float31", "Cannot convert 'float31'"),
        ("int4", "Cannot convert `policy` into a valid pair"),
        ("int8_from_int8_from_float32", "Cannot convert `policy` into a valid pair"),
        ("int4/0_from_float32", "Invalid block_size in mode"),
        ("int4/x_from_float32", "must be an integer"),
        ("gptq/4_from_float32", "Expected format 'gptq/<weight_bits>/<group_size>'"),
        ("gptq/5/3_from_float32", "Invalid weight_bits"),
        ("awq/8/3_from_float32", "only supports 4-bit"),
        ("int8_from_mixed_float16", "doesn't work well"),
    ],
)
def test_impossible_policies_are_named(name, message):
    with pytest.raises(ValueError, match=message):
        dtype_policies.get(name)


def test_integer_dtypes_are_no_modes():
    assert dtype_policies.get("int8").quantization_mode is None


def test_global_policy_may_quantize():
    try:
        corten.config.set_dtype_policy("int8_from_mixed_bfloat16")
        assert dtype_policies.get(None).name == "int8_from_mixed_bfloat16"
        assert dtype_policies.QuantizedDTypePolicy("int8").name == "int8_from_mixed_bfloat16"
    finally:
        corten.config.set_dtype_policy("float32")
