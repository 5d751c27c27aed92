"""Building blocks of neural networks."""

from corten.ops.activation import (
    celu as celu,
    elu as elu,
    gelu as gelu,
    leaky_relu as leaky_relu,
    log_sigmoid as log_sigmoid,
    mish as mish,
    relu as relu,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softplus as softplus,
    softsign as softsign,
    squareplus as squareplus,
    swish as swish,
)
from corten.ops.attention import (
    dot_product_attention as dot_product_attention,
)
from corten.ops.averages import (
    moments as moments,
)
from corten.ops.complex_numbers import polar as polar
from corten.ops.convolution import (
    conv as conv,
    conv_transpose as conv_transpose,
    depthwise_conv as depthwise_conv,
    separable_conv as separable_conv,
)
from corten.ops.crossentropy import (
    binary_crossentropy as binary_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    ctc_decode as ctc_decode,
    ctc_loss as ctc_loss,
    multi_hot as multi_hot,
    one_hot as one_hot,
    psnr as psnr,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from corten.ops.normalization import (
    batch_normalization as batch_normalization,
    group_normalization as group_normalization,
    layer_normalization as layer_normalization,
    normalize as normalize,
    rms_normalization as rms_normalization,
)
from corten.ops.patches import (
    depth_to_space as depth_to_space,
    fold as fold,
    space_to_depth as space_to_depth,
    unfold as unfold,
)
from corten.ops.piecewise import (
    hard_shrink as hard_shrink,
    hard_sigmoid as hard_sigmoid,
    hard_silu as hard_silu,
    hard_swish as hard_swish,
    hard_tanh as hard_tanh,
    relu6 as relu6,
    soft_shrink as soft_shrink,
    sparse_plus as sparse_plus,
    sparse_sigmoid as sparse_sigmoid,
    tanh_shrink as tanh_shrink,
    threshold as threshold,
)
from corten.ops.pooling import (
    adaptive_average_pool as adaptive_average_pool,
    adaptive_max_pool as adaptive_max_pool,
    average_pool as average_pool,
    max_pool as max_pool,
)
from corten.ops.probability import (
    glu as glu,
    log_softmax as log_softmax,
    softmax as softmax,
    sparsemax as sparsemax,
)
