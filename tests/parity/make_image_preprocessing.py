"""Writes `image_preprocessing.npz`: what Keras makes of given images and transformations.

Needs Keras 3.15 (any backend): `python make_image_preprocessing.py`. The test needs the file alone.
"""

# One line per case reads best, long or not.
# ruff: noqa: E501

import json
from pathlib import Path

import keras
import numpy as np
from keras import layers as L
from keras.utils import bounding_boxes as bb

HERE = Path(__file__).parent
rng = np.random.default_rng(7)
WIDE = rng.uniform(0, 255, (2, 7, 6, 3)).astype("float32").round(1)
UNIT = rng.uniform(0, 1, (2, 6, 6, 3)).astype("float32").round(3)
BOXES = np.array(
    [[[1.0, 1.0, 4.0, 5.0], [0.0, 2.0, 3.0, 6.0]], [[2.0, 0.0, 5.0, 3.0], [0.0, 0.0, 6.0, 7.0]]], "float32"
)
LABELS = np.array([[0, 1], [2, 3]], "int32")
two = lambda *v: np.array(v, "float32")  # noqa: E731
each = lambda *v: np.array(v, "float32").reshape(-1, 1, 1, 1)  # noqa: E731
start = np.array([[[0, 0], [5, 0], [0, 6], [5, 6]]] * 2, "float32")
end = start + start * rng.uniform(-0.4, 0.4, (2, 4, 2)).astype("float32").round(2)
masks = np.zeros((2, 7, 6, 3), bool)
masks[0, 1:4, 2:5] = True
masks[1, 3:, :2] = True
filling = rng.uniform(0, 255, (2, 7, 6, 3)).astype("float32").round(1)

