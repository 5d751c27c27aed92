"""What image layers draw, and how images, masks, boxes and labels go together."""

# ruff: noqa: E501 (tables of arguments read best with one line per layer)

import json

import numpy as np
import pytest

import corten
from corten import layers, ops

RNG = np.random.default_rng(3)
IMAGES = RNG.uniform(0, 255, (6, 16, 12, 3)).astype("float32")

# Every layer that draws, with arguments that change (nearly) every image.
RANDOM = {
    "AugMix": {"factor": (0.3, 0.6)},
    "CutMix": {},
    "MixUp": {"alpha": 1.0},
    "RandAugment": {},
    "RandomBrightness": {"factor": 0.5},
    "RandomColorDegeneration": {"factor": 0.5},
    "RandomColorJitter": {"brightness_factor": 0.2, "contrast_factor": 0.2, "saturation_factor": 0.4, "hue_factor": 0.3},
    "RandomContrast": {"factor": 0.5},
    "RandomCrop": {"height": 8, "width": 8},
    "RandomElasticTransform": {"factor": (1.0, 1.0), "scale": (0.5, 1.0)},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomGaussianBlur": {"sigma": (0.5, 1.0)},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.5},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": (2, 6)},
    "RandomRotation": {"factor": 0.3},
    "RandomSaturation": {"factor": (0.1, 0.5)},
    "RandomSharpness": {"factor": 1.0},
    "RandomShear": {"x_factor": 0.3, "y_factor": 0.3},
    "RandomTranslation": {"height_factor": 0.3, "width_factor": 0.3},
    "RandomZoom": {"height_factor": 0.3},
    "Solarization": {"addition_factor": 0.5, "threshold_factor": 0.5},
}  # fmt: skip
by_layer = pytest.mark.parametrize("name", RANDOM)


def make(name, **more):
    return getattr(layers, name)(**{**RANDOM[name], **more})


@by_layer
def test_same_seed_same_bits(name):
    first, second = make(name, seed=5), make(name, seed=5)
    draws = [first(IMAGES, training=True).numpy() for _ in range(4)]
    for expected in draws:
        np.testing.assert_array_equal(second(IMAGES, training=True), expected)
    assert any(not np.array_equal(draws[0], other) for other in draws[1:])
    other = make(name, seed=6)
    assert any(not np.array_equal(other(IMAGES, training=True), expected) for expected in draws)


@by_layer
def test_nothing_happens_outside_of_training(name):
    layer = make(name, seed=1)
    fitted = layers.Resizing(8, 8, crop_to_aspect_ratio=True)
    expected = fitted(IMAGES) if name == "RandomCrop" else IMAGES
    np.testing.assert_allclose(layer(IMAGES, training=False), expected, rtol=1e-6)
    np.testing.assert_allclose(corten.Sequential([layer]).predict(IMAGES, verbose=0), expected, rtol=1e-6)


@by_layer
def test_values_stay_in_the_range(name):
    layer = make(name, seed=2)
    for _ in range(3):
        out = layer(IMAGES, training=True).numpy()
        assert np.isfinite(out).all()
        assert out.min() >= -1e-3
        assert out.max() <= 255 + 1e-3


@by_layer
def test_one_image(name):
    layer = make(name, seed=4)
    out = layer(IMAGES[0], training=True)
    assert out.shape == ((8, 8, 3) if name == "RandomCrop" else IMAGES[0].shape)
    whole = layer(IMAGES[:1], training=True)
    assert whole.shape == (1, *out.shape)


