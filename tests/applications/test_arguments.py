"""Arguments of networks, preprocessing, and files of weights."""

import json
from pathlib import Path

import numpy as np
import pytest

import corten
from corten import applications
from corten.applications import imagenet_utils


def small(**arguments):
    arguments = {
        "alpha": 0.25,
        "include_top": False,
        "input_shape": (32, 32, 3),
        "weights": None,
        **arguments,
    }
    return applications.MobileNet(**arguments)


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        ("VGG16", {"weights": "nowhere.h5"}, "path of a file that exists"),
        ("VGG16", {"weights": 3}, "path of a file that exists"),
        ("VGG16", {"weights": "imagenet", "classes": 10}, "1000 classes"),
        ("VGG16", {"weights": "imagenet", "classifier_activation": "relu"}, "softmax"),
        ("VGG16", {"weights": "imagenet", "input_shape": (64, 64, 3)}, r"must be \(224, 224, 3\)"),
        ("VGG16", {"weights": None, "input_shape": (224, 224)}, "three integers"),
        ("VGG16", {"weights": None, "input_shape": (None, None, 3)}, "must be known"),
        ("VGG16", {"weights": None, "input_shape": (31, 40, 3), "include_top": False}, "at least 32x32"),
        ("ResNet50", {"weights": "imagenet", "include_top": False, "input_shape": (64, 64, 4)}, "3 channels"),
        ("ResNet50", {"weights": None, "input_tensor": np.zeros((1, 224, 224, 3))}, "symbolic"),
        ("MobileNet", {"weights": "imagenet", "alpha": 0.3}, "alpha"),
        ("MobileNet", {"weights": "imagenet", "depth_multiplier": 2}, "depth_multiplier"),
        ("MobileNetV2", {"weights": "imagenet", "alpha": 0.3}, "alpha"),
        ("MobileNetV3Small", {"weights": "imagenet", "alpha": 0.5}, "alpha"),
        (
            "NASNetMobile",
            {"weights": None, "input_shape": (31, 64, 3), "include_top": False},
            "at least 32x32",
        ),
        ("NASNetLarge", {"weights": "imagenet", "input_shape": (224, 224, 3)}, r"must be \(331, 331, 3\)"),
        (
            "VGG16",
            {"weights": None, "include_top": False, "pooling": "mean"},
            "'avg', 'max' or None; got 'mean'",
        ),
        ("MobileNetV3Large", {"weights": "imagenet", "alpha": 0.75, "minimalistic": True}, "alpha"),
    ],
)
def test_impossible_arguments_are_refused(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(applications, network)(**arguments)


def test_an_input_of_another_size_than_said_is_refused():
    with pytest.raises(ValueError, match="input_shape"):
        applications.MobileNetV2(
            weights=None, input_tensor=corten.Input((64, 64, 3)), input_shape=(32, 32, 3), include_top=False
        )


@pytest.mark.parametrize("network", ["VGG16", "MobileNetV3Small"])
def test_the_warning_of_unusual_channels_names_the_users_line(network):
    with pytest.warns(UserWarning, match="1 or 3 channels") as caught:
        getattr(applications, network)(weights=None, include_top=False, input_shape=(32, 32, 4))
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]


def test_deeper_blocks_are_dropped_more_often():
    """The rates of Keras 3.15.1: the second form counts its 27 blocks as 21, the first its 23 as 23."""
    for network, count, total in (("EfficientNetV2B1", 27, 21), ("EfficientNetB1", 23, 23)):
        model = getattr(applications, network)(weights=None, include_top=False, input_shape=(32, 32, 3))
        rates = [layer.rate for layer in model.layers if isinstance(layer, corten.layers.Dropout)]
        assert rates[-1] == pytest.approx(0.2 * (count - 1) / total)
        assert rates == sorted(rates)


def test_a_network_can_start_from_a_layers_output():
    inputs = corten.Input((64, 64, 4))
    x = corten.layers.Conv2D(3, 2, strides=2)(inputs)
    model = small(input_tensor=x, input_shape=None, pooling="avg")
    assert model.inputs[0] is inputs
    assert model.output_shape == (None, 256)
    assert model.predict(np.zeros((2, 64, 64, 4), "float32"), verbose=0).shape == (2, 256)


