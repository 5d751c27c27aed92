"""`tf.math`."""

from corten import ops
from corten.ops import (
    abs as abs,
    add as add,
    ceil as ceil,
    cos as cos,
    cumprod as cumprod,
    cumsum as cumsum,
    divide as divide,
    divide_no_nan as divide_no_nan,
    equal as equal,
    erf as erf,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    greater as greater,
    in_top_k as in_top_k,
    less as less,
    log as log,
    log1p as log1p,
    log_sigmoid as log_sigmoid,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    maximum as maximum,
    minimum as minimum,
    mod as mod,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    reciprocal as reciprocal,
    round as round,
    rsqrt as rsqrt,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    softplus as softplus,
    sqrt as sqrt,
    square as square,
    subtract as subtract,
    tan as tan,
    tanh as tanh,
    top_k as top_k,
)
from corten.tf.functions import (
    argmax as argmax,
    argmin as argmin,
    reduce_all as reduce_all,
    reduce_any as reduce_any,
    reduce_logsumexp as reduce_logsumexp,
    reduce_max as reduce_max,
    reduce_mean as reduce_mean,
    reduce_min as reduce_min,
    reduce_prod as reduce_prod,
    reduce_sum as reduce_sum,
)
from corten.tf.nn import l2_normalize as l2_normalize
from corten.tf.reductions import (
    confusion_matrix as confusion_matrix,
    reduce_std as reduce_std,
    reduce_variance as reduce_variance,
)

pow = ops.power
is_finite, is_inf, is_nan = ops.isfinite, ops.isinf, ops.isnan