@by_layer
def test_channels_first_is_the_same_transposed(name):
    last, first = (make(name, seed=8, data_format=form) for form in ("channels_last", "channels_first"))
    if name == "RandomErasing":
        last, first = (
            make(name, seed=8, data_format=form, fill_value=9) for form in ("channels_last", "channels_first")
        )
    expected = last(IMAGES, training=True).numpy()
    got = first(IMAGES.transpose(0, 3, 1, 2).copy(), training=True).numpy()
    np.testing.assert_allclose(got.transpose(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-3)


@by_layer
def test_integers_come_out_as_floats(name):
    out = make(name, seed=1)(IMAGES.astype("uint8"), training=True)
    assert out.dtype == "float32"


@by_layer
def test_config_keeps_what_is_drawn(name):
    layer = make(name, seed=3, data_format="channels_last")
    twin = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    np.testing.assert_array_equal(twin(IMAGES, training=True), layer(IMAGES, training=True))


@pytest.mark.parametrize("name", sorted(set(RANDOM) - {"CutMix"}))
def test_all_parts_of_the_data(name):
    layer = make(name, seed=3, bounding_box_format="xywh")
    data = {
        "images": IMAGES,
        "labels": np.eye(6, dtype="float32"),
        "segmentation_masks": RNG.integers(0, 3, (6, 16, 12, 1)),
        "bounding_boxes": {
            "boxes": np.tile([[[2.0, 3.0, 5.0, 6.0]]], (6, 1, 1)),
            "labels": np.ones((6, 1), "int32"),
        },
    }
    kept = {key: value.copy() for key, value in data.items() if key != "bounding_boxes"}
    out = layer(data, training=True)
    assert out.keys() == data.keys()
    for key, value in kept.items():
        np.testing.assert_array_equal(data[key], value)
    assert out["segmentation_masks"].shape[:3] == out["images"].shape[:3]
    assert out["bounding_boxes"]["boxes"].shape == (6, 2 if name == "MixUp" else 1, 4)
    np.testing.assert_allclose(ops.sum(out["labels"], axis=1), np.ones(6), rtol=1e-5)
    if name not in {"AugMix", "MixUp"}:
        assert set(np.unique(out["segmentation_masks"])) <= {0, 1, 2}
    again = layer(data, training=False)
    np.testing.assert_allclose(again["bounding_boxes"]["boxes"].shape, (6, 1, 4))
    single = layer({key: value[0] for key, value in kept.items()}, training=True)
    assert single["images"].ndim == 3


MOVES = {
    "RandomFlip": {},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2, "fill_mode": "constant"},
    "RandomZoom": {"height_factor": 0.3, "width_factor": 0.2, "fill_mode": "constant"},
    "RandomRotation": {"factor": 0.2, "fill_mode": "constant"},
    "RandomShear": {"x_factor": 0.3, "y_factor": 0.0, "fill_mode": "constant"},
    "RandomPerspective": {"factor": (1.0, 1.0), "scale": 0.5},
    "RandomCrop": {"height": 40, "width": 44},
    "CenterCrop": {"height": 44, "width": 40},
    "Resizing": {"height": 30, "width": 60},
}


@pytest.mark.parametrize("form", ["xyxy", "rel_xywh", "center_yxhw"])
@pytest.mark.parametrize("name", MOVES)
def test_boxes_move_with_their_pixels(name, form):
    """A bright rectangle's extent in the result is the box in the result (edges of pixels: +- 1.5)."""
    from corten.utils.bounding_boxes import convert_format

    image = np.zeros((4, 48, 48, 1), "float32")
    boxes = np.array([[18, 14, 34, 30], [14, 18, 30, 34], [16, 16, 28, 32], [20, 20, 33, 30]], "float32")
    for picture, (left, top, right, bottom) in zip(image, boxes.astype(int), strict=True):
        picture[top:bottom, left:right] = 255.0
    arguments = {**MOVES[name], "bounding_box_format": form}
    if name.startswith("Random"):
        arguments["seed"] = 11
    layer = getattr(layers, name)(**arguments)
    given = convert_format(boxes[:, None], "xyxy", form, 48, 48)
    data = {"images": image, "bounding_boxes": {"boxes": given, "labels": np.zeros((4, 1), "int32")}}
    data["segmentation_masks"] = (image > 0).astype("int32")
    for _ in range(3):
        out = layer(data, training=True)
        height, width = out["images"].shape[1:3]
        moved = np.asarray(convert_format(out["bounding_boxes"]["boxes"], form, "xyxy", height, width))[:, 0]
        for index in range(4):
            rows, columns = np.nonzero(out["images"].numpy()[index, ..., 0] > 127)
            extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(moved[index], extent, atol=2.1)
            mask = out["segmentation_masks"].numpy()[index, ..., 0]
            assert np.mean(mask != (out["images"].numpy()[index, ..., 0] > 127)) < 0.05


