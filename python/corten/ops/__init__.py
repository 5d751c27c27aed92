"""Functions of tensors, named as Keras names them.

All take tensors, variables, arrays and numbers, and symbolic tensors in functional models. Python
numbers take the dtype of the tensors they meet; integers become the default float where a function
needs one.
"""

from corten.ops import linalg as linalg
from corten.ops import nn as nn
from corten.ops import numpy as numpy
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
from corten.ops.arithmetic import (
    add as add,
)
from corten.ops.arithmetic import (
    arctan2 as arctan2,
)
from corten.ops.arithmetic import (
    copysign as copysign,
)
from corten.ops.arithmetic import (
    divide as divide,
)
from corten.ops.arithmetic import (
    divide_no_nan as divide_no_nan,
)
from corten.ops.arithmetic import (
    floor_divide as floor_divide,
)
from corten.ops.arithmetic import (
    fmax as fmax,
)
from corten.ops.arithmetic import (
    fmin as fmin,
)
from corten.ops.arithmetic import (
    fmod as fmod,
)
from corten.ops.arithmetic import (
    gcd as gcd,
)
from corten.ops.arithmetic import (
    heaviside as heaviside,
)
from corten.ops.arithmetic import (
    hypot as hypot,
)
from corten.ops.arithmetic import (
    lcm as lcm,
)
from corten.ops.arithmetic import (
    ldexp as ldexp,
)
from corten.ops.arithmetic import (
    logaddexp as logaddexp,
)
from corten.ops.arithmetic import (
    logaddexp2 as logaddexp2,
)
from corten.ops.arithmetic import (
    maximum as maximum,
)
from corten.ops.arithmetic import (
    minimum as minimum,
)
from corten.ops.arithmetic import (
    mod as mod,
)
from corten.ops.arithmetic import (
    multiply as multiply,
)
from corten.ops.arithmetic import (
    nextafter as nextafter,
)
from corten.ops.arithmetic import (
    power as power,
)
from corten.ops.arithmetic import (
    subtract as subtract,
)
from corten.ops.arithmetic import (
    true_divide as true_divide,
)
from corten.ops.attention import (
    dot_product_attention as dot_product_attention,
)
from corten.ops.comparison import (
    allclose as allclose,
)
from corten.ops.comparison import (
    bitwise_and as bitwise_and,
)
from corten.ops.comparison import (
    bitwise_left_shift as bitwise_left_shift,
)
from corten.ops.comparison import (
    bitwise_or as bitwise_or,
)
from corten.ops.comparison import (
    bitwise_right_shift as bitwise_right_shift,
)
from corten.ops.comparison import (
    bitwise_xor as bitwise_xor,
)
from corten.ops.comparison import (
    equal as equal,
)
from corten.ops.comparison import (
    greater as greater,
)
from corten.ops.comparison import (
    greater_equal as greater_equal,
)
from corten.ops.comparison import (
    isclose as isclose,
)
from corten.ops.comparison import (
    isin as isin,
)
from corten.ops.comparison import (
    left_shift as left_shift,
)
from corten.ops.comparison import (
    less as less,
)
from corten.ops.comparison import (
    less_equal as less_equal,
)
from corten.ops.comparison import (
    logical_and as logical_and,
)
from corten.ops.comparison import (
    logical_or as logical_or,
)
from corten.ops.comparison import (
    logical_xor as logical_xor,
)
from corten.ops.comparison import (
    not_equal as not_equal,
)
from corten.ops.comparison import (
    right_shift as right_shift,
)
from corten.ops.control import (
    associative_scan as associative_scan,
)
from corten.ops.control import (
    cond as cond,
)
from corten.ops.control import (
    fori_loop as fori_loop,
)
from corten.ops.control import (
    map as map,
)
from corten.ops.control import (
    scan as scan,
)
from corten.ops.control import (
    switch as switch,
)
from corten.ops.control import (
    vectorize as vectorize,
)
from corten.ops.control import (
    vectorized_map as vectorized_map,
)
from corten.ops.control import (
    while_loop as while_loop,
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
from corten.ops.core import (
    array as array,
)
from corten.ops.core import (
    cast as cast,
)
from corten.ops.core import (
    convert_to_numpy as convert_to_numpy,
)
from corten.ops.core import (
    convert_to_tensor as convert_to_tensor,
)
from corten.ops.core import (
    custom_gradient as custom_gradient,
)
from corten.ops.core import (
    dtype as dtype,
)
from corten.ops.core import (
    is_tensor as is_tensor,
)
from corten.ops.core import (
    ndim as ndim,
)
from corten.ops.core import (
    saturate_cast as saturate_cast,
)
from corten.ops.core import (
    shape as shape,
)
from corten.ops.core import (
    size as size,
)
from corten.ops.core import (
    stop_gradient as stop_gradient,
)
from corten.ops.core import (
    view as view,
)
from corten.ops.creation import (
    arange as arange,
)
from corten.ops.creation import (
    bartlett as bartlett,
)
from corten.ops.creation import (
    blackman as blackman,
)
from corten.ops.creation import (
    empty as empty,
)
from corten.ops.creation import (
    empty_like as empty_like,
)
from corten.ops.creation import (
    eye as eye,
)
from corten.ops.creation import (
    full as full,
)
from corten.ops.creation import (
    full_like as full_like,
)
from corten.ops.creation import (
    geomspace as geomspace,
)
from corten.ops.creation import (
    hamming as hamming,
)
from corten.ops.creation import (
    hanning as hanning,
)
from corten.ops.creation import (
    identity as identity,
)
from corten.ops.creation import (
    kaiser as kaiser,
)
from corten.ops.creation import (
    linspace as linspace,
)
from corten.ops.creation import (
    logspace as logspace,
)
from corten.ops.creation import (
    meshgrid as meshgrid,
)
from corten.ops.creation import (
    ones as ones,
)
from corten.ops.creation import (
    ones_like as ones_like,
)
from corten.ops.creation import (
    tri as tri,
)
from corten.ops.creation import (
    zeros as zeros,
)
from corten.ops.creation import (
    zeros_like as zeros_like,
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
from corten.ops.exponential import (
    abs as abs,
)
from corten.ops.exponential import (
    absolute as absolute,
)
from corten.ops.exponential import (
    cbrt as cbrt,
)
from corten.ops.exponential import (
    digamma as digamma,
)
from corten.ops.exponential import (
    erf as erf,
)
from corten.ops.exponential import (
    erfc as erfc,
)
from corten.ops.exponential import (
    erfinv as erfinv,
)
from corten.ops.exponential import (
    exp as exp,
)
from corten.ops.exponential import (
    exp2 as exp2,
)
from corten.ops.exponential import (
    expm1 as expm1,
)
from corten.ops.exponential import (
    fabs as fabs,
)
from corten.ops.exponential import (
    i0 as i0,
)
from corten.ops.exponential import (
    i1 as i1,
)
from corten.ops.exponential import (
    lgamma as lgamma,
)
from corten.ops.exponential import (
    log as log,
)
from corten.ops.exponential import (
    log1p as log1p,
)
from corten.ops.exponential import (
    log2 as log2,
)
from corten.ops.exponential import (
    log10 as log10,
)
from corten.ops.exponential import (
    negative as negative,
)
from corten.ops.exponential import (
    reciprocal as reciprocal,
)
from corten.ops.exponential import (
    rsqrt as rsqrt,
)
from corten.ops.exponential import (
    sign as sign,
)
from corten.ops.exponential import (
    sqrt as sqrt,
)
from corten.ops.exponential import (
    square as square,
)
from corten.ops.fused import (
    batch_norm_training as batch_norm_training,
)
from corten.ops.fused import (
    bias_activation as bias_activation,
)
from corten.ops.fused import (
    gru as gru,
)
from corten.ops.fused import (
    lstm as lstm,
)
from corten.ops.indexing import (
    clip as clip,
)
from corten.ops.indexing import (
    diag as diag,
)
from corten.ops.indexing import (
    diagflat as diagflat,
)
from corten.ops.indexing import (
    diagonal as diagonal,
)
from corten.ops.indexing import (
    get_item as get_item,
)
from corten.ops.indexing import (
    nonzero as nonzero,
)
from corten.ops.indexing import (
    scatter as scatter,
)
from corten.ops.indexing import (
    scatter_update as scatter_update,
)
from corten.ops.indexing import (
    select as select,
)
from corten.ops.indexing import (
    slice as slice,
)
from corten.ops.indexing import (
    slice_update as slice_update,
)
from corten.ops.indexing import (
    take as take,
)
from corten.ops.indexing import (
    take_along_axis as take_along_axis,
)
from corten.ops.indexing import (
    trace as trace,
)
from corten.ops.indexing import (
    tril as tril,
)
from corten.ops.indexing import (
    triu as triu,
)
from corten.ops.indexing import (
    unravel_index as unravel_index,
)
from corten.ops.indexing import (
    where as where,
)
from corten.ops.linalg import (
    cholesky as cholesky,
)
from corten.ops.linalg import (
    cholesky_inverse as cholesky_inverse,
)
from corten.ops.linalg import (
    det as det,
)
from corten.ops.linalg import (
    eigh as eigh,
)
from corten.ops.linalg import (
    inv as inv,
)
from corten.ops.linalg import (
    jvp as jvp,
)
from corten.ops.linalg import (
    logdet as logdet,
)
from corten.ops.linalg import (
    lstsq as lstsq,
)
from corten.ops.linalg import (
    lu_factor as lu_factor,
)
from corten.ops.linalg import (
    matrix_rank as matrix_rank,
)
from corten.ops.linalg import (
    norm as norm,
)
from corten.ops.linalg import (
    pinv as pinv,
)
from corten.ops.linalg import (
    qr as qr,
)
from corten.ops.linalg import (
    slogdet as slogdet,
)
from corten.ops.linalg import (
    solve as solve,
)
from corten.ops.linalg import (
    solve_triangular as solve_triangular,
)
from corten.ops.linalg import (
    svd as svd,
)
from corten.ops.manipulation import (
    append as append,
)
from corten.ops.manipulation import (
    array_split as array_split,
)
from corten.ops.manipulation import (
    broadcast_to as broadcast_to,
)
from corten.ops.manipulation import (
    concatenate as concatenate,
)
from corten.ops.manipulation import (
    copy as copy,
)
from corten.ops.manipulation import (
    dsplit as dsplit,
)
from corten.ops.manipulation import (
    dstack as dstack,
)
from corten.ops.manipulation import (
    expand_dims as expand_dims,
)
from corten.ops.manipulation import (
    flip as flip,
)
from corten.ops.manipulation import (
    fliplr as fliplr,
)
from corten.ops.manipulation import (
    flipud as flipud,
)
from corten.ops.manipulation import (
    hsplit as hsplit,
)
from corten.ops.manipulation import (
    hstack as hstack,
)
from corten.ops.manipulation import (
    moveaxis as moveaxis,
)
from corten.ops.manipulation import (
    pad as pad,
)
from corten.ops.manipulation import (
    ravel as ravel,
)
from corten.ops.manipulation import (
    repeat as repeat,
)
from corten.ops.manipulation import (
    reshape as reshape,
)
from corten.ops.manipulation import (
    roll as roll,
)
from corten.ops.manipulation import (
    rot90 as rot90,
)
from corten.ops.manipulation import (
    split as split,
)
from corten.ops.manipulation import (
    squeeze as squeeze,
)
from corten.ops.manipulation import (
    stack as stack,
)
from corten.ops.manipulation import (
    swapaxes as swapaxes,
)
from corten.ops.manipulation import (
    tile as tile,
)
from corten.ops.manipulation import (
    transpose as transpose,
)
from corten.ops.manipulation import (
    unstack as unstack,
)
from corten.ops.manipulation import (
    vsplit as vsplit,
)
from corten.ops.manipulation import (
    vstack as vstack,
)
from corten.ops.math import (
    cdist as cdist,
)
from corten.ops.math import (
    diff as diff,
)
from corten.ops.math import (
    extract_sequences as extract_sequences,
)
from corten.ops.math import (
    segment_max as segment_max,
)
from corten.ops.math import (
    segment_min as segment_min,
)
from corten.ops.math import (
    segment_prod as segment_prod,
)
from corten.ops.math import (
    segment_sum as segment_sum,
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
from corten.ops.products import (
    cross as cross,
)
from corten.ops.products import (
    dot as dot,
)
from corten.ops.products import (
    einsum as einsum,
)
from corten.ops.products import (
    inner as inner,
)
from corten.ops.products import (
    kron as kron,
)
from corten.ops.products import (
    matmul as matmul,
)
from corten.ops.products import (
    outer as outer,
)
from corten.ops.products import (
    tensordot as tensordot,
)
from corten.ops.products import (
    vander as vander,
)
from corten.ops.products import (
    vdot as vdot,
)
from corten.ops.reduction import (
    all as all,
)
from corten.ops.reduction import (
    amax as amax,
)
from corten.ops.reduction import (
    amin as amin,
)
from corten.ops.reduction import (
    any as any,
)
from corten.ops.reduction import (
    argmax as argmax,
)
from corten.ops.reduction import (
    argmin as argmin,
)
from corten.ops.reduction import (
    average as average,
)
from corten.ops.reduction import (
    count_nonzero as count_nonzero,
)
from corten.ops.reduction import (
    cumprod as cumprod,
)
from corten.ops.reduction import (
    cumsum as cumsum,
)
from corten.ops.reduction import (
    logsumexp as logsumexp,
)
from corten.ops.reduction import (
    max as max,
)
from corten.ops.reduction import (
    mean as mean,
)
from corten.ops.reduction import (
    min as min,
)
from corten.ops.reduction import (
    moments as moments,
)
from corten.ops.reduction import (
    prod as prod,
)
from corten.ops.reduction import (
    ptp as ptp,
)
from corten.ops.reduction import (
    std as std,
)
from corten.ops.reduction import (
    sum as sum,
)
from corten.ops.reduction import (
    trapezoid as trapezoid,
)
from corten.ops.reduction import (
    var as var,
)
from corten.ops.rounding import (
    bitwise_invert as bitwise_invert,
)
from corten.ops.rounding import (
    bitwise_not as bitwise_not,
)
from corten.ops.rounding import (
    ceil as ceil,
)
from corten.ops.rounding import (
    conj as conj,
)
from corten.ops.rounding import (
    conjugate as conjugate,
)
from corten.ops.rounding import (
    floor as floor,
)
from corten.ops.rounding import (
    imag as imag,
)
from corten.ops.rounding import (
    isfinite as isfinite,
)
from corten.ops.rounding import (
    isinf as isinf,
)
from corten.ops.rounding import (
    isnan as isnan,
)
from corten.ops.rounding import (
    isneginf as isneginf,
)
from corten.ops.rounding import (
    isposinf as isposinf,
)
from corten.ops.rounding import (
    isreal as isreal,
)
from corten.ops.rounding import (
    logical_not as logical_not,
)
from corten.ops.rounding import (
    nan_to_num as nan_to_num,
)
from corten.ops.rounding import (
    real as real,
)
from corten.ops.rounding import (
    round as round,
)
from corten.ops.rounding import (
    signbit as signbit,
)
from corten.ops.rounding import (
    trunc as trunc,
)
from corten.ops.sorting import (
    argpartition as argpartition,
)
from corten.ops.sorting import (
    argsort as argsort,
)
from corten.ops.sorting import (
    bincount as bincount,
)
from corten.ops.sorting import (
    digitize as digitize,
)
from corten.ops.sorting import (
    histogram as histogram,
)
from corten.ops.sorting import (
    in_top_k as in_top_k,
)
from corten.ops.sorting import (
    searchsorted as searchsorted,
)
from corten.ops.sorting import (
    sort as sort,
)
from corten.ops.sorting import (
    top_k as top_k,
)
from corten.ops.sorting import (
    unique as unique,
)
from corten.ops.statistics import (
    corrcoef as corrcoef,
)
from corten.ops.statistics import (
    correlate as correlate,
)
from corten.ops.statistics import (
    median as median,
)
from corten.ops.statistics import (
    nanargmax as nanargmax,
)
from corten.ops.statistics import (
    nanargmin as nanargmin,
)
from corten.ops.statistics import (
    nancumprod as nancumprod,
)
from corten.ops.statistics import (
    nancumsum as nancumsum,
)
from corten.ops.statistics import (
    nanmax as nanmax,
)
from corten.ops.statistics import (
    nanmean as nanmean,
)
from corten.ops.statistics import (
    nanmedian as nanmedian,
)
from corten.ops.statistics import (
    nanmin as nanmin,
)
from corten.ops.statistics import (
    nanpercentile as nanpercentile,
)
from corten.ops.statistics import (
    nanprod as nanprod,
)
from corten.ops.statistics import (
    nanquantile as nanquantile,
)
from corten.ops.statistics import (
    nanstd as nanstd,
)
from corten.ops.statistics import (
    nansum as nansum,
)
from corten.ops.statistics import (
    nanvar as nanvar,
)
from corten.ops.statistics import (
    percentile as percentile,
)
from corten.ops.statistics import (
    quantile as quantile,
)
from corten.ops.trigonometric import (
    angle as angle,
)
from corten.ops.trigonometric import (
    arccos as arccos,
)
from corten.ops.trigonometric import (
    arccosh as arccosh,
)
from corten.ops.trigonometric import (
    arcsin as arcsin,
)
from corten.ops.trigonometric import (
    arcsinh as arcsinh,
)
from corten.ops.trigonometric import (
    arctan as arctan,
)
from corten.ops.trigonometric import (
    arctanh as arctanh,
)
from corten.ops.trigonometric import (
    cos as cos,
)
from corten.ops.trigonometric import (
    cosh as cosh,
)
from corten.ops.trigonometric import (
    deg2rad as deg2rad,
)
from corten.ops.trigonometric import (
    rad2deg as rad2deg,
)
from corten.ops.trigonometric import (
    sin as sin,
)
from corten.ops.trigonometric import (
    sinc as sinc,
)
from corten.ops.trigonometric import (
    sinh as sinh,
)
from corten.ops.trigonometric import (
    tan as tan,
)
from corten.ops.trigonometric import (
    tanh as tanh,
)
