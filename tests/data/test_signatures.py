"""What `Dataset.from_generator` is told about its elements."""

import numpy as np
import pytest

import corten
import corten.tf as tf
from corten.data import Dataset


def elements():
    yield [1, 2], {"y": 1, "name": "one"}
    yield [3], {"y": 0, "name": "two"}


SIGNATURE = (
    tf.TensorSpec((None,), tf.float32),
    {"name": tf.TensorSpec((), tf.string), "y": corten.KerasTensor((), "int32")},
)


def test_elements_get_the_dtypes_of_the_signature():
    data = Dataset.from_generator(elements, output_signature=SIGNATURE)
    (x, rest), _ = list(data)
    assert (str(x.dtype), str(rest["y"].dtype), rest["name"]) == ("float32", "int32", "one")
    spec = data.element_spec
    assert (spec[0].shape, spec[1]["y"].dtype, spec[1]["name"].dtype) == ((None,), "int32", "string")


def test_the_older_form_says_the_same():
    data = Dataset.from_generator(
        lambda: iter([(1, [2.0]), (3, [4.0])]), (tf.int32, tf.float32), ((), (None,))
    )
    assert [(str(a.dtype), b.tolist()) for a, b in data] == [("int32", [2.0]), ("int32", [4.0])]
    assert str(next(iter(Dataset.from_generator(lambda: [1], "float32"))).dtype) == "float32"


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (([[1.0]], {"y": 1, "name": "a"}), r"part \[0\] of an element has shape \(1, 1\); .* says \(None,\)"),
        (([1.0], {"y": "x", "name": "a"}), r"part \[1\]\['y'\] of an element is .*'x'.*cannot become int32"),
        (([1.0], {"name": "a"}), r"a dict with keys \['name'\] for part \[1\].*keys \['name', 'y'\]"),
        (([1.0], 2, 3), r"a tuple of 3 \(one array, one array, one array\); .* says a tuple of 2"),
        ([[1.0], [2.0], [3.0]], "a tuple of 3"),
    ],
)
def test_elements_that_do_not_fit(element, message):
    data = Dataset.from_generator(lambda: iter([element]), output_signature=SIGNATURE)
    with pytest.raises(ValueError, match=message):
        list(data)


def test_wrong_descriptions():
    with pytest.raises(ValueError, match="not both"):
        Dataset.from_generator(elements, "float32", output_signature=SIGNATURE)
    with pytest.raises(ValueError, match="give these too"):
        Dataset.from_generator(elements, output_shapes=(None,))
    with pytest.raises(ValueError, match="objects with shape and dtype"):
        Dataset.from_generator(elements, output_signature=("float32", "int32"))


def test_batches_of_text_have_numpy_and_single_texts_are_strings():
    data = Dataset.from_tensor_slices(np.array(["Good", "Bad"]))
    assert next(iter(data)).lower() == "good"
    (batch,) = data.batch(2)
    assert type(batch.numpy()) is np.ndarray
    assert batch.numpy().tolist() == ["Good", "Bad"]
    lowered = data.batch(2).map(tf.strings.lower)
    layer = corten.layers.TextVectorization(standardize=tf.strings.upper, split=None)
    layer.adapt(lowered)
    assert sorted(layer.get_vocabulary()) == ["", "BAD", "GOOD", "[UNK]"]
