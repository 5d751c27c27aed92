"""Building blocks of neural networks."""

from corten.ops.activation import (
    celu as celu,
)
from corten.ops.activation import (
    elu as elu,
)
from corten.ops.activation import (
    gelu as gelu,
)
from corten.ops.activation import (
    glu as glu,
)
from corten.ops.activation import (
    hard_shrink as hard_shrink,
)
from corten.ops.activation import (
    hard_sigmoid as hard_sigmoid,
)
from corten.ops.activation import (
    hard_silu as hard_silu,
)
from corten.ops.activation import (
    hard_swish as hard_swish,
)
from corten.ops.activation import (
    hard_tanh as hard_tanh,
)
from corten.ops.activation import (
    leaky_relu as leaky_relu,
)
from corten.ops.activation import (
    log_sigmoid as log_sigmoid,
)
from corten.ops.activation import (
    log_softmax as log_softmax,
)
from corten.ops.activation import (
    mish as mish,
)
from corten.ops.activation import (
    relu as relu,
)
from corten.ops.activation import (
    relu6 as relu6,
)
from corten.ops.activation import (
    selu as selu,
)
from corten.ops.activation import (
    sigmoid as sigmoid,
)
from corten.ops.activation import (
    silu as silu,
)
from corten.ops.activation import (
    soft_shrink as soft_shrink,
)
from corten.ops.activation import (
    softmax as softmax,
)
from corten.ops.activation import (
    softplus as softplus,
)
from corten.ops.activation import (
    softsign as softsign,
)
from corten.ops.activation import (
    sparse_plus as sparse_plus,
)
from corten.ops.activation import (
    sparse_sigmoid as sparse_sigmoid,
)
from corten.ops.activation import (
    sparsemax as sparsemax,
)
from corten.ops.activation import (
    squareplus as squareplus,
)
from corten.ops.activation import (
    swish as swish,
)
from corten.ops.activation import (
    tanh_shrink as tanh_shrink,
)
from corten.ops.activation import (
    threshold as threshold,
)
from corten.ops.attention import (
    dot_product_attention as dot_product_attention,
)
from corten.ops.convolution import (
    conv as conv,
)
from corten.ops.convolution import (
    conv_transpose as conv_transpose,
)
from corten.ops.convolution import (
    depthwise_conv as depthwise_conv,
)
from corten.ops.convolution import (
    separable_conv as separable_conv,
)
from corten.ops.crossentropy import (
    binary_crossentropy as binary_crossentropy,
)
from corten.ops.crossentropy import (
    categorical_crossentropy as categorical_crossentropy,
)
from corten.ops.crossentropy import (
    ctc_decode as ctc_decode,
)
from corten.ops.crossentropy import (
    ctc_loss as ctc_loss,
)
from corten.ops.crossentropy import (
    multi_hot as multi_hot,
)
from corten.ops.crossentropy import (
    one_hot as one_hot,
)
from corten.ops.crossentropy import (
    psnr as psnr,
)
from corten.ops.crossentropy import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from corten.ops.normalization import (
    batch_normalization as batch_normalization,
)
from corten.ops.normalization import (
    group_normalization as group_normalization,
)
from corten.ops.normalization import (
    layer_normalization as layer_normalization,
)
from corten.ops.normalization import (
    normalize as normalize,
)
from corten.ops.normalization import (
    rms_normalization as rms_normalization,
)
from corten.ops.patches import (
    depth_to_space as depth_to_space,
)
from corten.ops.patches import (
    fold as fold,
)
from corten.ops.patches import (
    space_to_depth as space_to_depth,
)
from corten.ops.patches import (
    unfold as unfold,
)
from corten.ops.pooling import (
    adaptive_average_pool as adaptive_average_pool,
)
from corten.ops.pooling import (
    adaptive_max_pool as adaptive_max_pool,
)
from corten.ops.pooling import (
    average_pool as average_pool,
)
from corten.ops.pooling import (
    max_pool as max_pool,
)
from corten.ops.reduction import (
    moments as moments,
)
