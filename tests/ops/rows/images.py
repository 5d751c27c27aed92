"""Rows of image ops."""

import colorsys

import numpy as np
from scipy import ndimage
from tests.ops.table import F, row

C = F(2, 3, 4, 3, low=0.05, high=0.95)


def each(f):
    return lambda x: np.apply_along_axis(lambda c: f(*c), -1, x)


row("image.rgb_to_grayscale", [C], lambda x: (x @ [0.2989, 0.5870, 0.1140])[..., None])
row("image.rgb_to_hsv", [C], each(colorsys.rgb_to_hsv), smooth=False, tolerance=1e-9)
row("image.hsv_to_rgb", [C], each(colorsys.hsv_to_rgb), smooth=False, tolerance=1e-9)
row(
    "image.resize",
    [F(2, 4, 5, 3)],
    lambda x: x[:, [0, 0, 1, 1, 2, 2, 3, 3]][:, :, [0, 2, 4]],
    size=(8, 3),
    interpolation="nearest",
)


def linear(x, size):
    """Half-pixel centers, edges repeated."""
    for axis, m in enumerate(size, start=1):
        n = x.shape[axis]
        place = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
        low = np.floor(place).astype(int)
        part = (place - low).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        x = np.take(x, low, axis) * (1 - part) + np.take(x, np.minimum(low + 1, n - 1), axis) * part
    return x


row("image.resize", [F(2, 4, 5, 3)], lambda x: linear(x, (7, 3)), size=(7, 3))
row(
    "image.resize",
    [F(2, 4, 4, 3)],
    lambda x: x.reshape(2, 2, 2, 2, 2, 3).mean((2, 4)),
    size=2,
    interpolation="area",
)
for kind in ("bicubic", "lanczos3", "lanczos5"):
    # A constant line stays one, and sampling at the old places changes nothing.
    row(
        "image.resize",
        [F(1, 5, 5, 1, fix=lambda x: x * 0 + 3)],
        lambda x: np.full((1, 9, 3, 1), 3.0),
        size=(9, 3),
        interpolation=kind,
        grad=True,
        antialias=True,
    )
row(
    "image.crop_images",
    [F(2, 5, 6, 3)],
    lambda x: x[:, 1:4, 2:5],
    top_cropping=1,
    bottom_cropping=1,
    left_cropping=2,
    target_width=3,
)
row(
    "image.pad_images",
    [F(5, 6, 3)],
    lambda x: np.pad(x, ((1, 1), (2, 0), (0, 0))),
    top_padding=1,
    bottom_padding=1,
    left_padding=2,
    target_width=8,
)
row(
    "image.extract_patches",
    [F(2, 4, 6, 3)],
    lambda x: x.reshape(2, 2, 2, 3, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 2, 3, 12),
    size=2,
)
row(
    "image.extract_patches_3d",
    [F(4, 2, 6, 3)],
    lambda x: x.reshape(2, 2, 1, 2, 3, 2, 3).transpose(0, 2, 4, 1, 3, 5, 6).reshape(2, 1, 3, 24),
    size=2,
)
row(
    "image.map_coordinates",
    [F(4, 5), F(2, 3, low=0.1, high=2.9)],
    lambda x, c: ndimage.map_coordinates(x, c, order=1),
    order=1,
    smooth=False,
)
for mode, other in [
    ("nearest", "nearest"),
    ("wrap", "grid-wrap"),
    ("mirror", "mirror"),
    ("reflect", "reflect"),
]:
    row(
        "image.map_coordinates",
        [F(4, 5), F(2, 9, low=-6, high=9)],
        lambda x, c, m=other: ndimage.map_coordinates(x, c, order=1, mode=m),
        order=1,
        fill_mode=mode,
        smooth=False,
    )
SHIFT = [1.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0, 0.0]
row(
    "image.affine_transform",
    [F(2, 4, 5, 3)],
    lambda x: np.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0)))[:, :-1, 1:],
    transform=SHIFT,
)
CORNERS = [[0.0, 0.0], [0.0, 4.0], [4.0, 0.0], [4.0, 4.0]]
row(
    "image.perspective_transform",
    [F(2, 5, 5, 3)],
    lambda x: x,
    start_points=CORNERS,
    end_points=CORNERS,
    tolerance=1e-4,
)
row(
    "image.perspective_transform",
    [F(2, 5, 5, 3)],
    lambda x: x[:, :, ::-1],
    start_points=[CORNERS[i] for i in (2, 3, 0, 1)],
    end_points=CORNERS,
    interpolation="nearest",
)
row(
    "image.scale_and_translate",
    [F(6)],
    lambda x: np.r_[0.0, 0.0, x],
    output_shape=(8,),
    scale=[1.0],
    translation=[2.0],
    spatial_dims=(0,),
    method="linear",
)
row(
    "image.gaussian_blur",
    [F(2, 6, 6, 2)],
    lambda x: ndimage.convolve1d(
        ndimage.convolve1d(x, bell(3, 1.0), 1, mode="constant"), bell(5, 2.0), 2, mode="constant"
    ),
    kernel_size=(5, 3),
    sigma=(2.0, 1.0),
)
row("image.sobel_edges", [F(2, 5, 6, 2)], lambda x: np.stack([sobel(x, a) for a in (1, 2)], -1))
row("image.ssim", [F(2, 12, 12, 1, low=0), F(2, 12, 12, 1, low=0)], lambda a, b: similarity(a, b))
row(
    "image.elastic_transform",
    [F(6, 6, 2, fix=lambda x: x * 0 + 2)],
    lambda x: x,
    seed=3,
    grad=True,
    smooth=False,
    tolerance=1e-5,
)


def bell(n, sigma):
    weight = np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / sigma) ** 2)
    return weight / weight.sum()


def sobel(x, axis):
    other = 3 - axis
    return ndimage.correlate1d(
        ndimage.correlate1d(x, [-1, 0, 1], axis, mode="mirror"), [1, 2, 1], other, mode="mirror"
    )


def similarity(a, b):
    def mean(x):
        for axis in (1, 2):
            x = ndimage.correlate1d(x, bell(11, 1.5), axis, mode="constant")
        return x[:, 5:-5, 5:-5]

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean((1, 2, 3))
