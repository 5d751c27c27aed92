"""Mistakes that must be told before the first batch, in the user's words."""

from __future__ import annotations

import os

import numpy as np
import pytest

import corten
from corten import layers

X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
Y = (X.sum(1) > 0).astype(int)


@pytest.fixture
def model():
    model = corten.Sequential([corten.Input((5,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def refused(model, error, match, **arguments):
    before = model.get_weights()
    with pytest.raises(error, match=match):
        model.fit(X, Y, verbose=0, **arguments)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_sample_weights_of_another_rank(model):
    refused(model, ValueError, "one value per sample", sample_weight=np.ones((40, 2)))
    model.fit(X, Y, sample_weight=np.ones((40, 1)), verbose=0)


@pytest.mark.parametrize("data", [X, (X,)])
def test_validation_data_without_targets(model, data):
    refused(model, ValueError, r"fit \(validation_data\): .* there is no y", validation_data=data)


def test_validation_labels_out_of_range(model):
    refused(model, ValueError, r"fit \(validation_data\): y holds labels 7 to 8", validation_data=(X, Y + 7))


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that takes no files")
@pytest.mark.parametrize(
    "callback",
    [
        lambda: corten.callbacks.ModelCheckpoint("/proc/x.corten"),
        lambda: corten.callbacks.CSVLogger("/proc/x.csv"),
    ],
)
def test_a_folder_that_takes_no_files(model, callback):
    refused(model, OSError, "cannot write '/proc/x.*Training has not started", callbacks=[callback()])


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that takes no files")
def test_saving_where_no_file_can_be(model):
    with pytest.raises(OSError, match=r"Cannot write '/proc/x\.corten'"):
        model.save("/proc/x.corten")


def test_saving_through_a_link_keeps_the_link(model, tmp_path):
    target, link = tmp_path / "target.corten", tmp_path / "link.corten"
    model.save(target)
    link.symlink_to(target)
    model.save(link)
    assert link.is_symlink()
    corten.load_model(link)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_saving_over_something_that_is_no_file(model, tmp_path):
    os.mkfifo(tmp_path / "pipe.corten")
    with pytest.raises(OSError, match="no regular file"):
        model.save(tmp_path / "pipe.corten")


@pytest.mark.parametrize("bad", [11, -1])
def test_embedding_ids_out_of_range(bad):
    with pytest.raises(IndexError, match=f"Embedding 'words': ids must be 0 to 9, .* from {bad} to {bad}"):
        layers.Embedding(10, 3, name="words")(np.array([[bad]]))


@pytest.mark.parametrize("bad", ["a", None, [np.zeros((2, 3)), np.zeros((2, 3))], np.float32(3)])
def test_a_dense_layer_names_itself_for_inputs_of_the_wrong_kind(bad):
    with pytest.raises(ValueError, match=r'(?i)layer "one"'):
        layers.Dense(3, name="one")(bad)


def test_lists_of_numbers_are_arrays(model):
    assert layers.Dense(3)([[1.0, 2.0]]).shape == (1, 3)
    assert model([[1, 2, 3, 4, 5]]).shape == (1, 2)


def test_metrics_in_the_place_of_loss_weights(model):
    model.compile("sgd", "sparse_categorical_crossentropy", [corten.metrics.SparseCategoricalAccuracy()])
    refused(model, ValueError, "loss_weights must be numbers.*keyword")


def test_lr_is_learning_rate():
    with pytest.raises(ValueError, match="`learning_rate`"):
        corten.optimizers.SGD(lr=0.1)


def test_complex_numbers():
    with pytest.raises(TypeError, match="must hold numbers; got dtype complex128"):
        corten.Sequential([layers.Dense(1)]).predict(X.astype(complex), verbose=0)


def test_damaged_names_in_weights(model, tmp_path):
    from corten.saving import safetensors

    path = tmp_path / "w.safetensors"
    path.write_bytes(
        safetensors.dump({"layers/dense/vars/0": np.zeros(3, "float32")}, {"layer_names": "[1]"})
    )
    with pytest.raises(ValueError, match="holds no layer names"):
        model.load_weights(path, by_name=True)


def test_none_for_an_input_that_is_not_optional():
    given = corten.Input((3,), name="given")
    model = corten.Model(given, corten.layers.Dense(1)(given))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"the input 'given'.*is not optional"):
        model.fit([None], np.ones((4, 1)))
