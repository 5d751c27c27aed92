"""The import doors lead to the very same modules and classes."""

import subprocess
import sys

import numpy as np
import pytest

import corten
import corten.tf as tf


def test_every_way_of_importing_gives_the_same_class():
    import corten.keras.layers as keras_layers
    import corten.tf.keras.layers as tf_layers
    from corten.keras.layers import Dense as KerasDense
    from corten.tf.keras.layers import Dense
    from corten.tf.keras.models import Sequential

    import corten.keras as keras
    from corten.keras import layers

    assert layers is keras_layers is tf_layers is corten.layers
    assert Dense is KerasDense is tf.keras.layers.Dense is keras.layers.Dense is corten.layers.Dense
    assert Sequential is corten.Sequential is tf.keras.Sequential
    assert tf.keras is keras
    assert corten.layers.__spec__.name == "corten.layers"


@pytest.mark.parametrize("door", ["corten.keras", "corten.tf.keras"])
@pytest.mark.parametrize(
    "statement",
    [
        "from {door}.layers import Dense, Input",
        "import {door}.layers as kl",
        "from {door} import layers, models, Sequential, Model, Input",
        "from {door}.datasets import mnist",
        "import {door}.datasets.mnist_sample",
        "from {door}.utils import to_categorical",
        "from {door}.callbacks import EarlyStopping",
        "from {door}.preprocessing.sequence import pad_sequences",
        "from {door} import backend as K; K.clear_session(); K.epsilon()",
        "from {door}.optimizers import Adam; from {door}.optimizers.schedules import ExponentialDecay",
        "from {door}.regularizers import l2; l2(0.01)",
        "from {door}.models import load_model",
        "from {door} import applications, visualization, wrappers; applications.vgg16.preprocess_input",
        "from {door}.applications.resnet50 import ResNet50, preprocess_input, decode_predictions",
    ],
)
def test_import_statements_in_a_fresh_process(door, statement):
    subprocess.run([sys.executable, "-W", "error", "-c", statement.format(door=door)], check=True)


def test_missing_names_say_so():
    with pytest.raises(AttributeError, match="Did you mean 'optimizers'"):
        _ = tf.keras.optimzers
    with pytest.raises(AttributeError, match="part of TensorFlow that tutorials use"):
        _ = tf.estimator
    with pytest.raises(ModuleNotFoundError):
        import corten.keras.nothing  # noqa: F401


def test_tensor_functions():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert tf.reduce_sum(x).numpy() == 10
    assert tf.reduce_mean(x, axis=1).numpy().tolist() == [1.5, 3.5]
    assert tf.matmul(x, x, transpose_b=True).numpy().tolist() == [[5, 11], [11, 25]]
    assert tf.cast(x, tf.int32).dtype == "int32"
    assert tf.argmax(x).numpy().tolist() == [1, 1]
    assert tf.argmax(x, axis=1).numpy().tolist() == [1, 1]
    assert tf.concat([x, x], axis=0).shape == (4, 2)
    assert [part.shape for part in tf.split(tf.zeros((5, 2)), [2, 3])] == [(2, 2), (3, 2)]
    assert tf.transpose(tf.zeros((2, 3, 4)), perm=[2, 0, 1]).shape == (4, 2, 3)
    assert tf.one_hot([0, 2], 3).numpy().tolist() == [[1, 0, 0], [0, 0, 1]]
    assert tf.boolean_mask(x, [True, False]).numpy().tolist() == [[1, 2]]
    assert tf.clip_by_value(x, 2, 3).numpy().tolist() == [[2, 2], [3, 3]]
    assert tf.shape(x).numpy().tolist() == [2, 2]
    assert tf.range(3).numpy().tolist() == [0, 1, 2]
    assert tf.fill((2,), 7).numpy().tolist() == [7, 7]
    assert tf.gather(x, [1]).numpy().tolist() == [[3, 4]]
    assert tf.math.reduce_std(x).numpy() == pytest.approx(np.std([1, 2, 3, 4]))
    assert tf.math.confusion_matrix([0, 1], [1, 1]).numpy().tolist() == [[0, 1], [0, 1]]
    assert tf.linalg.matmul(x, x).shape == (2, 2)
    assert tf.pow(x, 2).numpy().tolist() == [[1, 4], [9, 16]]