# name: (class, arguments, images, transformation, with boxes)
CASES = {
    "resize": ("Resizing", {"height": 5, "width": 9}, "WIDE", None, True),
    "resize antialias": ("Resizing", {"height": 3, "width": 4, "antialias": True}, "WIDE", None, False),
    "resize crop": ("Resizing", {"height": 4, "width": 8, "crop_to_aspect_ratio": True}, "WIDE", None, True),
    "resize pad": ("Resizing", {"height": 8, "width": 12, "pad_to_aspect_ratio": True, "fill_value": 3.0}, "WIDE", None, True),
    "resize nearest": ("Resizing", {"height": 10, "width": 4, "interpolation": "nearest"}, "WIDE", None, False),
    "resize bicubic": ("Resizing", {"height": 9, "width": 9, "interpolation": "bicubic"}, "WIDE", None, False),
    "center crop": ("CenterCrop", {"height": 4, "width": 3}, "WIDE", "shape", True),
    "center crop small": ("CenterCrop", {"height": 9, "width": 5}, "WIDE", "shape", True),
    "random crop": ("RandomCrop", {"height": 4, "width": 3}, "WIDE", (2, 1), False),
    "flip": ("RandomFlip", {}, "WIDE", {"flips": np.array([True, False]).reshape(2, 1, 1, 1)}, True),
    "flip horizontal": ("RandomFlip", {"mode": "horizontal"}, "WIDE", {"flips": np.array([True, True]).reshape(2, 1, 1, 1)}, True),
    "flip vertical": ("RandomFlip", {"mode": "vertical"}, "WIDE", {"flips": np.array([False, True]).reshape(2, 1, 1, 1)}, True),
    "translation": ("RandomTranslation", {"height_factor": 0.5, "width_factor": 0.5}, "WIDE", {"translations": two([1.5, -2.0], [-3.0, 0.5])}, True),
    "translation constant": ("RandomTranslation", {"height_factor": 0.5, "width_factor": 0.5, "fill_mode": "constant", "fill_value": 9.0}, "WIDE", {"translations": two([2.0, -1.0], [-3.0, 2.0])}, True),
    "translation wrap": ("RandomTranslation", {"height_factor": 0.5, "width_factor": 0.5, "fill_mode": "wrap", "interpolation": "nearest"}, "WIDE", {"translations": two([2.0, -1.0], [-3.0, 2.0])}, False),
    "zoom": ("RandomZoom", {"height_factor": 0.5}, "WIDE", {"height_zoom": two([0.6], [1.4]), "width_zoom": two([0.7], [1.3])}, True),
    "zoom nearest": ("RandomZoom", {"height_factor": 0.5, "fill_mode": "nearest"}, "WIDE", {"height_zoom": two([0.6], [1.4]), "width_zoom": two([0.7], [1.3])}, False),
    "shear": ("RandomShear", {"x_factor": 0.5, "y_factor": 0.5}, "WIDE", {"shear_factor": two([0.3, -0.2], [-0.4, 0.25])}, True),
    "rotation": ("RandomRotation", {"factor": 0.5}, "WIDE", {"angle": two(25.0, -70.0)}, True),
    "rotation constant": ("RandomRotation", {"factor": 0.5, "fill_mode": "constant"}, "WIDE", {"angle": two(10.0, 33.0)}, False),
    "perspective": ("RandomPerspective", {"fill_value": 5.0}, "WIDE", {"apply_perspective": np.array([True, True]), "start_points": start, "end_points": end}, True),
    "erasing": ("RandomErasing", {}, "WIDE", {"apply_erasing": np.array([True, False]), "batch_masks": masks, "fill_value": filling}, False),
    "cut mix": ("CutMix", {}, "WIDE", {"permutation_order": np.array([1, 0]), "batch_masks": masks, "mix_weight": two(0.3, 0.8)}, False),
    "mix up": ("MixUp", {}, "WIDE", {"permutation_order": np.array([1, 0]), "mix_weight": two(0.3, 0.8)}, False),
    "brightness": ("RandomBrightness", {"factor": 0.5}, "WIDE", {"rgb_delta": each(50.0, -70.0)}, False),
    "contrast": ("RandomContrast", {"factor": 0.5}, "WIDE", {"contrast_factor": each(0.6, 1.4)}, False),
    "contrast first": ("RandomContrast", {"factor": 0.5, "data_format": "channels_first"}, "FIRST", {"contrast_factor": each(0.6, 1.4)}, False),
    "degeneration": ("RandomColorDegeneration", {"factor": 0.5}, "WIDE", {"factor": each(0.7, -0.3)}, False),
    "grayscale": ("RandomGrayscale", {}, "WIDE", np.array([True, False]).reshape(2, 1, 1, 1), False),
    "hue": ("RandomHue", {"factor": 0.5}, "WIDE", {"factor": two(0.2, -0.4)}, False),
    "hue unit": ("RandomHue", {"factor": 0.5, "value_range": (0, 1)}, "UNIT", {"factor": two(0.45, -0.1)}, False),
    "saturation": ("RandomSaturation", {"factor": 0.5}, "WIDE", {"factor": two(0.3, 1.2)}, False),
    "saturation unit": ("RandomSaturation", {"factor": 0.5, "value_range": (0, 1)}, "UNIT", {"factor": two(0.3, 5.0)}, False),
    "invert": ("RandomInvert", {}, "WIDE", {"apply_inversion": np.array([True, False])}, False),
    "posterization": ("RandomPosterization", {"factor": 4}, "WIDE", {"shift_factor": np.array([5, 6], "uint8")}, False),
    "posterization unit": ("RandomPosterization", {"factor": 4, "value_range": (0, 1)}, "UNIT", {"shift_factor": np.array([3, 7], "uint8")}, False),
    "sharpness": ("RandomSharpness", {"factor": 0.5}, "WIDE", {"factor": two(0.1, 0.9)}, False),
    "sharpness first": ("RandomSharpness", {"factor": 0.5, "data_format": "channels_first"}, "FIRST", {"factor": two(0.1, 0.9)}, False),
    "blur": ("RandomGaussianBlur", {"kernel_size": (5, 3)}, "WIDE", {"should_apply_blur": np.array([True, False]), "blur_factor": two(0.9, 0.4)}, False),
    "solarization": ("Solarization", {"addition_factor": 0.3, "threshold_factor": 0.5}, "WIDE", {"additions": each(20.0, 60.0), "thresholds": each(100.0, 30.0)}, False),
    "solarization unit": ("Solarization", {"value_range": (0, 1)}, "UNIT", {"additions": each(20.0, 60.0), "thresholds": each(100.0, 30.0)}, False),
    "auto contrast": ("AutoContrast", {}, "WIDE", None, False),
    "auto contrast unit": ("AutoContrast", {"value_range": (0, 1)}, "UNIT", None, False),
    "equalization": ("Equalization", {}, "ODD", None, False),
    "equalization bins": ("Equalization", {"value_range": (0, 1), "bins": 32}, "UNIT", None, False),
    "equalization first": ("Equalization", {"data_format": "channels_first"}, "ODD FIRST", None, False),
    "clahe": ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 3)}, "WIDE", None, False),
    "clahe default": ("ContrastLimitedAdaptiveHistogramEqualization", {"value_range": (0, 1)}, "UNIT", None, False),
    "clahe limit": ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 2), "clip_limit": 0.0}, "WIDE", None, False),
}  # fmt: skip