def test_statistics_of_what_is_drawn():
    many = np.full((4000, 2, 2, 3), 100.0, "float32")

    def drawn(layer, key):
        return np.asarray(layer.get_random_transformation(many)[key]).astype("float64").reshape(len(many), -1)

    delta = drawn(layers.RandomBrightness((-0.2, 0.4), seed=1), "rgb_delta")
    np.testing.assert_allclose([delta.min(), delta.mean(), delta.max()], [-51, 25.5, 102], atol=4)
    factor = drawn(layers.RandomContrast(0.5, seed=1), "contrast_factor")
    np.testing.assert_allclose([factor.min(), factor.mean(), factor.max()], [0.5, 1.0, 1.5], atol=0.02)
    flips = drawn(layers.RandomFlip(seed=1), "flips")
    np.testing.assert_allclose(flips.mean(), 0.5, atol=0.03)
    angle = drawn(layers.RandomRotation(0.25, seed=1), "angle")
    np.testing.assert_allclose([angle.min(), angle.mean(), angle.max()], [-90, 0, 90], atol=4)
    inverted = drawn(layers.RandomInvert(0.6, seed=1), "apply_inversion")
    np.testing.assert_allclose(inverted.mean(), 0.3, atol=0.03)
    turn = drawn(layers.RandomHue(0.5, seed=1), "factor")
    np.testing.assert_allclose([turn.min(), turn.mean(), turn.max()], [-0.25, 0, 0.25], atol=0.02)
    cleared = drawn(layers.RandomPosterization((2, 6), seed=1), "shift_factor")
    assert set(np.unique(cleared)) == {3, 4, 5, 6}
    shear = drawn(layers.RandomShear((0.1, 0.3), seed=1), "shear_factor")[:, 0]
    np.testing.assert_allclose(np.abs(shear).min(), 0.1, atol=0.01)
    np.testing.assert_allclose([shear.mean(), np.abs(shear).max()], [0.0, 0.3], atol=0.02)
    weight = drawn(layers.MixUp(0.2, seed=1), "mix_weight")
    np.testing.assert_allclose([weight.mean(), weight.var()], [0.5, 0.25 / 1.4], atol=0.02)
    gray = np.asarray(layers.RandomGrayscale(0.3, seed=1).get_random_transformation(many))
    np.testing.assert_allclose(gray.mean(), 0.3, atol=0.03)


def test_erased_area_and_cut_mix_weight():
    many = np.zeros((200, 50, 40, 1), "float32")
    drawn = layers.RandomErasing(scale=(0.1, 0.3), seed=1).get_random_transformation(many)
    area = drawn["batch_masks"].numpy().mean(axis=(1, 2, 3))
    assert area.min() > 0.07
    assert area.max() < 0.33
    drawn = layers.CutMix(seed=1).get_random_transformation(many)
    area = drawn["batch_masks"].numpy().mean(axis=(1, 2, 3))
    np.testing.assert_allclose(1 - area, drawn["mix_weight"], atol=0.06)
    assert sorted(drawn["permutation_order"].tolist()) == list(range(200))


def test_random_crop_reaches_every_place():
    layer = layers.RandomCrop(4, 4, seed=1)
    places = [layer.get_random_transformation(np.zeros((1, 6, 7, 1), "float32")) for _ in range(200)]
    assert {int(place.top) for place in places} == {0, 1, 2}
    assert {int(place.left) for place in places} == {0, 1, 2, 3}


