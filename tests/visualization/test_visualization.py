"""Boxes and masks drawn into images, and galleries."""

import matplotlib as mpl
import numpy as np
import pytest

from corten import visualization

mpl.use("Agg")
IMAGES = np.random.default_rng(0).integers(0, 255, (3, 40, 60, 3)).astype("uint8")
BOXES = {
    "boxes": np.array([[[10.0, 12, 30, 30], [0, 0, 60, 40]]] * 3, "float32"),
    "labels": np.array([[1, -1], [0, 1], [-1, -1]]),
}


def test_frames_lie_on_the_edges_of_boxes():
    drawn = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=(1, 2, 3), line_thickness=2)
    assert drawn.dtype == "uint8"
    changed = (drawn != IMAGES).any(axis=-1)
    np.testing.assert_array_equal(drawn[2], IMAGES[2])
    rows, columns = np.nonzero(changed[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (11, 30, 9, 30)
    assert not changed[0, 14:28, 12:28].any()
    np.testing.assert_array_equal(drawn[0, 12, 20], [1, 2, 3])
    np.testing.assert_array_equal(drawn[0, 20, 10], [1, 2, 3])
    # A box beyond the image is cut.
    np.testing.assert_array_equal(drawn[1, 0, :10], [[1, 2, 3]] * 10)


def test_other_formats_and_ranges():
    expected = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy")
    relative = {**BOXES, "boxes": BOXES["boxes"] / [60, 40, 60, 40]}
    np.testing.assert_array_equal(visualization.draw_bounding_boxes(IMAGES, relative, "rel_xyxy"), expected)
    first = visualization.draw_bounding_boxes(
        IMAGES.transpose(0, 3, 1, 2), BOXES, "xyxy", data_format="channels_first"
    )
    np.testing.assert_array_equal(first, expected)
    unit = visualization.draw_bounding_boxes((IMAGES > 99).astype("float32"), BOXES, "xyxy")
    np.testing.assert_array_equal(unit[2], (IMAGES[2] > 99) * 255)


def test_names_are_written():
    plain = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=(255, 0, 0))
    named = visualization.draw_bounding_boxes(
        IMAGES,
        {**BOXES, "confidences": np.full((3, 2), 0.75)},
        "xyxy",
        {1: "cat"},
        color=(255, 0, 0),
        font_scale=0.4,
    )
    changed = (plain != named).any(axis=-1)
    assert changed[0].sum() > 20
    assert not changed[2].any()


def test_masks():
    masks = np.zeros((3, 40, 60, 1), "int32")
    masks[0, :10], masks[0, 10:20], masks[1] = 1, 2, -1
    colors = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
    drawn = visualization.draw_segmentation_masks(IMAGES, masks, color_mapping=colors, alpha=0.5)
    np.testing.assert_allclose(drawn[0, 0, :, 0], IMAGES[0, 0, :, 0] * 0.5 + 127.5, atol=1)
    np.testing.assert_allclose(drawn[0, 15, :, 1], IMAGES[0, 15, :, 1] * 0.5 + 127.5, atol=1)
    np.testing.assert_array_equal(drawn[1], IMAGES[1])
    full = visualization.draw_segmentation_masks(IMAGES, masks, 3, blend=False)
    assert len(np.unique(full[0, :20].reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("kind", ["image", "box", "mask"])
def test_galleries(kind, tmp_path):
    path = tmp_path / "gallery.png"
    if kind == "image":
        names = {0: "a", 1: "b"}
        visualization.plot_image_gallery(
            IMAGES / 255, [0, 1, 2], [1, 1, 0], names, value_range=(0, 1), path=path
        )
    elif kind == "box":
        visualization.plot_bounding_box_gallery(
            IMAGES, "xyxy", BOXES, BOXES, class_mapping={1: "x"}, legend=True, path=path
        )
    else:
        masks = np.ones((3, 40, 60, 1), "int32")
        visualization.plot_segmentation_mask_gallery(IMAGES, 2, y_true=masks, y_pred=masks, path=path)
    picture = mpl.image.imread(path)
    assert min(picture.shape[:2]) > 60
    assert picture[..., :3].std() > 0.05


def test_figure_is_returned_where_it_is_not_shown():
    figure = visualization.plot_image_gallery(IMAGES, rows=1, show=False)
    assert len(figure.axes) == 3
    mpl.pyplot.close(figure)


def test_messages(tmp_path):
    with pytest.raises(ValueError, match=r"batched 4D tensor.*shape=\(40, 60, 3\)"):
        visualization.draw_bounding_boxes(IMAGES[0], BOXES, "xyxy")
    with pytest.raises(TypeError, match="should be a dict"):
        visualization.draw_bounding_boxes(IMAGES, [1], "xyxy")
    with pytest.raises(ValueError, match="'boxes' and 'labels'"):
        visualization.draw_bounding_boxes(IMAGES, {"boxes": 1}, "xyxy")
    with pytest.raises(TypeError, match="integer dtype"):
        visualization.draw_segmentation_masks(IMAGES, np.zeros((3, 40, 60, 1)))
    with pytest.raises(ValueError, match="one channel"):
        visualization.draw_segmentation_masks(IMAGES, np.zeros((3, 40, 50, 1), "int32"))
    with pytest.raises(ValueError, match="a color for each class"):
        visualization.draw_segmentation_masks(
            IMAGES, np.ones((3, 40, 60, 1), "int32"), color_mapping={0: (1, 1, 1)}
        )
    with pytest.raises(ValueError, match="`label_map`"):
        visualization.plot_image_gallery(IMAGES, [1, 2, 3])
    with pytest.raises(ValueError, match="`path`"):
        visualization.plot_image_gallery(IMAGES, path=tmp_path / "a.png", show=True)
    with pytest.raises(ValueError, match="Only pass"):
        visualization.plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[1])
