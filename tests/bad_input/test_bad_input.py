"""Wrong input gives a clear error before anything is trained, and leaves the model as it was."""

import traceback

import numpy as np
import pytest

import corten
from corten import callbacks, layers
from corten.utils import PyDataset


def regressor(features=3, loss="mse", **kwargs):
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((features,)), layers.Dense(1)])
    model.compile("sgd", loss, **kwargs)
    return model


def classifier(classes=3, loss="sparse_categorical_crossentropy", activation="softmax"):
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((4,)), layers.Dense(classes, activation)])
    model.compile("sgd", loss)
    return model


X, Y = np.ones((10, 3)), np.ones((10, 1))
X4 = np.ones((10, 4))


def fails(model, kind, match, *args, method="fit", **kwargs):
    """The call raises, and no weight has changed."""
    before = [weight.copy() for weight in model.get_weights()]
    kwargs.setdefault("verbose", 0)
    with pytest.raises(kind, match=match) as caught:
        getattr(model, method)(*args, **kwargs)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"batch_size": -5}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"epochs": -1}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": "3"}, "epochs"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"validation_split": 1.0}, "validation_split"),
        ({"validation_split": -0.5}, "validation_split"),
        ({"validation_split": 0.999}, "leaves 0 to train on"),
        ({"verbose": "yes"}, "verbose"),
        ({"shuffle": "rows"}, "shuffle"),
        ({"class_weight": [1, 2]}, "class_weight must be a dict"),
        ({"class_weight": {"a": 1.0}}, "class index"),
        ({"sample_weight": np.ones(10), "class_weight": {0: 1.0}}, "not both"),
        ({"validation_data": (X[:0], Y[:0])}, "no samples"),
        ({"validation_data": (np.ones((4, 5)), Y[:4])}, "validation_data"),
        ({"validation_data": (X, Y), "validation_freq": 0}, "validation_freq"),
        ({"validation_data": (X, Y), "validation_freq": "often"}, "validation_freq"),
    ],
)
def test_arguments_of_fit(arguments, match):
    fails(regressor(), ValueError, match, X, Y, **arguments)


def test_lengths_are_named():
    message = fails(regressor(), ValueError, "same number of samples", X, Y[:7])
    assert "x has 10" in message
    assert "y has 7" in message
    message = fails(regressor(), ValueError, "same number", X, Y, sample_weight=np.ones(3))
    assert "sample_weight has 3" in message
    fails(regressor(), ValueError, "y has 7", X, Y[:7], method="evaluate")


def test_empty_and_scalar_data():
    fails(regressor(), ValueError, r"no samples; its shape is \(0, 3\)", X[:0], Y[:0])
    fails(regressor(), ValueError, "single number", 3.0, 1.0)
    fails(regressor(), ValueError, "x is None")
    fails(regressor(), ValueError, "no samples", X[:0], method="predict")
    fails(regressor(), ValueError, "gives no batches", iter(()))


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_wrong_features(method):
    message = fails(regressor(), ValueError, "expects inputs of shape", np.ones((10, 5)), Y, method=method)
    assert "(None, 3)" in message
    assert "5 features" in message


