"""`tf.linalg`."""

from corten.ops import (
    cholesky as cholesky,
    det as det,
    diag as diag,
    eye as eye,
    inv as inv,
    norm as norm,
    qr as qr,
    solve as solve,
    svd as svd,
    trace as trace,
)
from corten.tf.functions import matmul as matmul, matrix_transpose as matrix_transpose
