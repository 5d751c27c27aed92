"""Image layers and box functions agree with Keras on stored values (see `make_image_preprocessing.py`)."""

import json
from pathlib import Path

import numpy as np
import pytest

from corten import layers
from corten.utils import bounding_boxes

pytestmark = pytest.mark.usefixtures("device")

VALUES = dict(np.load(Path(__file__).parent / "image_preprocessing.npz"))
ROWS = json.loads(VALUES["rows"].tobytes())
WIDE, BOXES, LABELS = VALUES["WIDE"], VALUES["BOXES"], VALUES["LABELS"]
ODD = VALUES["ODD"]
SOURCES = {
    "ODD": ODD,
    "ODD FIRST": ODD.transpose(0, 3, 1, 2),
    "WIDE": WIDE,
    "UNIT": VALUES["UNIT"],
    "FIRST": WIDE.transpose(0, 3, 1, 2),
}


def close(got, expected):
    np.testing.assert_allclose(
        np.asarray(got), expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max())
    )


def transformation_of(row, shape):
    name = row["name"]
    if "keys" in row:
        given = {key: VALUES[f"{name}/t/{key}"] for key in row["keys"]}
        return {**given, "input_shape": shape, "image_height": shape[1], "image_width": shape[2]}
    return tuple(row["plain"]) if row["plain"] else VALUES[f"{name}/t"]


def layer_of(row):
    arguments = {**row["arguments"], **({"bounding_box_format": "xyxy"} if row["boxes"] else {})}
    return getattr(layers, row["layer"])(**arguments)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_images(row):
    x = SOURCES[row["source"]]
    transformation = None
    if row["layer"] not in ("AutoContrast", "Equalization", "ContrastLimitedAdaptiveHistogramEqualization"):
        transformation = transformation_of(row, x.shape)
    got = layer_of(row).transform_images(x, transformation, training=True)
    close(got, VALUES[f"{row['name']}/images"])


@pytest.mark.parametrize("row", [row for row in ROWS if row["boxes"]], ids=lambda row: row["name"])
def test_boxes(row):
    given = {"boxes": BOXES, "labels": LABELS}
    out = layer_of(row).transform_bounding_boxes(given, transformation_of(row, WIDE.shape), training=True)
    close(out["boxes"], VALUES[f"{row['name']}/boxes"])
    np.testing.assert_array_equal(out["labels"], VALUES[f"{row['name']}/labels"])


FORMATS = [key.split("/")[1] for key in VALUES if key.startswith("format/")]


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_formats(source, target):
    given, expected = VALUES[f"format/{source}"], VALUES[f"format/{target}"]
    close(bounding_boxes.convert_format(given, source, target, 7, 6), expected)
    as_dict = bounding_boxes.convert_format({"boxes": given, "labels": LABELS}, source, target, 7, 6)
    close(as_dict["boxes"], expected)


def test_overlap():
    flat = BOXES[0], np.concatenate([BOXES[1], [[-1, -1, -1, -1]]]).astype("float32")
    close(bounding_boxes.compute_iou(*flat, "xyxy"), VALUES["iou"])
    close(bounding_boxes.compute_iou(*flat, "xyxy", use_masking=True), VALUES["iou masked"])
    close(bounding_boxes.compute_iou(BOXES, BOXES[:, ::-1], "xywh"), VALUES["iou batch"])
    relative = bounding_boxes.compute_iou(BOXES / 7, BOXES[:, ::-1] / 9, "rel_xyxy", image_shape=(7, 6, 3))
    close(relative, VALUES["iou relative"])
    close(bounding_boxes.compute_ciou(BOXES, BOXES[:, ::-1], "xyxy"), VALUES["ciou"])
    close(bounding_boxes.compute_ciou(BOXES + 1, BOXES[::-1] + 1, "center_xywh"), VALUES["ciou center"])


def test_deltas():
    variance = [0.1, 0.1, 0.2, 0.2]
    encode, decode = bounding_boxes.encode_box_to_deltas, bounding_boxes.decode_deltas_to_boxes
    close(encode(BOXES + 1, BOXES[::-1] + 2, "xywh", "xyxy", variance=variance), VALUES["deltas"])
    got = encode(BOXES, BOXES[::-1], "xyxy", "xyxy", encoding_format="center_xywh")
    close(got, VALUES["deltas xywh"])
    deltas = VALUES["UNIT"][:, :2, :1, :1].repeat(4, -1)[:, :, 0]
    got = decode(BOXES, deltas, "xyxy", "rel_xyxy", variance=variance, image_shape=(7, 6, 3))
    close(got, VALUES["decoded"])


def test_warped_and_cut():
    six = VALUES["affine/arguments"]
    close(bounding_boxes.affine_transform(BOXES, *six, 7, 6), VALUES["affine"])
    close(bounding_boxes.affine_transform(BOXES, *six, 7, 6, 0.2, 0.7), VALUES["affine center"])
    close(bounding_boxes.crop(BOXES, 1, 2, 4, 3), VALUES["crop"])
    close(bounding_boxes.pad(BOXES, 3, 4), VALUES["pad"])
    clipped = bounding_boxes.clip_to_image_size({"boxes": BOXES * 2 - 4, "labels": LABELS}, 4, 5)
    close(clipped["boxes"], VALUES["clip/boxes"])
    np.testing.assert_array_equal(clipped["labels"], VALUES["clip/labels"])