# No value of the equalized images lies between two numbers, where rounding is a matter of luck.
ODD = WIDE[:, :6, :5].copy()
images = {
    "ODD": ODD,
    "ODD FIRST": ODD.transpose(0, 3, 1, 2),
    "WIDE": WIDE,
    "UNIT": UNIT,
    "FIRST": WIDE.transpose(0, 3, 1, 2),
}
values = {"ODD": ODD, "WIDE": WIDE, "UNIT": UNIT, "BOXES": BOXES, "LABELS": LABELS}
rows = []
for name, (kind, arguments, source, transformation, boxes) in CASES.items():
    x = images[source]
    height, width = x.shape[1:3]
    layer = getattr(L, kind)(**arguments, **({"bounding_box_format": "xyxy"} if boxes else {}))
    given = transformation
    if kind == "Resizing":
        transformation = given = (height, width)
    elif isinstance(given, str):
        transformation = {}
    if isinstance(transformation, dict):
        given = {**transformation, "input_shape": x.shape}
    if kind == "RandomRotation":
        zero, one = np.zeros(2, "float32"), np.ones(2, "float32")
        matrix = layer._compute_affine_matrix(
            0.5, 0.5, keras.ops.convert_to_tensor(given["angle"]), zero, zero, one, zero, zero, height, width
        )
        given = {
            **given,
            "rotation_matrix": matrix,
            "image_height": height,
            "image_width": width,
            "batch_size": 2,
        }
        transformation = {**transformation, "rotation_matrix": np.asarray(matrix)}
    tensors = keras.tree.map_structure(
        lambda v: keras.ops.convert_to_tensor(v) if isinstance(v, np.ndarray) else v, given
    )
    values[f"{name}/images"] = np.asarray(
        layer.transform_images(keras.ops.convert_to_tensor(x), tensors, training=True)
    )
    row = {
        "name": name,
        "layer": kind,
        "arguments": arguments,
        "source": source,
        "boxes": boxes,
        "plain": None,
    }
    if isinstance(transformation, dict):
        row["keys"] = sorted(transformation)
        values.update({f"{name}/t/{key}": value for key, value in transformation.items()})
    elif isinstance(transformation, np.ndarray):
        values[f"{name}/t"] = transformation
    else:
        row["plain"] = transformation
    if boxes:
        out = layer.transform_bounding_boxes(
            {"boxes": keras.ops.convert_to_tensor(BOXES), "labels": keras.ops.convert_to_tensor(LABELS)},
            tensors,
            training=True,
        )
        values[f"{name}/boxes"], values[f"{name}/labels"] = (
            np.asarray(out["boxes"]),
            np.asarray(out["labels"]),
        )
    rows.append(row)

formats = [
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
]
for source in formats:
    own = np.asarray(bb.convert_format(BOXES, "xyxy", source, 7, 6))
    values[f"format/{source}"] = own
flat = [np.ascontiguousarray(BOXES[0]), np.concatenate([BOXES[1], [[-1, -1, -1, -1]]]).astype("float32")]
values["iou"] = np.asarray(bb.compute_iou(flat[0], flat[1], "xyxy"))
values["iou masked"] = np.asarray(bb.compute_iou(flat[0], flat[1], "xyxy", use_masking=True))
values["iou batch"] = np.asarray(bb.compute_iou(BOXES, BOXES[:, ::-1], "xywh"))
values["iou relative"] = np.asarray(
    bb.compute_iou(BOXES / 7, BOXES[:, ::-1] / 9, "rel_xyxy", image_shape=(7, 6, 3))
)
values["ciou"] = np.asarray(bb.compute_ciou(BOXES, BOXES[:, ::-1], "xyxy"))
values["ciou center"] = np.asarray(bb.compute_ciou(BOXES + 1, BOXES[::-1] + 1, "center_xywh"))
values["deltas"] = np.asarray(
    bb.encode_box_to_deltas(BOXES + 1, BOXES[::-1] + 2, "xywh", "xyxy", variance=[0.1, 0.1, 0.2, 0.2])
)
values["deltas xywh"] = np.asarray(
    bb.encode_box_to_deltas(BOXES, BOXES[::-1], "xyxy", "xyxy", encoding_format="center_xywh")
)
values["decoded"] = np.asarray(
    bb.decode_deltas_to_boxes(
        BOXES,
        UNIT[:, :2, :1, :1].repeat(4, -1)[:, :, 0],
        "xyxy",
        "rel_xyxy",
        variance=[0.1, 0.1, 0.2, 0.2],
        image_shape=(7, 6, 3),
    )
)
six = [np.array(v, "float32") for v in ([20, -30], [0.1, -0.2], [0.05, 0.3], [1.1, 0.8], [5, -10], [3, 12])]
values["affine/arguments"] = np.stack(six)
values["affine"] = np.asarray(bb.affine_transform(BOXES, *map(keras.ops.convert_to_tensor, six), 7, 6))
values["affine center"] = np.asarray(
    bb.affine_transform(BOXES, *map(keras.ops.convert_to_tensor, six), 7, 6, 0.2, 0.7)
)
values["crop"] = np.asarray(bb.crop(BOXES, 1, 2, 4, 3))
values["pad"] = np.asarray(bb.pad(BOXES, 3, 4))
clipped = bb.clip_to_image_size(
    {"boxes": keras.ops.convert_to_tensor(BOXES * 2 - 4), "labels": keras.ops.convert_to_tensor(LABELS)}, 4, 5
)
values["clip/boxes"], values["clip/labels"] = np.asarray(clipped["boxes"]), np.asarray(clipped["labels"])
values["rows"] = np.frombuffer(json.dumps(rows).encode(), "uint8")
np.savez_compressed(HERE / "image_preprocessing.npz", **values)