def test_each_image_is_changed_on_its_own():
    same = np.repeat(IMAGES[:1], 6, axis=0)
    for name in ("RandomBrightness", "RandomRotation", "RandomZoom", "RandomHue", "RandomSharpness"):
        out = make(name, seed=1)(same, training=True).numpy()
        assert len({picture.tobytes() for picture in out}) == 6


def test_training_draws_anew_in_each_step_and_is_off_in_prediction():
    flip, crop, light = (
        layers.RandomFlip(seed=1),
        layers.RandomCrop(8, 8, seed=2),
        layers.RandomBrightness(0.3, seed=3),
    )
    blur = layers.RandomGaussianBlur(seed=4)
    stack = [corten.Input((16, 12, 3)), flip, crop, light, blur, layers.Flatten(), layers.Dense(2)]
    model = corten.Sequential(stack)
    before = flip.generator.state.numpy().tolist()
    model.compile(corten.optimizers.SGD(1e-7), "mse")
    history = model.fit(IMAGES, np.zeros((6, 2), "float32"), batch_size=2, epochs=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert flip.generator.state.numpy().tolist() == [before[0], before[1] + 9]
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_captured_steps_have_the_same_bits():
    results = []
    for eager in (True, False):
        corten.utils.set_random_seed(1)
        model = corten.Sequential(
            [
                corten.Input((16, 12, 3)),
                layers.RandomRotation(0.2, seed=1),
                layers.RandomContrast(0.4, seed=2),
            ]
        )
        for layer in (
            layers.RandomErasing(seed=5),
            layers.MixUp(seed=3),
            layers.Equalization(),
            layers.Flatten(),
            layers.Dense(1),
        ):
            model.add(layer)
        model.compile(corten.optimizers.SGD(1e-8), "mse", run_eagerly=eager)
        model.fit(IMAGES, np.ones((6, 1), "float32"), batch_size=2, epochs=4, verbose=0, shuffle=False)
        results.append(model.get_weights())
    for eager, captured in zip(*results, strict=True):
        np.testing.assert_array_equal(captured, eager)


def test_in_a_data_set():
    from corten.data import Dataset

    flip = layers.RandomFlip("horizontal", seed=1)
    source = Dataset.from_tensor_slices((IMAGES, np.arange(6))).batch(3)
    for images, labels in source.map(lambda x, y: (flip(x, training=True), y)):
        assert images.shape == (3, 16, 12, 3)
        for picture, label in zip(np.asarray(images), np.asarray(labels), strict=True):
            assert any(np.array_equal(picture, way) for way in (IMAGES[label], IMAGES[label][:, ::-1]))


def test_functional_model_of_a_dict():
    inputs = {
        "images": corten.Input((16, 12, 3)),
        "segmentation_masks": corten.Input((16, 12, 1), dtype="int32"),
    }
    outputs = layers.RandomFlip(seed=1)(inputs)
    model = corten.Model(inputs, outputs)
    data = {"images": IMAGES, "segmentation_masks": IMAGES[..., :1].astype("int32")}
    out = model(data, training=True)
    np.testing.assert_array_equal(out["images"].numpy()[..., :1].astype("int32"), out["segmentation_masks"])


def test_lists_of_boxes_of_unlike_length():
    layer = layers.MaxNumBoundingBoxes(2, bounding_box_format="xyxy")
    boxes = {
        "boxes": [[[1, 1, 2, 2]], [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 1, 1]]],
        "labels": [[4], [5, 6, 7]],
    }
    out = layer({"images": IMAGES[:2], "bounding_boxes": boxes})["bounding_boxes"]
    assert out["boxes"].tolist() == [[[1, 1, 2, 2], [0, 0, 0, 0]], [[1, 2, 3, 4], [5, 6, 7, 8]]]
    assert out["labels"].tolist() == [[4, -1], [5, 6]]