def test_images_into_dense_and_the_like():
    model = corten.Sequential([corten.Input((784,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    message = fails(model, ValueError, "flatten", np.ones((10, 28, 28)), Y)
    assert "28 x 28 = 784" in message
    model = corten.Sequential([corten.Input((28, 28, 3)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    fails(model, ValueError, r"transpose\(0, 2, 3, 1\)", np.ones((10, 3, 28, 28)), Y)
    fails(model, ValueError, "1 channels and the model wants 3", np.ones((10, 28, 28, 1)), Y)
    fails(model, ValueError, "resize", np.ones((10, 32, 32, 3)), Y)
    fails(model, ValueError, "reshape", np.ones((10, 28 * 28 * 3)), Y)


def test_wrong_number_of_inputs():
    a, b = corten.Input((3,), name="a"), corten.Input((3,), name="b")
    model = corten.Model([a, b], layers.Dense(1)(layers.Add()([a, b])))
    model.compile("sgd", "mse")
    assert "2 inputs ('a', 'b')" in fails(model, ValueError, "x has 1 array", X, Y)
    fails(model, ValueError, "no entry for the input 'b'", {"a": X, "c": X}, Y)
    fails(model, ValueError, r"x\['b'\] has 4", {"a": X, "b": X[:4]}, Y)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.array([["a", "b", "c"]] * 10), "must hold numbers"),
        (np.array([[1, 2, "c"]] * 10, dtype=object), "'c' in column 2"),
        ([[1.0, 2.0, 3.0], [1.0, 2.0]], "differ in length"),
        ("text", "is text"),
        (np.ones((10, 3), dtype=complex), "must hold numbers"),
    ],
)
def test_wrong_types(x, match):
    fails(regressor(), (TypeError, ValueError), match, x, Y)


def test_objects_that_are_numbers_are_fine():
    regressor().fit(np.ones((10, 3), dtype=object), Y, verbose=0)


def test_nan_warns_once_and_names_the_column():
    x = X.copy()
    x[4, 2] = np.nan
    with pytest.warns(UserWarning, match=r"x has 1 NaN value \(first in row 4, column 2\)") as caught:
        regressor().fit(x, Y, epochs=3, verbose=0)
    assert len(caught) == 1
    y = Y.copy()
    y[1] = np.inf
    with pytest.warns(UserWarning, match="y has 1 infinite value"):
        regressor().fit(X, y, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"optimizer": "adma"}, "Did you mean 'adam'"),
        ({"loss": "mean_square_error"}, "Did you mean 'mean_squared_error'"),
        ({"metrics": ["acuracy"]}, "[Dd]id you mean"),
        ({"loss": {"a": "nothing"}}, "nothing"),
    ],
)
def test_unknown_names_leave_the_compiled_model_as_it_was(arguments, match):
    model = regressor()
    optimizer = model.optimizer
    with pytest.raises(ValueError, match=match):
        model.compile(**arguments)
    assert model.optimizer is optimizer
    model.fit(X, Y, verbose=0)


def test_loss_and_metrics_for_outputs_that_do_not_exist():
    a = corten.Input((3,))
    model = corten.Model(a, {"price": layers.Dense(1)(a), "size": layers.Dense(1)(a)})
    model.compile("sgd", {"prize": "mse", "size": "mse"})
    fails(model, KeyError, "Did you mean 'price'", X, {"price": Y, "size": Y})
    model.compile("sgd", ["mse"])
    fails(model, ValueError, "1 entries for a model with 2 outputs", X, {"price": Y, "size": Y})
    model.compile("sgd", "mse")
    fails(model, ValueError, "one array, but the model has 2 outputs", X, Y)


def test_not_compiled():
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    for method in ("fit", "evaluate"):
        fails(model, ValueError, "is not compiled yet", X, Y, method=method)
    with pytest.raises(ValueError, match="is not compiled yet"):
        model.train_on_batch(X, Y)
    model.compile("sgd")
    fails(model, ValueError, "no loss to minimize", X, Y)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.arange(10), "labels 0 to 9, but the model's output has 3 units.*must be 0 to 2"),
        (np.array([1, 2, 3, 1, 2, 3, 1, 2, 3, 1]), "count from 1"),
        (np.array([-1, 0, 1, 2] + [0] * 6), "Number the classes from 0"),
        (np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]], "looks one-hot.*categorical_crossentropy.*argmax"),
        (np.full(10, 0.5), "whole class indices, but y holds 0.5"),
        (np.zeros((10, 2)), "needs class indices of shape"),
    ],
)
def test_sparse_labels(labels, match):
    fails(classifier(), ValueError, match, X4, labels)


def test_ignored_class_is_allowed():
    loss = corten.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    classifier(loss=loss).fit(X4, np.array([-1, 0, 1, 2] + [0] * 6), verbose=0)


@pytest.mark.parametrize(
    "labels", [np.arange(10) % 3, (np.arange(10) % 3)[:, None], np.float32(np.arange(10) % 3)]
)
def test_whole_labels_with_categorical_crossentropy(labels):
    message = fails(classifier(loss="categorical_crossentropy"), ValueError, "one-hot targets", X4, labels)
    assert "class indices (0 to 2)" in message
    assert "loss='sparse_categorical_crossentropy'" in message
    assert "to_categorical(y, 3)" in message


def test_wrong_number_of_classes():
    one_hot = np.eye(5)[np.arange(10) % 5]
    fails(classifier(loss="categorical_crossentropy"), ValueError, "5 classes.*3 units", X4, one_hot)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.arange(10) % 3, "between 0 and 1, but y ranges from 0 to 2"),
        (np.array([-1, 1] * 5), r"\(y \+ 1\) / 2"),
        (np.zeros((10, 4)), "output's shape"),
    ],
)
def test_binary_labels(labels, match):
    fails(classifier(1, "binary_crossentropy", "sigmoid"), ValueError, match, X4, labels)


def test_binary_loss_with_several_units():
    model = classifier(3, "binary_crossentropy", "sigmoid")
    fails(model, ValueError, "3 units for one label per sample", X4, np.arange(10) % 2)


def test_regression_targets():
    wide = corten.Sequential([corten.Input((3,)), layers.Dense(3)])
    wide.compile("sgd", "mse")
    fails(wide, ValueError, r"End the model in `Dense\(2\)`", X, np.ones((10, 2)))
    fails(regressor(), ValueError, "element by element", X, np.ones((10, 2, 1)))
    with pytest.warns(UserWarning, match="The single column is repeated"):
        regressor().fit(X, np.ones((10, 2)), verbose=0)
    fails(regressor(), ValueError, "there is no y", X)


