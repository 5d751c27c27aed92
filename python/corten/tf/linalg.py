"""`tf.linalg`."""

from corten.ops import cholesky as cholesky
from corten.ops import det as det
from corten.ops import diag as diag
from corten.ops import eye as eye
from corten.ops import inv as inv
from corten.ops import norm as norm
from corten.ops import qr as qr
from corten.ops import solve as solve
from corten.ops import svd as svd
from corten.ops import trace as trace
from corten.tf.functions import matmul as matmul
from corten.tf.functions import matrix_transpose as matrix_transpose
