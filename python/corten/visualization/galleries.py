"""Galleries: many images in one figure."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corten.visualization.arrays import image_batch
from corten.visualization.boxes import draw_bounding_boxes
from corten.visualization.masks import draw_segmentation_masks


def _save(figure: Any, path: Any, **settings: Any) -> None:
    if not isinstance(path, (str, os.PathLike)):
        figure.savefig(path, **settings)
        return
    from corten.saving.files import write_atomically

    target = Path(path)
    if not target.suffix:  # As matplotlib does.
        target = target.with_name(f"{target.name}.{figure.canvas.get_default_filetype()}")
    write_atomically(target, lambda file: figure.savefig(file, format=target.suffix[1:], **settings))


def _pyplot(function: str) -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{function}: figures are drawn with matplotlib; install it with `pip install corten[plot]`."
        ) from error
    return plt


def _title(index: int, true: Any, predicted: Any, names: Any) -> str:
    parts = []
    for word, labels in (("Label", true), ("Pred", predicted)):
        if labels is not None and index < len(labels):
            parts.append(f"{word}: {names.get(labels[index].item(), 'Unknown')}")
    return "  ".join(parts)


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: dict[Any, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: Sequence[float] = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> Any:
    """Show images in rows and columns, with their labels as titles.

    Args:
        images: Shape ``(batch, height, width, channels)``; the first ``rows * cols`` are shown.
        y_true: Labels.
        y_pred: Predicted labels.
        label_map: Label to name; needed where labels are given.
        rows: Number of rows; None makes about a square.
        cols: Number of columns; None takes as many as are needed.
        value_range: The lowest and the highest value of a pixel.
        scale: Inches per image.
        path: A file to save the figure in.
        show: Whether to open the figure; None means yes where there is no `path`.
        transparent: Whether the saved background is transparent.
        dpi: Dots per inch of the file.
        legend_handles: Handles of a legend below the images.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Returns:
        The matplotlib figure, where it was neither saved nor shown; else None.

    Raises:
        ValueError: `path` and `show` are both given, labels come without `label_map`, or the images are
            no batch.
        ImportError: matplotlib is missing (`pip install corten[plot]`).

    Example:
        >>> import io
        >>> import numpy as np
        >>> file = io.BytesIO()
        >>> plot_image_gallery(np.zeros((2, 4, 4, 3)), rows=1, cols=2, path=file)
        >>> file.getvalue()[1:4]
        b'PNG'
    """
    plt = _pyplot("plot_image_gallery")
    if path is not None and show:
        raise ValueError("plot_image_gallery: expects either `path` to be set, or `show` to be true.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(
            "plot_image_gallery: If `y_true` or `y_pred` are provided, a `label_map` must also be provided."
        )
    show = path is None if show is None else show
    pixels = image_batch("plot_image_gallery", images, data_format).astype("float64")
    low, high = value_range
    pixels = np.clip((pixels - low) / (high - low) * 255, 0, 255).round().astype("uint8")
    rows = rows or math.ceil(math.sqrt(len(pixels)))
    cols = cols or math.ceil(len(pixels) / rows)
    figure, axes = plt.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False
    )
    true, predicted = (None if labels is None else np.asarray(labels) for labels in (y_true, y_pred))
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    for index, axis in enumerate(axes.ravel()):
        axis.axis("off")
        if index < len(pixels):
            gray = pixels.shape[-1] == 1
            axis.imshow(pixels[index, ..., 0] if gray else pixels[index], cmap="gray" if gray else None)
            title = _title(index, true, predicted, label_map)
            if title:
                axis.set_title(title, fontsize=8)
    if path is not None:
        _save(figure, path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show:
        plt.show()
    else:
        return figure
    plt.close(figure)
    return None


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: dict[str, Any] | None = None,
    y_pred: dict[str, Any] | None = None,
    value_range: Sequence[float] = (0, 255),
    true_color: Sequence[int] = (0, 188, 212),
    pred_color: Sequence[int] = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: dict[int, str] | None = None,
    ground_truth_mapping: dict[int, str] | None = None,
    prediction_mapping: dict[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Show images with true and predicted boxes.

    Args:
        images: Shape ``(batch, height, width, channels)``.
        bounding_box_format: The format of all boxes.
        y_true: True boxes, a dict as for `draw_bounding_boxes`.
        y_pred: Predicted boxes.
        value_range: The lowest and the highest value of a pixel.
        true_color: Color of true boxes.
        pred_color: Color of predicted boxes.
        line_thickness: Pixels of the lines.
        font_scale: Size of letters.
        text_thickness: Thickness of letters; None takes `line_thickness`.
        class_mapping: Label to name.
        ground_truth_mapping: The same for true boxes alone.
        prediction_mapping: The same for predicted boxes alone.
        legend: Whether to explain the two colors.
        legend_handles: Handles of a legend of one's own.
        rows: Number of rows.
        cols: Number of columns.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: More for `plot_image_gallery`.

    Returns:
        What `plot_image_gallery` returns.

    Raises:
        ValueError: `legend` and `legend_handles` are both given.
        ImportError: matplotlib is missing (`pip install corten[plot]`).
    """
    _pyplot("plot_bounding_box_gallery")
    from matplotlib import patches

    if legend and legend_handles:
        raise ValueError("plot_bounding_box_gallery: Only pass `legend` OR `legend_handles`.")
    pixels = image_batch("plot_bounding_box_gallery", images, data_format).astype("float32")
    low, high = value_range
    drawn = np.clip((pixels - low) / (high - low) * 255, 0, 255).round().astype("uint8")
    for boxes, color, names in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            drawn = draw_bounding_boxes(
                drawn, boxes, bounding_box_format, names, color, line_thickness, text_thickness, font_scale,
                data_format="channels_last",
            )  # fmt: skip
    if legend:
        legend_handles = [
            patches.Patch(color=(color[0] / 255, color[1] / 255, color[2] / 255), label=label)
            for color, label in ((true_color, "Ground Truth"), (pred_color, "Prediction"))
        ]
    return plot_image_gallery(
        drawn, rows=rows, cols=cols, legend_handles=legend_handles, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: Sequence[float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Any = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Show images beside their true and predicted masks, one image a row.

    Args:
        images: Shape ``(batch, height, width, channels)``.
        num_classes: The number of classes.
        value_range: The lowest and the highest value of a pixel.
        y_true: True masks, ``(batch, height, width, 1)``.
        y_pred: Predicted masks.
        color_mapping: Class to color, see `draw_segmentation_masks`.
        blend: Whether to mix colors with the image.
        alpha: How opaque colors are.
        ignore_index: The class that is not colored.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: More for `plot_image_gallery`.

    Returns:
        What `plot_image_gallery` returns.

    Raises:
        ValueError: The images are no batch, or masks do not match.
        ImportError: matplotlib is missing (`pip install corten[plot]`).
    """
    function = "plot_segmentation_mask_gallery"
    pixels = image_batch(function, images, data_format).astype("float32")
    low, high = value_range
    pixels = np.clip((pixels - low) / (high - low) * 255, 0, 255)
    columns = [pixels]
    for name, given in (("y_true", y_true), ("y_pred", y_pred)):
        if given is not None:
            masks = image_batch(function, given, data_format, name).astype("int32")
            drawn = draw_segmentation_masks(
                pixels, masks, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
            )
            columns.append(drawn.astype("float32"))
    flat = np.stack(columns, axis=1).reshape(-1, *pixels.shape[1:])
    return plot_image_gallery(
        flat, rows=len(pixels), cols=len(columns), data_format="channels_last", **kwargs
    )