@pytest.mark.parametrize("size", [(32, 32), (45, 66)])
def test_nasnet_takes_pictures_of_unknown_size(size):
    model = applications.NASNetMobile(
        weights=None, include_top=False, input_shape=(None, None, 3), pooling="avg"
    )
    assert model.predict(np.zeros((1, *size, 3), "float32"), verbose=0).shape == (1, 1056)


def test_nasnet_without_classifier_has_its_published_size():
    model = applications.NASNetMobile(weights=None, include_top=False)
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 7, 7, 1056)


def test_channels_first():
    before = corten.config.image_data_format()
    try:
        corten.config.set_image_data_format("channels_first")
        model = small(input_shape=(3, 40, 40))
        assert model.output_shape == (None, 256, 1, 1)
    finally:
        corten.config.set_image_data_format(before)


def test_features_learn_under_a_new_head():
    base = small(pooling="avg")
    base.trainable = False
    model = corten.Sequential([base, corten.layers.Dense(2)])
    model.compile("adam", "mse")
    before = base.get_weights()
    model.fit(np.ones((4, 32, 32, 3), "float32"), np.ones((4, 2), "float32"), epochs=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))


def test_networks_that_scale_pictures_themselves():
    x = np.full((1, 1, 3), 255.0)
    for module in ("mobilenet_v3", "efficientnet", "efficientnet_v2", "convnext"):
        assert getattr(applications, module).preprocess_input(x) is x


def test_convnext_needs_channels_last():
    before = corten.config.image_data_format()
    try:
        corten.config.set_image_data_format("channels_first")
        with pytest.raises(ValueError, match="channels_last"):
            applications.ConvNeXtTiny(weights=None)
    finally:
        corten.config.set_image_data_format(before)


def test_efficientnets_published_weights_come_with_a_correction(monkeypatch):
    monkeypatch.setattr(corten.Model, "load_weights", lambda *_: None)
    monkeypatch.setattr(corten.utils, "get_file", lambda *_, **__: "")
    model = applications.EfficientNetB0(include_top=False, input_shape=(32, 32, 3))
    scale = [layer.scale for layer in model.layers if isinstance(layer, corten.layers.Rescaling)][1]
    np.testing.assert_allclose(scale, 1 / np.sqrt([0.229, 0.224, 0.225]))


# -- weights ---------------------------------------------------------------------------------------------


