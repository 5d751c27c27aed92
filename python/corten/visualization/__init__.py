"""Pictures of images with their boxes, masks and labels."""

from corten.visualization.boxes import draw_bounding_boxes as draw_bounding_boxes
from corten.visualization.galleries import (
    plot_bounding_box_gallery as plot_bounding_box_gallery,
    plot_image_gallery as plot_image_gallery,
    plot_segmentation_mask_gallery as plot_segmentation_mask_gallery,
)
from corten.visualization.masks import draw_segmentation_masks as draw_segmentation_masks

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]