def test_nn():
    x = tf.constant([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(tf.nn.softmax(x).numpy().sum(), 1, rtol=1e-6)
    labels = tf.one_hot([2], 3)
    dense = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=x).numpy()
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[2], logits=x).numpy()
    np.testing.assert_allclose(dense, sparse, rtol=1e-6)
    np.testing.assert_allclose(dense, np.log(np.exp([1, 2, 3]).sum()) - 3, rtol=1e-5)
    images = tf.random.normal((1, 6, 6, 1))
    assert tf.nn.conv2d(images, tf.ones((3, 3, 1, 2)), strides=[1, 2, 2, 1], padding="SAME").shape == (
        1,
        3,
        3,
        2,
    )
    assert tf.nn.max_pool2d(images, 2, 2).shape == (1, 3, 3, 1)
    assert tf.nn.leaky_relu(tf.constant([-1.0])).numpy()[0] == pytest.approx(-0.2)


def test_variables_and_tape():
    w = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        loss = w * w + 2.0 * w
    assert tape.gradient(loss, w).numpy() == pytest.approx(8.0)
    w.assign_sub(1.0)
    assert float(w.numpy()) == 2.0
    assert tf.is_tensor(w)
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x**3
    assert tape.gradient(y, x).numpy() == pytest.approx(12.0)
    counter = tf.Variable(0, dtype=tf.int64, trainable=False)
    assert counter.assign_add(1).numpy() == 1


def test_function_is_the_function():
    @tf.function
    def add(a, b):
        return a + b

    @tf.function(reduce_retracing=True)
    def twice(a):
        return 2 * a

    assert add(1, 2) == 3
    assert twice(4) == 8


def test_set_seed_makes_everything_repeat():
    def draw():
        tf.random.set_seed(42)
        layer = tf.keras.layers.Dense(3)
        layer.build((None, 2))
        return (
            np.random.rand(),
            tf.random.uniform((2,)).numpy().tolist(),
            tf.random.normal((2,)).numpy().tolist(),
            layer.kernel.numpy().tolist(),
        )

    assert draw() == draw()


def test_random_integers_and_shuffle():
    drawn = tf.random.uniform((100,), 0, 5, dtype=tf.int32).numpy()
    assert drawn.dtype == np.int32
    assert 0 <= drawn.min() <= drawn.max() < 5
    assert sorted(tf.random.shuffle(tf.range(10)).numpy()) == list(range(10))


def test_config_and_version():
    assert tf.config.list_physical_devices("GPU") == []
    assert [device.device_type for device in tf.config.list_physical_devices()] == ["CPU"]
    assert tf.executing_eagerly()
    assert tf.__version__.startswith("2.")
    tf.config.experimental.enable_op_determinism()


def test_a_custom_loop_from_the_tutorials():
    tf.random.set_seed(0)
    x = np.random.rand(64, 2).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(64).batch(16).prefetch(tf.data.AUTOTUNE)
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    optimizer = tf.keras.optimizers.SGD(learning_rate=0.3)
    loss_fn = tf.keras.losses.MeanSquaredError()
    losses = []
    for _ in range(30):
        for xb, yb in dataset:
            with tf.GradientTape() as tape:
                loss = loss_fn(yb, model(xb, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        losses.append(float(loss.numpy()))
    assert losses[-1] < 0.01 < losses[0]


def test_small_helpers():
    assert tf.losses is tf.keras.losses
    assert tf.optimizers.Adam is tf.keras.optimizers.Adam
    with tf.device("/CPU:0"), tf.name_scope("block"):
        assert tf.Variable(1.0, name="scale").path == "block/scale"
    with pytest.raises(ValueError, match="no device '/GPU:0'"):
        tf.device("/GPU:0")
    assert tf.TensorSpec((None, 3), tf.float32).shape == (None, 3)
    with pytest.raises(AttributeError, match="Did you mean 'reduce_mean'"):
        _ = tf.reduce_men


def test_image():
    picture = np.arange(12, dtype="uint8").reshape(2, 2, 3)
    assert tf.image.resize(picture, (4, 6)).shape == (4, 6, 3)
    assert tf.image.resize(picture[None], (4, 4)).shape == (1, 4, 4, 3)
    assert tf.image.rgb_to_grayscale(picture.astype("float32")).shape == (2, 2, 1)
    np.testing.assert_array_equal(tf.image.flip_left_right(picture).numpy(), picture[:, ::-1])
    np.testing.assert_array_equal(tf.image.flip_up_down(picture).numpy(), picture[::-1])
    back = tf.image.convert_image_dtype(tf.image.convert_image_dtype(picture, tf.float32), tf.uint8)
    np.testing.assert_array_equal(back.numpy(), picture)