def test_output_that_still_has_image_axes():
    model = corten.Sequential([corten.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    fails(model, ValueError, "Flatten", np.ones((10, 8, 8, 1)), np.arange(10) % 3)


def test_from_logits_contradictions_warn():
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match="already applies softmax"):
        classifier(loss=loss).fit(X4, np.arange(10) % 3, verbose=0)
    with pytest.warns(UserWarning, match="gives raw scores"):
        classifier(activation=None).fit(X4, np.arange(10) % 3, verbose=0)


def test_generator_that_ends_early_warns_as_keras_does():
    batches = ((X, Y) for _ in range(3))
    model = regressor()
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit(batches, steps_per_epoch=2, epochs=4, verbose=0)
    assert len(history.epoch) == 2


def test_generator_that_raises_shows_its_own_traceback():
    def broken():
        yield X, Y
        raise ZeroDivisionError("in the user's code")

    with pytest.raises(ZeroDivisionError, match="in the user's code") as caught:
        regressor().fit(broken(), steps_per_epoch=3, verbose=0)
    assert any(frame.name == "broken" for frame in traceback.extract_tb(caught.value.__traceback__))


def test_py_dataset_that_raises_on_a_thread():
    class Broken(PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            if index == 2:
                raise ZeroDivisionError("third batch")
            return X, Y

    with pytest.raises(ZeroDivisionError, match="third batch"):
        regressor().fit(Broken(workers=2), verbose=0)


def test_sources_that_are_none():
    fails(regressor(), ValueError, "do not pass y", iter([(X, Y)]), Y)
    fails(regressor(), ValueError, "validation_split works with arrays", iter([(X, Y)]), validation_split=0.2)
    fails(regressor(), TypeError, "must be an array", object(), method="predict")
    fails(regressor(), ValueError, "4 parts", [(X, Y, Y, Y)].__iter__())
    fails(regressor(), ValueError, "same number of samples", iter([(X, Y[:2])]))


@pytest.mark.parametrize("kind", ["checkpoint", "csv", "backup"])
def test_unwritable_paths_stop_before_training(tmp_path, kind):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    callback = {
        "checkpoint": callbacks.ModelCheckpoint(blocker / "model.corten"),
        "csv": callbacks.CSVLogger(blocker / "log.csv"),
        "backup": callbacks.BackupAndRestore(blocker / "backup"),
    }[kind]
    message = fails(regressor(), OSError, "cannot write", X, Y, callbacks=[callback])
    assert "Training has not started" in message


def test_checkpoint_into_a_folder_that_is_the_file(tmp_path):
    fails(regressor(), OSError, "it is a folder", X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path)])


@pytest.mark.parametrize(
    ("name", "weights_only"), [("best.pb", False), ("best.pt", False), ("best.ckpt", True)]
)
def test_checkpoint_in_a_format_that_cannot_be_written(tmp_path, name, weights_only):
    checkpoint = callbacks.ModelCheckpoint(tmp_path / name, save_weights_only=weights_only)
    fails(regressor(), ValueError, "corten|safetensors", X, Y, callbacks=[checkpoint])


def test_checkpoint_with_a_value_that_does_not_exist(tmp_path):
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{val_acc:.2f}.corten")
    with pytest.raises(KeyError, match="available are epoch, loss"):
        regressor().fit(X, Y, verbose=0, callbacks=[checkpoint])


def test_wrong_callbacks():
    fails(
        regressor(),
        TypeError,
        "make an object of it: EarlyStopping",
        X,
        Y,
        callbacks=[callbacks.EarlyStopping],
    )
    fails(regressor(), TypeError, "Callback objects; got str", X, Y, callbacks=["stop"])
    with pytest.raises(TypeError, match="no hook 'on_epoch_ende'"):
        callbacks.LambdaCallback(on_epoch_ende=print)
    with pytest.raises(ValueError, match="mode must be"):
        callbacks.EarlyStopping(mode="maximum")
    with pytest.raises(ValueError, match="below 1"):
        callbacks.ReduceLROnPlateau(factor=1.5)
    with pytest.raises(ValueError, match="save_freq"):
        callbacks.ModelCheckpoint("x", save_freq="batch")


def test_unknown_keyword():
    with pytest.raises(TypeError, match="unknown argument workers"):
        regressor().evaluate(X, Y, workers=3)
    with pytest.raises(TypeError, match="epoch"):
        regressor().fit(X, Y, epoch=3)


def test_predict_with_wrong_features_names_the_model():
    fails(regressor(), ValueError, "7", np.ones((2, 7)), method="predict")
    fails(regressor(), ValueError, r"\(None, 3\)", np.ones((200, 7)), method="predict")


def test_a_data_set_without_batch_says_so():
    samples = corten.data.Dataset.from_tensor_slices((X, Y[:, 0]))
    fails(regressor(), ValueError, r"Add `\.batch\(32\)`", samples)
