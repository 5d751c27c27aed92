"""The Python array API standard (version 2024.12) for Corten's tensors.

What `Tensor.__array_namespace__()` gives, so that libraries written for the standard (SciPy, scikit-learn,
einops, array-api-compat) take tensors as they are. Names, arguments and dtypes are the standard's, which in
places differ from `corten.ops`: integers stay integers, sums of int8 are int32, places are int32. Dtypes
are strings: ``xp.float32 == "float32"``.

Complex numbers are pairs of tensors, `corten.complex_tensor.ComplexTensor`.

See <https://data-apis.org/array-api/2024.12/>.

Example:
    >>> x = corten.tensor([1.0, 2.0, 3.0])
    >>> xp = corten.array_api
    >>> xp.mean(x).item(), xp.__array_api_version__
    (2.0, '2024.12')
"""

from __future__ import annotations

import math as _math
from types import ModuleType as _Module

from corten.array_api import fft as fft, linalg as linalg
from corten.array_api.creation import (
    arange as arange,
    asarray as asarray,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_dlpack as from_dlpack,
    full as full,
    full_like as full_like,
    linspace as linspace,
    meshgrid as meshgrid,
    ones as ones,
    ones_like as ones_like,
    tril as tril,
    triu as triu,
    zeros as zeros,
    zeros_like as zeros_like,
)
from corten.array_api.data_types import (
    astype as astype,
    bool as bool,
    can_cast as can_cast,
    complex64 as complex64,
    complex128 as complex128,
    finfo as finfo,
    float32 as float32,
    float64 as float64,
    iinfo as iinfo,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    isdtype as isdtype,
    result_type as result_type,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)
from corten.array_api.elementwise import (
    abs as abs,
    acos as acos,
    acosh as acosh,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atanh as atanh,
    bitwise_invert as bitwise_invert,
    ceil as ceil,
    conj as conj,
    cos as cos,
    cosh as cosh,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    imag as imag,
    isfinite as isfinite,
    isinf as isinf,
    isnan as isnan,
    log as log,
    log1p as log1p,
    log2 as log2,
    log10 as log10,
    logical_not as logical_not,
    negative as negative,
    positive as positive,
    real as real,
    reciprocal as reciprocal,
    round as round,
    sign as sign,
    signbit as signbit,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    tan as tan,
    tanh as tanh,
    trunc as trunc,
)
from corten.array_api.elementwise_pairs import (
    add as add,
    atan2 as atan2,
    bitwise_and as bitwise_and,
    bitwise_left_shift as bitwise_left_shift,
    bitwise_or as bitwise_or,
    bitwise_right_shift as bitwise_right_shift,
    bitwise_xor as bitwise_xor,
    clip as clip,
    copysign as copysign,
    divide as divide,
    equal as equal,
    floor_divide as floor_divide,
    greater as greater,
    greater_equal as greater_equal,
    hypot as hypot,
    less as less,
    less_equal as less_equal,
    logaddexp as logaddexp,
    logical_and as logical_and,
    logical_or as logical_or,
    logical_xor as logical_xor,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    nextafter as nextafter,
    not_equal as not_equal,
    pow as pow,
    remainder as remainder,
    subtract as subtract,
)
from corten.array_api.info import (
    __array_namespace_info__ as __array_namespace_info__,
)
from corten.array_api.linalg import (
    matmul as matmul,
    tensordot as tensordot,
    vecdot as vecdot,
)
from corten.array_api.manipulation import (
    broadcast_arrays as broadcast_arrays,
    broadcast_to as broadcast_to,
    concat as concat,
    diff as diff,
    expand_dims as expand_dims,
    flip as flip,
    matrix_transpose as matrix_transpose,
    moveaxis as moveaxis,
    permute_dims as permute_dims,
    repeat as repeat,
    reshape as reshape,
    roll as roll,
    squeeze as squeeze,
    stack as stack,
    take as take,
    take_along_axis as take_along_axis,
    tile as tile,
    unstack as unstack,
)
from corten.array_api.searching import (
    argmax as argmax,
    argmin as argmin,
    argsort as argsort,
    nonzero as nonzero,
    searchsorted as searchsorted,
    sort as sort,
    unique_all as unique_all,
    unique_counts as unique_counts,
    unique_inverse as unique_inverse,
    unique_values as unique_values,
    where as where,
)
from corten.array_api.statistics import (
    all as all,
    any as any,
    count_nonzero as count_nonzero,
    cumulative_prod as cumulative_prod,
    cumulative_sum as cumulative_sum,
    max as max,
    mean as mean,
    min as min,
    prod as prod,
    std as std,
    sum as sum,
    var as var,
)
from corten.complex_tensor import ComplexTensor as ComplexTensor

__array_api_version__ = "2024.12"
_OLDER = ("2021.12", "2022.12", "2023.12")

e = _math.e
inf = _math.inf
nan = _math.nan
newaxis = None
pi = _math.pi


def namespace_of_version(api_version: str | None = None) -> _Module:
    """This module, if it has that version of the standard: what `Tensor.__array_namespace__` calls.

    Args:
        api_version: A version such as ``"2024.12"``; None takes the newest that is there.

    Raises:
        ValueError: If the version is not known.

    Example:
        >>> corten.array_api.namespace_of_version("2024.12").__name__
        'corten.array_api'
    """
    import sys

    if api_version not in (None, __array_api_version__, *_OLDER):
        known = ", ".join((*_OLDER, __array_api_version__))
        raise ValueError(f"array API version {api_version!r} is not known here; known: {known}")
    return sys.modules[__name__]