def test_elastic_masks_move_like_images():
    layer = layers.RandomElasticTransform((1.0, 1.0), (1.0, 1.0), interpolation="nearest", seed=1)
    image = np.zeros((2, 40, 40, 1), "float32")
    image[:, 10:30, 10:30] = 200
    out = layer({"images": image, "segmentation_masks": image.astype("int32")}, training=True)
    np.testing.assert_array_equal(out["images"], out["segmentation_masks"])
    assert not np.array_equal(out["images"], image)


def test_resizing_keeps_integers():
    out = layers.Resizing(5, 7)(IMAGES.astype("uint8"))
    assert (out.dtype, out.shape) == ("uint8", (6, 5, 7, 3))


def test_pieces_of_the_policies_are_the_layers_themselves():
    layer = layers.RandAugment(seed=1)
    drawn = layer.get_random_transformation(IMAGES)
    expected = IMAGES
    for index in drawn["layer_idxes"]:
        name = layer._AUGMENT_LAYERS[index]
        expected = getattr(layer, name).transform_images(expected, drawn["transforms"][name])
    np.testing.assert_array_equal(layer.transform_images(IMAGES, drawn), expected)
    mix = layers.AugMix(seed=1)
    drawn = mix.get_random_transformation(IMAGES)
    np.testing.assert_allclose(ops.sum(drawn["chain_mixing_weights"]), 1.0, rtol=1e-6)
    still = {**drawn, "weight_sample": 1.0}
    np.testing.assert_allclose(mix.transform_images(IMAGES, still), IMAGES, rtol=1e-6)


BAD = [
    (lambda: layers.RandomBrightness(1.5), r"range \[-1, 1\]"),
    (lambda: layers.RandomBrightness("much"), "RandomBrightness: The `factor`"),
    (lambda: layers.RandomContrast((0.1, 0.2, 0.3)), "list of two numbers"),
    (lambda: layers.RandomHue(0.5, value_range=5), "`value_range` argument should be a list of two"),
    (lambda: layers.RandomZoom(-1.0), r"\(-1.0, 1.0\]"),
    (lambda: layers.RandomShear(-0.1), r"range \[0, 1.0\]"),
    (lambda: layers.RandomPerspective(scale=1.5), "`scale`"),
    (lambda: layers.RandomGaussianBlur(kernel_size=4), "odd number"),
    (lambda: layers.RandomErasing(fill_value=(1, 2)), "list of three numbers"),
    (lambda: layers.RandomGrayscale(1.5), "`factor`"),
    (lambda: layers.RandomFlip("diagonal"), "`mode`"),
    (lambda: layers.Resizing(0, 3), "positive integer"),
    (lambda: layers.CenterCrop(3, 2.5), "positive integer"),
    (lambda: layers.MixUp(alpha=0), "above 0"),
    (lambda: layers.Equalization(bins=1), "`bins`"),
    (lambda: layers.MaxNumBoundingBoxes(0), "positive integer"),
    (lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=8), "two positive integers"),
    (lambda: layers.CenterCrop(2, 2, factor=0.3), "does not take a `factor`"),
    (lambda: layers.RandomFlip()(np.zeros((4, 4), "float32")), "rank 3 or 4"),
    (lambda: layers.RandomFlip()({"images": IMAGES, "bounding_boxes": {}}), "bounding_box_format"),
    (
        lambda: layers.RandomFlip(bounding_box_format="xyxy")({"images": IMAGES, "bounding_boxes": {"boxes": 1}}),
        "keys 'boxes' and 'labels'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make_it", "message"), BAD)
def test_messages(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()


@pytest.mark.parametrize("name", ["RandomRotation", "RandomZoom", "RandomElasticTransform"])
def test_unknown_modes(name):
    with pytest.raises(NotImplementedError, match="Unknown `fill_mode` round"):
        make(name, fill_mode="round")
    with pytest.raises(NotImplementedError, match="Unknown `interpolation` cubic"):
        make(name, interpolation="cubic")