def write_like_keras_2(model, path):
    """Writes an `.h5` file of weights as Keras 2 did."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value


def test_weights_from_files(tmp_path):
    pytest.importorskip("h5py")
    first = small()
    write_like_keras_2(first, tmp_path / "old.h5")
    first.save_weights(tmp_path / "new.weights.h5")
    for name in ("old.h5", "new.weights.h5"):
        loaded = small(weights=str(tmp_path / name))
        for a, b in zip(first.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_weights_of_layers_by_name(tmp_path):
    pytest.importorskip("h5py")
    first = small()
    write_like_keras_2(first, tmp_path / "old.h5")
    inputs = corten.Input((32, 32, 3))
    convolution = corten.layers.Conv2D(8, 3, use_bias=False, name="conv1")
    model = corten.Model(inputs, corten.layers.Dense(3, name="other")(convolution(inputs)))
    kept = model.get_layer("other").get_weights()
    model.load_weights(tmp_path / "old.h5", by_name=True)
    expected = first.get_layer("conv1").get_weights()
    np.testing.assert_array_equal(convolution.get_weights()[0], expected[0])
    np.testing.assert_array_equal(model.get_layer("other").get_weights()[0], kept[0])
    with pytest.raises(ValueError, match="no layer of the model"):
        corten.Sequential([corten.Input((3,)), corten.layers.Dense(2, name="stranger")]).load_weights(
            tmp_path / "old.h5", by_name=True
        )


def test_published_weights_come_from_kerass_address(monkeypatch, tmp_path):
    pytest.importorskip("h5py")
    write_like_keras_2(small(), tmp_path / "weights.h5")
    asked = []

    def get_file(fname=None, origin=None, cache_subdir=None, file_hash=None):
        asked.append((origin, cache_subdir, file_hash))
        return str(tmp_path / "weights.h5")

    monkeypatch.setattr(corten.utils, "get_file", get_file)
    small(weights="imagenet", input_shape=(128, 128, 3))
    with pytest.raises(ValueError, match="layers with weights"):
        applications.ResNet50(include_top=False)
    place = "https://storage.googleapis.com/tensorflow/keras-applications/"
    assert asked == [
        (f"{place}mobilenet/mobilenet_2_5_128_tf_no_top.h5", "models", None),
        (
            f"{place}resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "models",
            "4d473c1dd8becc155b73f8504c6f6626",
        ),
    ]


@pytest.mark.parametrize("network", ["ConvNeXtTiny", "InceptionResNetV2"])
def test_networks_with_own_layers_are_saved_and_loaded(network, tmp_path):
    model = getattr(applications, network)(weights=None, include_top=False, input_shape=(75, 75, 3))
    model.save(tmp_path / "model.corten")
    loaded = corten.saving.load_model(tmp_path / "model.corten")
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- pictures and classes --------------------------------------------------------------------------------


def test_preprocessing_by_hand():
    x = np.array([[[255.0, 0.0, 127.5]]], "float32")
    blue, green, red = 127.5 - 103.939, 0 - 116.779, 255 - 123.68
    expected = {
        "caffe": [blue, green, red],
        "tf": [1, -1, 0],
        "torch": [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.5 - 0.406) / 0.225],
    }
    for mode, values in expected.items():
        found = imagenet_utils.preprocess_input(x.copy(), mode=mode)
        np.testing.assert_allclose(found[0, 0], values, rtol=1e-5)
        tensor = imagenet_utils.preprocess_input(corten.tensor(x[None]), mode=mode)
        np.testing.assert_allclose(tensor.numpy()[0, 0, 0], values, rtol=1e-5)
        first = imagenet_utils.preprocess_input(x.transpose(2, 0, 1).copy(), "channels_first", mode)
        np.testing.assert_allclose(first[:, 0, 0], values, rtol=1e-5)
        whole = imagenet_utils.preprocess_input(x.astype("int32"), mode=mode)
        assert whole.dtype == np.float32


def test_each_networks_preprocessing():
    x = np.full((1, 1, 3), 255.0)
    expected = {
        "vgg16": 255 - 103.939, "vgg19": 255 - 103.939, "resnet": 255 - 103.939, "resnet50": 255 - 103.939,
        "resnet_v2": 1, "xception": 1, "inception_v3": 1, "inception_resnet_v2": 1,
        "mobilenet": 1, "mobilenet_v2": 1, "densenet": (1 - 0.485) / 0.229,
    }  # fmt: skip
    for module, value in expected.items():
        found = getattr(applications, module).preprocess_input(x.copy())
        np.testing.assert_allclose(found[0, 0, 0], value, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "other"}, "mode"),
        ({"data_format": "other"}, "data_format"),
        ({"x": np.ones((4, 4, 2))}, "3 channels"),
        ({"x": np.ones((4, 4))}, "shape"),
    ],
)
def test_impossible_preprocessing_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        imagenet_utils.preprocess_input(**{"x": np.ones((4, 4, 3)), **arguments})


def test_names_of_classes(monkeypatch, tmp_path):
    names = {str(index): [f"n{index:08}", f"class_{index}"] for index in range(1000)}
    (tmp_path / "index.json").write_text(json.dumps(names), encoding="utf-8")
    monkeypatch.setattr(imagenet_utils, "_class_index", None)
    monkeypatch.setattr(corten.utils, "get_file", lambda *_, **__: str(tmp_path / "index.json"))
    predictions = np.zeros((1, 1000), "float32")
    predictions[0, [7, 3]] = 0.75, 0.25
    assert applications.vgg16.decode_predictions(predictions, top=2) == [
        [("n00000007", "class_7", 0.75), ("n00000003", "class_3", 0.25)]
    ]
    with pytest.raises(ValueError, match="1000"):
        imagenet_utils.decode_predictions(np.zeros((2, 4)))


def test_unknown_networks_are_refused():
    with pytest.raises(AttributeError, match="Did you mean 'ResNet50'"):
        applications.ResNet5  # noqa: B018
