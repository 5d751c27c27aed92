"""Old home of some helpers: `sequence.pad_sequences`, `image.load_img`, datasets from folders."""

from corten.preprocessing import image as image, sequence as sequence
from corten.utils.image_dataset import image_dataset_from_directory as image_dataset_from_directory
from corten.utils.text_dataset import text_dataset_from_directory as text_dataset_from_directory
from corten.utils.timeseries_dataset import timeseries_dataset_from_array as timeseries_dataset_from_array
