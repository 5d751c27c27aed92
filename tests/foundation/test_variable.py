"""`Variable`: creation, assignment, arithmetic, gradients."""

import copy
import pickle

import numpy as np
import pytest

import corten
from corten import Variable


def test_value_shape_and_dtype_come_from_the_value():
    v = Variable(np.arange(6, dtype="int64").reshape(2, 3), trainable=False)
    assert v.shape == (2, 3)
    assert v.dtype == "int64"
    assert v.ndim == 2
    assert v.size == 6


def test_python_floats_are_floatx():
    assert Variable([1.0, 2.0]).dtype == "float32"
    assert Variable(1).dtype == "int32"


def test_callable_initializer_needs_a_shape():
    with pytest.raises(ValueError, match="`shape` is needed"):
        Variable(lambda shape, dtype: np.ones(shape, dtype))
    v = Variable(lambda shape, dtype: np.full(shape, 2, dtype), shape=(3,))
    np.testing.assert_array_equal(v.numpy(), [2, 2, 2])


def test_unknown_sizes_are_refused():
    with pytest.raises(ValueError, match="must be known"):
        Variable(lambda shape, dtype: np.ones(shape, dtype), shape=(None, 2))


@pytest.mark.parametrize("name", ["a/b", 3])
def test_bad_names(name):
    with pytest.raises(ValueError, match="name"):
        Variable(1.0, name=name)


def test_paths_follow_name_scopes():
    with corten.name_scope("outer"), corten.name_scope("inner"):
        v = Variable(1.0, name="v")
    assert v.path == "outer/inner/v"
    assert v.name == "v"


def test_assign_casts_and_checks_the_shape():
    v = Variable([1.0, 2.0])
    assert v.assign(np.array([3, 4])) is v
    np.testing.assert_array_equal(v.numpy(), np.array([3, 4], "float32"))
    with pytest.raises(ValueError, match="shapes must match"):
        v.assign([1.0])
    np.testing.assert_array_equal(v.numpy(), [3, 4])


def test_assign_does_not_alias_the_users_array():
    source = np.array([1.0, 2.0], "float32")
    v = Variable(source)
    w = Variable([0.0, 0.0])
    w.assign(source)
    source[:] = 9
    np.testing.assert_array_equal(v.numpy(), [1, 2])
    np.testing.assert_array_equal(w.numpy(), [1, 2])


def test_assign_add_and_sub():
    v = Variable([1.0, 2.0])
    v.assign_add([1.0, 1.0])
    v.assign_sub([0.5, 0.0])
    np.testing.assert_array_equal(v.numpy(), [1.5, 3])
    assert v.value.requires_grad


def test_trainable_switches_the_gradient():
    v = Variable([1.0])
    assert v.value.requires_grad
    v.trainable = False
    assert not v.value.requires_grad
    assert not (v * 2).requires_grad
    v.trainable = True
    assert (v * 2).requires_grad


def test_integers_have_no_gradient():
    assert not Variable([1, 2]).value.requires_grad


def test_backward_fills_grad():
    v = Variable([1.0, 2.0])
    (v * v).sum().backward()
    np.testing.assert_allclose(v.grad.numpy(), [2, 4])


def test_operators():
    v = Variable([4.0, 9.0])
    w = Variable([2.0, 3.0])
    np.testing.assert_allclose((v + w).numpy(), [6, 12])
    np.testing.assert_allclose((1 - v).numpy(), [-3, -8])
    np.testing.assert_allclose((v / w).numpy(), [2, 3])
    np.testing.assert_allclose((2**w).numpy(), [4, 8])
    np.testing.assert_allclose((v @ w).numpy(), 35)
    np.testing.assert_allclose((-v).numpy(), [-4, -9])
    assert (v > w).numpy().all()
    assert (v == v).numpy().all()
    np.testing.assert_allclose(v[0].numpy(), 4)
    assert float(Variable(2.5)) == 2.5
    assert int(Variable(2)) == 2
    assert len(v) == 2


def test_numpy_sees_the_values():
    v = Variable([4.0, 9.0])
    np.testing.assert_allclose(np.sqrt(np.asarray(v)), [2, 3])
    assert np.asarray(v, dtype="float64").dtype == np.float64


def test_hash_is_identity():
    v, w = Variable([1.0]), Variable([1.0])
    assert len({v: 1, w: 2}) == 2


def test_deepcopy_is_independent():
    v = Variable([1.0])
    w = copy.deepcopy(v)
    w.assign([2.0])
    assert v.numpy() == 1
    assert w.value.requires_grad


def test_pickle_round_trip():
    v = Variable([1.0, 2.0], name="kept")
    w = pickle.loads(pickle.dumps(v))
    np.testing.assert_array_equal(w.numpy(), [1, 2])
    assert w.name == "kept"


def test_repr_shows_the_path_and_value():
    assert repr(Variable([1.0], name="r")) == "<Variable path=r, shape=(1,), dtype=float32, value=[1.]>"


def test_unknown_attributes():
    with pytest.raises(AttributeError, match="nothing"):
        Variable([1.0]).nothing  # noqa: B018


def test_bad_arguments():
    with pytest.raises(ValueError, match="aggregation"):
        Variable(1.0, aggregation="max")
    with pytest.raises(ValueError, match="constraint"):
        Variable(1.0, constraint=3)
    with pytest.raises(ValueError, match="regularizer"):
        Variable(1.0, regularizer="l2")
