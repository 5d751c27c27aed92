"""Wrong calls: the right type of error, and a message that names the op and the fix."""

import pytest

from corten import ops, random

M = ops.ones((2, 3))
IMAGE = ops.ones((1, 4, 4, 3))
CASES = [
    (lambda: ops.matmul(M, M), ValueError, "matmul"),
    (lambda: ops.add(M, ops.ones(4)), ValueError, "add"),
    (lambda: ops.reshape(M, (4, 2)), ValueError, "reshape"),
    (lambda: ops.sum(M, axis=2), (ValueError, IndexError), "axis"),
    (lambda: ops.argmax(M, axis=5), ValueError, "argmax: axis 5"),
    (lambda: ops.transpose(M, (0,)), ValueError, "transpose"),
    (lambda: ops.squeeze(M, 0), ValueError, "squeeze: axis 0"),
    (lambda: ops.concatenate([]), ValueError, "at least one"),
    (lambda: ops.concatenate([M, ops.ones((3, 3))], 1), ValueError, "concatenate"),
    (lambda: ops.stack([M, ops.ones(3)]), ValueError, "stack"),
    (lambda: ops.split(M, 2, 1), ValueError, "array_split"),
    (lambda: ops.take(M, [7], 0), IndexError, "take"),
    (lambda: ops.take_along_axis(M, [1], 1), ValueError, "dimensions"),
    (lambda: ops.pad(M, 1, mode="mirror"), ValueError, "symmetric"),
    (lambda: ops.pad(M, ((1, 1),) * 3), ValueError, "pairs"),
    (lambda: ops.cast(M, "float23"), (ValueError, TypeError), "float23"),
    (lambda: ops.exp("text"), (TypeError, ValueError), None),
    (lambda: ops.where([True], M), ValueError, "both"),
    (lambda: ops.meshgrid(M, indexing="ab"), ValueError, "indexing"),
    (lambda: ops.quantile(M, 0.5, method="best"), ValueError, "linear"),
    (lambda: ops.unstack(M, num=5), ValueError, "num=5"),
    (lambda: ops.glu(M), ValueError, "even"),
    (lambda: ops.conv(IMAGE, ops.ones((3, 3, 2, 4))), ValueError, "3 channels"),
    (lambda: ops.conv(M, M), ValueError, "3 to 5 dimensions"),
    (lambda: ops.conv(IMAGE, ops.ones((3, 3, 3, 4)), padding="full"), ValueError, "'valid' or 'same'"),
    (lambda: ops.conv(IMAGE, ops.ones((3, 3, 3, 4)), data_format="NHWC"), ValueError, "channels_last"),
    (lambda: ops.conv_transpose(IMAGE, ops.ones((3, 3, 3, 4))), ValueError, "output channels"),
    (
        lambda: ops.conv_transpose(IMAGE, ops.ones((3, 3, 4, 3)), strides=2, output_padding=2),
        ValueError,
        "less than strides",
    ),
    (lambda: ops.max_pool(IMAGE, (2, 2, 2)), ValueError, "pool_size"),
    (lambda: ops.average_pool(IMAGE, 0), ValueError, "positive"),
    (lambda: ops.batch_normalization(M, [0.0], [1.0], 1), ValueError, "axis 1"),
    (lambda: ops.layer_normalization(M, gamma=[1.0] * 4), ValueError, "gamma"),
    (lambda: ops.group_normalization(M, groups=2), ValueError, "groups"),
    (lambda: ops.categorical_crossentropy([1, 2], M), ValueError, "sparse_categorical_crossentropy"),
    (
        lambda: ops.sparse_categorical_crossentropy(ops.ones((2, 3), "int32"), M),
        ValueError,
        "categorical_crossentropy",
    ),
    (lambda: ops.sparse_categorical_crossentropy([0, 3], M, from_logits=True), IndexError, "3"),
    (lambda: ops.binary_crossentropy([1.0], M), ValueError, "one shape"),
    (lambda: ops.dot_product_attention(M, M, M), ValueError, "4 dimensions"),
    (lambda: ops.lstm(M, M, M), ValueError, "steps"),
    (lambda: ops.einsum("ij,jk", M, M), ValueError, "einsum"),
    (lambda: ops.inv(M), ValueError, "square"),
    (lambda: ops.inv(ops.zeros((2, 2))), ValueError, "singular"),
    (lambda: ops.cholesky(-ops.eye(2)), ValueError, "positive definite"),
    (lambda: ops.norm(M, ord="fro", axis=1), ValueError, "number"),
    (lambda: ops.qr(M, mode="raw"), ValueError, "reduced"),
    (lambda: ops.image.resize(IMAGE, (2, 2), interpolation="cubic"), ValueError, "bicubic"),
    (lambda: ops.image.crop_images(IMAGE, top_cropping=1), ValueError, "exactly two"),
    (lambda: ops.segment_sum(M, [0]), ValueError, "segment_ids"),
    (lambda: ops.scatter_update(M, [[0]], ops.ones((1, 3)), reduction="avg"), ValueError, "reduction"),
    (lambda: ops.slice(M, (0, 2), (1, 2)), ValueError, "does not lie"),
    (lambda: ops.max(ops.zeros((0,))), ValueError, "max"),
    (lambda: ops.bincount([-1]), ValueError, "negative"),
    (lambda: random.dropout(M, 1.5), ValueError, "rate"),
    (lambda: random.randint((2,), 5, 5), ValueError, "empty"),
    (lambda: random.normal((2,), dtype="int32"), ValueError, "float"),
    (lambda: random.normal((2,), seed="x"), ValueError, "SeedGenerator"),
    (lambda: random.SeedGenerator(1.5), ValueError, "integer"),
]


def test_softmax_of_one_class_warns():
    with pytest.warns(UserWarning, match="sigmoid"):
        ops.softmax(ops.ones((2, 1)))


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_error(call, error, message):
    with pytest.raises(error, match=message):
        call()
