# Written by scripts/generate_stubs.py from the built module; do not edit.
"""
The engine of Corten.
"""

from _typeshed import Incomplete, SupportsGetItem
from numpy.typing import ArrayLike
from typing import Any, Final, SupportsFloat, SupportsIndex, final

@final
class Identities:
    """
    The objects in some dicts and lists, to be compared with those that are there later.

    Args:
        containers: The dicts and lists.
        passing: Keys whose values do not matter.

    Raises:
        TypeError: A container is neither a dict nor a list.
    """
    def __new__(cls, /, containers: list, passing: Any) -> Identities: ...
    def hold(self, /) -> bool:
        """
        Whether all hold the same objects in the same order.
        """

@final
class StepPlan:
    """
    A step that runs again, for one size of batch.
    """
    def __len__(self, /) -> int:
        """
        The number of ops of a step.
        """
    def __new__(cls, /, first: StepTrace, second: StepTrace, decays: SupportsGetItem[int, bool]) -> StepPlan:
        """
        Makes a plan of two traces of one step.

        Args:
            first: A trace.
            second: The trace of another batch.
            decays: For each variable whether weight decay applies to it.

        Raises:
            ValueError: The traces differ.
        """
    def call(
        self,
        /,
        inputs: SupportsGetItem[int, ArrayLike],
        variables: SupportsGetItem[int, ArrayLike],
        states: list,
    ) -> list[Tensor]:
        """
        Runs the step once, on whole arguments, of which there are no optimizer and no random keys.

        Args:
            inputs: The arguments, in the shapes of the traces.
            variables: The values of the variables.
            states: A list with the values of the states. It is emptied: what nobody else holds is changed in place.

        Returns:
            The new values of the states, then what else the step gives.

        Raises:
            ValueError: The step trains or draws, or was captured for other shapes or dtypes.
        """
    def run(
        self,
        /,
        sources: SupportsGetItem[int, ArrayLike],
        order: ArrayLike | None,
        start: SupportsIndex,
        size: SupportsIndex,
        count: SupportsIndex,
        variables: SupportsGetItem[int, Tensor],
        states: SupportsGetItem[int, ArrayLike],
        rates: SupportsGetItem[int, SupportsFloat | SupportsIndex],
        weight_decay: SupportsFloat | SupportsIndex,
        step: SupportsIndex,
        draws: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex, SupportsIndex]],
        outcome: list,
    ) -> None:
        """
        Runs the step on one batch after the other, for some 20 ms.

        Args:
            sources: The arrays that the batches are cut from.
            order: The order of their rows; None takes them as they are.
            start: The first row.
            size: Rows of a batch.
            count: How many batches there are.
            variables: The values of the variables; they are changed.
            states: The values of the states.
            rates: The learning rate of each step; the last one goes on.
            weight_decay: Times the learning rate it is taken off the variables that decay.
            step: The number of the first step, from 1.
            draws: The random keys of the first step, as (seed, stream, streams to that of the next step).
            outcome: A list that gets how many batches were done with the results of the last (new values of the
                states, then what else the step gives), and after that pair the exception of a first batch that
                failed. A value that is returned would be lost to a signal that comes meanwhile: its exception is
                raised before anybody has the value.
        """

@final
class StepTrace:
    """
    What one step did. Made by `trace_end`.
    """
    def calls(self, /) -> list[tuple]:
        """
        The ops in order: for each its kind, its attributes, the places of its operands, and place, shape and dtype of
        its results. Arguments have the first places, then variables.

        Raises:
            ValueError: It is the trace of a training step.
        """
    def constants(self, /) -> list[tuple[int, Tensor]]:
        """
        The constants by place.
        """
    def results(self, /) -> list[int]:
        """
        The places of the results.
        """

@final
class Tensor:
    """
    A multi-dimensional array of one dtype.

    Made by `tensor`, by operations, or from NumPy arrays. Values do not change in place: assignment
    to elements makes a new value that this name then stands for.
    """

    __array_priority__: Final[float]
    """
    NumPy leaves mixed operations to this class.
    """
    @property
    def T(self, /) -> Tensor:
        """
        The tensor with its axes reversed.
        """
    def __abs__(self, /) -> Tensor: ...
    def __add__(self, other: object, /) -> Tensor: ...
    def __and__(self, other: object, /) -> Tensor: ...
    def __array__(self, /, dtype: Any | None = None, copy: bool | None = None) -> Any:
        """
        A read-only NumPy view of the values, or a copy if asked for or needed for another dtype.
        """
    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        """
        The module of the array API's functions for tensors, `corten.array_api`.
        """
    def __bool__(self, /) -> bool: ...
    def __complex__(self, /) -> complex: ...
    def __contains__(self, value: ArrayLike, /) -> bool: ...
    def __divmod__(self, other: object, /) -> tuple[Any, Any]: ...
    def __dlpack__(
        self,
        /,
        *,
        stream: Any | None = None,
        max_version: tuple[SupportsIndex, SupportsIndex] | None = None,
        dl_device: tuple[SupportsIndex, SupportsIndex] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """
        The memory for another library (DLPack), marked read only where the protocol can say so.
        """
    def __dlpack_device__(self, /) -> tuple[int, int]:
        """
        Device type and index, in DLPack's numbering.
        """
    def __eq__(self, other: object, /) -> Tensor: ...  # type: ignore[override]
    def __float__(self, /) -> float: ...
    def __floordiv__(self, other: object, /) -> Tensor: ...
    def __format__(self, /, specification: str) -> str:
        """
        `f"{loss:.4f}"` formats the number of a tensor with one element.
        """
    def __ge__(self, other: object, /) -> Tensor: ...
    def __getitem__(self, key: Any, /) -> Tensor: ...
    def __gt__(self, other: object, /) -> Tensor: ...
    def __hash__(self, /) -> int:
        """
        Tensors are dictionary keys by identity.
        """
    def __index__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __invert__(self, /) -> Tensor: ...
    def __iter__(self, /) -> Any: ...
    def __le__(self, other: object, /) -> Tensor: ...
    def __len__(self, /) -> int: ...
    def __lshift__(self, other: object, /) -> Tensor: ...
    def __lt__(self, other: object, /) -> Tensor: ...
    def __matmul__(self, other: object, /) -> Tensor: ...
    def __mod__(self, other: object, /) -> Tensor: ...
    def __mul__(self, other: object, /) -> Tensor: ...
    def __ne__(self, other: object, /) -> Tensor: ...  # type: ignore[override]
    def __neg__(self, /) -> Tensor: ...
    def __new__(cls, /, data: ArrayLike, dtype: str | None = None) -> Tensor:
        """
        Copies anything array-like; same as `tensor(data, dtype)`.
        """
    def __or__(self, other: object, /) -> Tensor: ...
    def __pos__(self, /) -> Tensor: ...
    def __pow__(self, other: object, modulo: object = None, /) -> Tensor: ...
    def __radd__(self, other: object, /) -> Tensor: ...
    def __rand__(self, other: object, /) -> Tensor: ...
    def __reduce__(self, /) -> tuple[Any, tuple]: ...
    def __repr__(self, /) -> str: ...
    def __rfloordiv__(self, other: object, /) -> Tensor: ...
    def __rlshift__(self, other: object, /) -> Tensor: ...
    def __rmatmul__(self, other: object, /) -> Tensor: ...
    def __rmod__(self, other: object, /) -> Tensor: ...
    def __rmul__(self, other: object, /) -> Tensor: ...
    def __ror__(self, other: object, /) -> Tensor: ...
    def __round__(self, /, ndigits: SupportsIndex | None = None) -> Tensor: ...
    def __rpow__(self, other: object, _modulo: object = None, /) -> Tensor: ...
    def __rrshift__(self, other: object, /) -> Tensor: ...
    def __rshift__(self, other: object, /) -> Tensor: ...
    def __rsub__(self, other: object, /) -> Tensor: ...
    def __rtruediv__(self, other: object, /) -> Tensor: ...
    def __rxor__(self, other: object, /) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...
    def __sub__(self, other: object, /) -> Tensor: ...
    def __truediv__(self, other: object, /) -> Tensor: ...
    def __xor__(self, other: object, /) -> Tensor: ...
    def all(self, /, axis: Any | None = None, keepdims: bool = False, *, out: Any | None = None) -> Tensor:
        """
        Whether all elements over all or the given axes are true.
        """
    def any(self, /, axis: Any | None = None, keepdims: bool = False, *, out: Any | None = None) -> Tensor:
        """
        Whether any element over all or the given axes is true.
        """
    def argmax(
        self, /, axis: SupportsIndex | None = None, keepdims: bool = False, *, out: Any | None = None
    ) -> Tensor:
        """
        int32 index of the first largest element, of the flattened tensor if `axis` is None.
        """
    def argmin(
        self, /, axis: SupportsIndex | None = None, keepdims: bool = False, *, out: Any | None = None
    ) -> Tensor:
        """
        int32 index of the first smallest element, of the flattened tensor if `axis` is None.
        """
    def argsort(self, /, axis: SupportsIndex | None = ...) -> Tensor:
        """
        int32 places of the elements in ascending order along an axis, of the flattened tensor if `axis` is None.
        """
    def astype(self, /, dtype: str) -> Tensor:
        """
        The values as another dtype; a GPU gives int32 for int64.
        """
    def backward(self, /, gradient: ArrayLike | None = None) -> None:
        """
        Adds the gradient of this tensor to the `.grad` of every leaf it was computed from.

        Args:
            gradient: Gradient with respect to this tensor; ones if None.
        """
    def clip(self, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
        """
        Values limited to `[min, max]`; either may be None.
        """
    def copy(self, /) -> Tensor:
        """
        A row-major copy.
        """
    def cumprod(
        self, /, axis: SupportsIndex | None = None, *, dtype: str | None = None, out: Any | None = None
    ) -> Tensor:
        """
        Running product along an axis, of the flattened tensor if `axis` is None.
        """
    def cumsum(
        self, /, axis: SupportsIndex | None = None, *, dtype: str | None = None, out: Any | None = None
    ) -> Tensor:
        """
        Running sum along an axis, of the flattened tensor if `axis` is None.
        """
    def detach(self, /) -> Tensor:
        """
        The same values outside any recorded history.
        """
    @property
    def device(self, /) -> str:
        """
        Where the values are: `"cpu"`, `"gpu:0"`, or `"meta"` for a tensor of shape and dtype only.
        """
    def dot(self, /, other: ArrayLike) -> Tensor:
        """
        Product with another tensor: inner product of vectors, matrix product of matrices.
        """
    @property
    def dtype(self, /) -> str:
        """
        Name of the element type, such as `"float32"`.
        """
    def flatten(self, /) -> Tensor:
        """
        All elements along one axis.
        """
    @property
    def grad(self, /) -> Tensor | None:
        """
        The gradient that `backward` left here, or None.
        """
    @grad.setter
    def grad(self, /, value: ArrayLike | None) -> None: ...
    @property
    def is_leaf(self, /) -> bool:
        """
        Whether no recorded operation made this tensor.
        """
    def item(self, /, *index: Any) -> Any:
        """
        The single element as a Python number, or the one at a flat index or at one index per axis.
        """
    @property
    def itemsize(self, /) -> int:
        """
        Bytes of one element.
        """
    @property
    def mT(self, /) -> Tensor:
        """
        The tensor with its last two axes exchanged.
        """
    def max(self, /, axis: Any | None = None, keepdims: bool = False, *, out: Any | None = None) -> Tensor:
        """
        Largest element over all or the given axes.
        """
    def mean(
        self,
        /,
        axis: Any | None = None,
        keepdims: bool = False,
        *,
        dtype: str | None = None,
        out: Any | None = None,
    ) -> Tensor:
        """
        Mean over all or the given axes.
        """
    def min(self, /, axis: Any | None = None, keepdims: bool = False, *, out: Any | None = None) -> Tensor:
        """
        Smallest element over all or the given axes.
        """
    @property
    def nbytes(self, /) -> int:
        """
        Bytes of the elements.
        """
    @property
    def ndim(self, /) -> int:
        """
        Number of axes.
        """
    def numpy(self, /) -> Any:
        """
        A NumPy array with a copy of the values. bfloat16 gives `ml_dtypes.bfloat16` where that package
        is installed, else float32.
        """
    def prod(
        self,
        /,
        axis: Any | None = None,
        keepdims: bool = False,
        *,
        dtype: str | None = None,
        out: Any | None = None,
    ) -> Tensor:
        """
        Product over all or the given axes.
        """
    def ravel(self, /) -> Tensor:
        """
        All elements along one axis.
        """
    @property
    def requires_grad(self, /) -> bool:
        """
        Whether operations on this tensor are recorded for gradients.
        """
    @requires_grad.setter
    def requires_grad(self, /, value: bool) -> None: ...
    def reshape(self, /, *shape: Any) -> Tensor:
        """
        The same elements under another shape; one length may be -1.
        """
    def round(self, /, decimals: SupportsIndex = 0) -> Tensor:
        """
        Values rounded to that many decimals, half to even.
        """
    @property
    def shape(self, /) -> tuple:
        """
        Length of each axis.
        """
    @property
    def size(self, /) -> int:
        """
        Number of elements.
        """
    def squeeze(self, /, axis: Any | None = None) -> Tensor:
        """
        Without axes of length 1: the given ones, or all.
        """
    def std(
        self,
        /,
        axis: Any | None = None,
        keepdims: bool = False,
        ddof: SupportsFloat | SupportsIndex = 0.0,
        *,
        dtype: str | None = None,
        out: Any | None = None,
    ) -> Tensor:
        """
        Standard deviation over all or the given axes; divides by `n - ddof`.
        """
    def sum(
        self,
        /,
        axis: Any | None = None,
        keepdims: bool = False,
        *,
        dtype: str | None = None,
        out: Any | None = None,
    ) -> Tensor:
        """
        Sum over all or the given axes.
        """
    def swapaxes(self, /, axis1: SupportsIndex, axis2: SupportsIndex) -> Tensor:
        """
        The tensor with two axes exchanged.
        """
    def to(self, /, device: str) -> Tensor:
        """
        The tensor on another device, such as `"cpu"` or `"gpu:0"`: itself if it is there. Gradients flow back through
        the move. `"meta"` keeps shape and dtype only.
        """
    def to_device(self, device: str, /, *, stream: Any | None = None) -> Tensor:
        """
        The tensor on a device, as the array API calls it.
        """
    def tolist(self, /) -> Any:
        """
        Nested lists of Python numbers.
        """
    def transpose(self, /, *axes: Any) -> Tensor:
        """
        Axes in another order; reversed if none are given.
        """
    def var(
        self,
        /,
        axis: Any | None = None,
        keepdims: bool = False,
        ddof: SupportsFloat | SupportsIndex = 0.0,
        *,
        dtype: str | None = None,
        out: Any | None = None,
    ) -> Tensor:
        """
        Variance over all or the given axes; divides by `n - ddof`.
        """

def _rebuild(values: bytes | None, shape: Any, dtype: str, requires_grad: bool) -> Tensor:
    """
    Restores a pickled tensor. Not for use by hand.
    """

def adapters() -> list[dict]:
    """
    The GPUs of this machine as the backend sees them: for each its `name`, `backend`, `kind`, `driver`, whether it has
    `float16`, the largest tensor (`max_buffer_bytes`), and in `refusal` why it is not used, else None. Without a GPU
    backend there are none.
    """

def arange(start: Any, stop: Any | None = None, step: Any | None = None, dtype: str | None = None) -> Tensor:
    """
    `start, start + step, ...` up to, not including, `stop`.

    Args:
        start: First value, or the end if `stop` is None.
        stop: The end.
        step: Distance of neighbors.
        dtype: Name of the element type; int32, or float32 if any argument is a float.

    Returns:
        A 1-dimensional tensor.
    """

def arg_reduce(name: str, x: ArrayLike, axis: SupportsIndex | None = None, keepdims: bool = False) -> Tensor:
    """
    Index of the first extreme element.

    Args:
        name: `"argmax"` or `"argmin"`.
        x: The operand.
        axis: The axis, or None for the flattened operand.
        keepdims: Whether the axis stays with length 1.

    Returns:
        An int32 tensor.
    """

def attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike | None = None,
    scale: SupportsFloat | SupportsIndex | None = None,
    causal: bool = False,
    rate: SupportsFloat | SupportsIndex = 0.0,
    random_key: tuple[SupportsIndex, SupportsIndex] = ...,
) -> Tensor:
    """
    Scaled dot-product attention.

    Args:
        q: Queries `(batch, t, heads, h)`.
        k: Keys `(batch, s, heads, h)`.
        v: Values `(batch, s, heads, hv)`.
        mask: bool (what may be attended) or float (is added), broadcast to `(batch, heads, t, s)`.
        scale: Multiplies the products; `1 / sqrt(h)` if None.
        causal: Whether a position attends only to itself and those before.
        rate: The share of the weights that is dropped, from 0 to below 1, as `dropout` drops of `(batch, heads, t, s)`.
        random_key: The random key of what is dropped, (seed, stream).

    Returns:
        `(batch, t, heads, hv)`.
    """

def avg_pool(
    x: ArrayLike,
    window: Any,
    strides: Any,
    padding: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]],
    count_padding: bool = False,
    dilation: Any | None = None,
) -> Tensor:
    """
    The mean of each window.

    Args:
        x: `(n, spatial..., channels)`.
        window: Size of the window along each spatial axis.
        strides: One for each spatial axis.
        padding: One (before, after) pair for each spatial axis.
        count_padding: Whether padding counts in the divisor.
        dilation: One for each spatial axis; ones if None.

    Returns:
        `(n, spatial..., channels)`.
    """

def backward(outputs: Any, grads: SupportsGetItem[int, ArrayLike | None] | None = None) -> None:
    """
    Adds the gradients of outputs to the `.grad` of every leaf they were computed from.

    Args:
        outputs: A tensor or a list of tensors.
        grads: Upstream gradients, one for each output; ones if None.
    """

def batch_norm(
    x: ArrayLike,
    scale: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    epsilon: SupportsFloat | SupportsIndex = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """
    Batch normalization in its training form, over all axes but the last.

    Args:
        x: `(..., channels)`.
        scale: `(channels,)` or None.
        offset: `(channels,)` or None.
        epsilon: Added to the variance.

    Returns:
        The result, the mean and the variance of each channel.
    """

def bias_activation(x: ArrayLike, bias: ArrayLike, name: str = "linear") -> Tensor:
    """
    Adds a bias along the last axis and applies an activation, in one pass.

    Args:
        x: `(..., c)`.
        bias: `(c,)`.
        name: `"linear"`, `"relu"`, `"sigmoid"`, `"tanh"`, `"gelu"`, `"gelu_tanh"` or `"silu"`.

    Returns:
        A float tensor of the shape of `x`.
    """

def binary(name: str, a: ArrayLike, b: ArrayLike) -> Tensor:
    """
    Applies a function of two operands, broadcast and promoted.

    Args:
        name: Such as `"add"`, `"power"`, `"maximum"`; see `corten.ops`.
        a: Left operand.
        b: Right operand.

    Returns:
        A tensor of the broadcast shape.
    """

def binary_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> Tensor:
    """
    Binary cross-entropy of targets with logits, elementwise.

    Args:
        logits: Any shape.
        targets: Values from 0 to 1, of the same shape.

    Returns:
        One loss for each element.
    """

def broadcast_to(x: ArrayLike, shape: Any) -> Tensor:
    """
    Repeats axes of length 1 without copying.

    Args:
        x: The operand.
        shape: The shape to reach.

    Returns:
        A tensor that shares memory.
    """

def cast(x: ArrayLike, dtype: str) -> Tensor:
    """
    The values as another dtype; a GPU gives int32 for int64.

    Args:
        x: The operand.
        dtype: Name of the element type.

    Returns:
        A tensor; `x` itself if it has that dtype.
    """

def cholesky(a: ArrayLike) -> Tensor:
    """
    Lower Cholesky factor.

    Args:
        a: Positive definite matrices; the lower triangle is read.

    Returns:
        A tensor of the shape of `a`.
    """

def close_device(name: str) -> None:
    """
    Gives a GPU up, for instance one that was lost: it is opened anew when it is needed, and tensors that were on it are
    lost. Nothing happens to the CPU.

    Args:
        name: The device.
    """

def compare(name: str, a: ArrayLike, b: ArrayLike) -> Tensor:
    """
    Compares two operands elementwise.

    Args:
        name: `"equal"`, `"not_equal"`, `"less"`, `"less_equal"`, `"greater"`, `"greater_equal"`.
        a: Left operand.
        b: Right operand.

    Returns:
        A bool tensor of the broadcast shape.
    """

def compute(x: ArrayLike) -> None:
    """
    Asks for a tensor's values, if they wait for somebody who reads them: for measuring.

    Args:
        x: The tensor.
    """

def concatenate(tensors: Any, axis: SupportsIndex = 0) -> Tensor:
    """
    Joins tensors along an axis.

    Args:
        tensors: A list or tuple.
        axis: The axis.

    Returns:
        A tensor of the promoted dtype.
    """

def conv(
    x: ArrayLike,
    w: ArrayLike,
    strides: Any,
    padding: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]],
    dilation: Any,
    groups: SupportsIndex = 1,
) -> Tensor:
    """
    Convolution.

    Args:
        x: `(n, spatial..., channels in)`.
        w: `(kernel..., channels in / groups, channels out)`.
        strides: One for each spatial axis.
        padding: One (before, after) pair for each spatial axis.
        dilation: One for each spatial axis.
        groups: Groups of channels.

    Returns:
        `(n, spatial..., channels out)`.
    """

def conv_bias(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike,
    name: str,
    strides: Any,
    padding: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]],
    dilation: Any,
    groups: SupportsIndex = 1,
    residual: ArrayLike | None = None,
    scale: SupportsFloat | SupportsIndex = 1.0,
) -> Tensor:
    """
    Convolution, then scale, residual, bias and activation, in one pass.

    Args:
        x: `(n, spatial..., channels in)`.
        w: `(kernel..., channels in / groups, channels out)`.
        bias: `(channels out,)`.
        name: An activation, see `bias_activation`.
        strides: One for each spatial axis.
        padding: One (before, after) pair for each spatial axis.
        dilation: One for each spatial axis.
        groups: Groups of channels.
        residual: `(n, spatial..., channels out)`, added before the activation.
        scale: Multiplies the convolution.

    Returns:
        `(n, spatial..., channels out)`.
    """

def conv_transpose(
    y: ArrayLike,
    w: ArrayLike,
    strides: Any,
    padding: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]],
    dilation: Any,
    groups: SupportsIndex,
    output_shape: Any,
) -> Tensor:
    """
    Transposed convolution: the input gradient of `conv`.

    Args:
        y: `(n, spatial..., channels out of w)`.
        w: `(kernel..., channels in / groups, channels out)`.
        strides: One for each spatial axis.
        padding: One (before, after) pair for each spatial axis.
        dilation: One for each spatial axis.
        groups: Groups of channels.
        output_shape: Spatial sizes of the result.

    Returns:
        `(n, output_shape..., channels in)`.
    """

def copy(x: ArrayLike) -> Tensor:
    """
    A row-major copy.

    Args:
        x: The operand.

    Returns:
        A tensor with memory of its own.
    """

def cpu_features() -> dict:
    """
    Which instruction sets the machine has and which one is in use.

    Returns:
        `isa` (the name of the one in use) and whether each known one, and each extension of it
        (`amx_bf16`, `amx_int8`, `avx512_bf16`, `avx512_vnni`), is used.
    """

def cross_entropy(logits: ArrayLike, probs: ArrayLike) -> Tensor:
    """
    Cross-entropy of target probabilities with logits, over the last axis.

    Args:
        logits: `(..., classes)`.
        probs: Target probabilities of the same shape.

    Returns:
        One loss for each row.
    """

def current_device() -> str:
    """
    Where new tensors of this thread are made.
    """

def custom_node(outputs: Any, inputs: Any, backward: Any) -> list[Tensor]:
    """
    Gives tensors a history of one step whose gradient is a Python function.

    Args:
        outputs: What was computed, in any way.
        inputs: What it was computed from.
        backward: Takes the list of upstream gradients (None where an output was not used) and returns
            one gradient for each input (None for none).

    Returns:
        The outputs, with that history.
    """

def default_device() -> str:
    """
    Where new tensors are made that no scope says it of.
    """

def det(a: ArrayLike) -> Tensor:
    """
    Determinants.

    Args:
        a: Square matrices.

    Returns:
        A tensor of the batch shape.
    """

def device_statistics(name: str) -> dict:
    """
    What a GPU did since it was opened: `dispatches`, `submits`, `uploads` and `downloads` with their bytes, `pipelines`
    compiled, memory `allocated` and `cached`, `ops_over_the_cpu`, the ops that all GPUs left to the CPU, and `kernels`, the
    dispatches by the ops in them.

    Args:
        name: The GPU.

    Returns:
        The counts.
    """

def dropout(
    x: ArrayLike, rate: SupportsFloat | SupportsIndex, seed: SupportsIndex, stream: SupportsIndex = 0
) -> Tensor:
    """
    Sets a share of the elements to zero and scales the others up.

    Args:
        x: The operand.
        rate: Which share, from 0 to below 1.
        seed: First half of the random key.
        stream: Second half of the random key.

    Returns:
        A float tensor of the shape of `x`.
    """

def eigh(a: ArrayLike) -> tuple[Tensor, Tensor]:
    """
    Eigenvalues and eigenvectors of symmetric matrices.

    Args:
        a: Symmetric matrices; the lower triangle is read.

    Returns:
        Eigenvalues in ascending order, and eigenvectors in columns.
    """

def einsum(equation: str, *operands: Any) -> Tensor:
    """
    Einstein's summation.

    Args:
        equation: Such as `"ij,jk->ik"`; `...` stands for broadcast axes.
        *operands: One tensor for each term.

    Returns:
        A tensor.
    """

def empty_cache(device: str | None = None) -> None:
    """
    Gives memory that waits for reuse back to the system.

    Args:
        device: Of which device; the CPU if None.
    """

def expand_dims(x: ArrayLike, axis: Any) -> Tensor:
    """
    Adds axes of length 1.

    Args:
        x: The operand.
        axis: Where in the result; one place or several.

    Returns:
        A tensor that shares memory.
    """

def flip(x: ArrayLike, axis: Any | None = None) -> Tensor:
    """
    Reverses the order of elements.

    Args:
        x: The operand.
        axis: Along which axes; all if None.

    Returns:
        A tensor that shares memory.
    """

def force_gpu_tile(name: str | None) -> None:
    """
    Makes all products of GPUs take one tile, to measure which is best.

    Args:
        name: `"ROWSxCOLUMNSxDEPTH:LANE_ROWSxLANE_COLUMNS"`, with `"*TEAMS"` behind it for several teams of lanes and
            `"/PARTS"` for the depth in so many parts; None for what they choose.
    """

def from_dlpack(x: Any) -> Tensor:
    """
    A tensor that shares the memory of `x`, an object with `__dlpack__` (of NumPy, PyTorch, JAX, ...).

    Nothing is copied (except bool values): if the other library changes its memory later, the tensor
    changes with it. Use `tensor(x)` for an independent copy.

    Args:
        x: An array whose memory lies on the CPU.

    Returns:
        A tensor.
    """

def full(shape: Any, value: Any, dtype: str | None = None, device: str | None = None) -> Tensor:
    """
    A tensor of one value.

    Args:
        shape: Length of each axis.
        value: The value of every element.
        dtype: Name of the element type; bool, int32 or float32 after the value if None.
        device: `"cpu"` or `"gpu:0"`; where new tensors are made if None.

    Returns:
        A tensor.
    """

def gather(x: ArrayLike, indices: ArrayLike, axis: SupportsIndex = 0) -> Tensor:
    """
    Elements at indices along an axis; the shape of the indices takes the place of the axis.

    Args:
        x: The operand.
        indices: Integers; negative ones count from the end.
        axis: The axis.

    Returns:
        A tensor.
    """

def gpu_tile(
    batches: SupportsIndex, rows: SupportsIndex, columns: SupportsIndex, depth: SupportsIndex
) -> str:
    """
    The tile that a product takes on GPUs; empty without a GPU backend.

    Args:
        batches: How many products.
        rows: Of each.
        columns: Of each.
        depth: Of each.
    """

def gradients(
    outputs: Any,
    inputs: Any,
    grads: SupportsGetItem[int, ArrayLike | None] | None = None,
    create_graph: bool = False,
) -> list[Tensor | None]:
    """
    Gradients of outputs with respect to inputs.

    Args:
        outputs: A tensor or a list of tensors.
        inputs: A tensor or a list of tensors.
        grads: Upstream gradients, one for each output; ones if None.
        create_graph: Whether the gradients can be differentiated again.

    Returns:
        One tensor for each input, or None where an input did not take part.
    """

def group_norm(
    x: ArrayLike,
    scale: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    groups: SupportsIndex = 32,
    epsilon: SupportsFloat | SupportsIndex = 1e-3,
) -> Tensor:
    """
    Group normalization of the channels of each sample.

    Args:
        x: `(n, ..., channels)`.
        scale: `(channels,)` or None.
        offset: `(channels,)` or None.
        groups: How many groups the channels form.
        epsilon: Added to the variance.

    Returns:
        A float tensor of the shape of `x`.
    """

def gru(
    x: ArrayLike, kernel: ArrayLike, recurrent: ArrayLike, bias: ArrayLike, h0: ArrayLike
) -> tuple[Tensor, Tensor, Tensor]:
    """
    A gated recurrent layer over a sequence; gates in the order z, r, h, reset after the product.

    Args:
        x: `(batch, steps, features)`.
        kernel: `(features, 3 * units)`.
        recurrent: `(units, 3 * units)`.
        bias: `(2, 3 * units)`: of the input and of the recurrent product.
        h0: Initial hidden state `(batch, units)`.

    Returns:
        Hidden states of every step, the gates and candidate after activation, and the candidate's
        recurrent term.
    """

def has_gpu_backend() -> bool:
    """
    Whether this build has a GPU backend.
    """

def inv(a: ArrayLike) -> Tensor:
    """
    Inverse matrices.

    Args:
        a: Square matrices.

    Returns:
        A tensor of the shape of `a`.
    """

def is_grad_enabled() -> bool:
    """
    Whether operations on this thread are recorded for gradients.

    Returns:
        The state.
    """

def layer_norm(
    x: ArrayLike,
    scale: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    axes: SupportsIndex = 1,
    epsilon: SupportsFloat | SupportsIndex = 1e-3,
) -> Tensor:
    """
    Layer normalization over the last axes.

    Args:
        x: The operand.
        scale: Multiplies the result, of the shape of those axes, or None.
        offset: Is added to the result, or None.
        axes: How many last axes.
        epsilon: Added to the variance.

    Returns:
        A float tensor of the shape of `x`.
    """

def linear(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike,
    name: str = "linear",
    axes: SupportsIndex = 1,
    residual: ArrayLike | None = None,
    scale: SupportsFloat | SupportsIndex = 1.0,
) -> Tensor:
    """
    Product with weights, then scale, residual, bias and activation, in one pass.

    Args:
        x: `(..., inner...)`.
        w: `(inner..., outer...)`.
        bias: `(outer...)`.
        name: An activation, see `bias_activation`.
        axes: How many axes `inner` stands for.
        residual: `(..., outer...)`, added before the activation.
        scale: Multiplies the product.

    Returns:
        A float tensor `(..., outer...)`.
    """

def log_softmax(x: ArrayLike, axis: SupportsIndex = ...) -> Tensor:
    """
    Logarithm of softmax along an axis.

    Args:
        x: The operand.
        axis: The axis.

    Returns:
        A float tensor of the shape of `x`.
    """

def logsumexp(x: ArrayLike, axis: Any | None = None, keepdims: bool = False) -> Tensor:
    """
    `log(sum(exp(x)))` over axes without overflow.

    Args:
        x: The operand.
        axis: One axis, several, or None for all.
        keepdims: Whether reduced axes stay with length 1.

    Returns:
        A float tensor.
    """

def lose_device(name: str) -> None:
    """
    Takes a GPU away as a driver does that resets it: for tests. Nothing happens to the CPU.

    Args:
        name: The device.
    """

def lstm(
    x: ArrayLike, kernel: ArrayLike, recurrent: ArrayLike, bias: ArrayLike, h0: ArrayLike, c0: ArrayLike
) -> tuple[Tensor, Tensor, Tensor]:
    """
    A long short-term memory layer over a sequence; gates in the order i, f, c, o.

    Args:
        x: `(batch, steps, features)`.
        kernel: `(features, 4 * units)`.
        recurrent: `(units, 4 * units)`.
        bias: `(4 * units,)`.
        h0: Initial hidden state `(batch, units)`.
        c0: Initial cell state `(batch, units)`.

    Returns:
        Hidden states and cell states of every step, and the gates after activation.
    """

def lu_factor(a: ArrayLike) -> tuple[Tensor, Tensor]:
    """
    LU factorization with row exchanges.

    Args:
        a: Matrices `(..., m, n)`.

    Returns:
        L below the diagonal (ones on it) and U in one matrix, and int32 pivots: row i was exchanged
        with row `pivots[i]`.
    """

def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """
    Matrix product with NumPy's rules for vectors and batches.

    Args:
        a: Left operand.
        b: Right operand.

    Returns:
        A tensor of the promoted dtype.
    """

def max_pool(
    x: ArrayLike,
    window: Any,
    strides: Any,
    padding: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]],
    dilation: Any | None = None,
) -> Tensor:
    """
    The largest value of each window.

    Args:
        x: `(n, spatial..., channels)`.
        window: Size of the window along each spatial axis.
        strides: One for each spatial axis.
        padding: One (before, after) pair for each spatial axis; padding never wins.
        dilation: One for each spatial axis; ones if None.

    Returns:
        `(n, spatial..., channels)`.
    """

def memory_limit() -> int | None:
    """
    The most bytes that tensors may take.

    Returns:
        The number; None where there is no limit.
    """

def memory_stats() -> dict:
    """
    What the allocator holds, in bytes.

    Returns:
        `allocated` (in use), `cached` (kept for reuse) and `peak` (the most in use at one time).
    """

def nonzero(x: ArrayLike) -> tuple:
    """
    Indices of the elements that are not zero.

    Args:
        x: The operand.

    Returns:
        One int32 vector for each axis.
    """

def num_threads() -> int:
    """
    How many threads operations use.

    Returns:
        The number, the calling thread included.
    """

def open_device(name: str) -> str:
    """
    The name of a device as tensors have it, after a look whether it is there.

    Args:
        name: Such as `"gpu"`, `"GPU:0"` or `"cpu"`.

    Returns:
        Such as `"gpu:0"`.
    """

def optimizer_step(
    name: str,
    hyper: dict,
    values: SupportsGetItem[int, Any],
    gradients: SupportsGetItem[int, ArrayLike | None],
    slots: SupportsGetItem[int, SupportsGetItem[int, Any]],
    learning_rate: SupportsFloat | SupportsIndex,
    decays: SupportsGetItem[int, SupportsFloat | SupportsIndex] | None = None,
) -> None:
    """
    Applies one optimizer rule to many parameters, in place and in one pass.

    Args:
        name: `"sgd"`, `"rmsprop"`, `"adagrad"`, `"adadelta"`, `"adam"`, `"adamax"`, `"nadam"` or `"lion"`.
        hyper: The rule's hyper-parameters by Keras's names; `step` counts from 1, and `u_product` is the
            product of Nadam's momentum schedule before this step.
        values: The parameters.
        gradients: One for each parameter; where None, the parameter stays as it is.
        slots: For each parameter the list of what the rule carries: sgd [momentum if nonzero]; rmsprop
            [velocity, momentum if nonzero, average gradient if centered]; adagrad [accumulator]; adadelta
            [accumulated gradient, accumulated delta]; adam [momentum, velocity, largest velocity if
            amsgrad]; adamax [momentum, norm]; nadam [momentum, velocity]; lion [momentum].
        learning_rate: The step size.
        decays: For each parameter the share of it that is taken off before the update; None for none.
    """

def pad(
    x: ArrayLike, padding: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]], value: Any | None = None
) -> Tensor:
    """
    Surrounds a tensor with a value.

    Args:
        x: The operand.
        padding: One (before, after) pair for each axis.
        value: The value of new elements; 0 if None.

    Returns:
        A tensor.
    """

def polygamma(order: SupportsIndex, x: ArrayLike) -> Tensor:
    """
    The polygamma function of an order: the order-th derivative of digamma.

    Args:
        order: 0 for digamma itself.
        x: The operand.

    Returns:
        A tensor of the shape of `x`.
    """

def qr(a: ArrayLike, full: bool = False) -> tuple[Tensor, Tensor]:
    """
    QR decomposition.

    Args:
        a: Matrices `(..., m, n)`.
        full: Whether q is square.

    Returns:
        q and r.
    """

def random(
    distribution: str,
    shape: Any,
    dtype: str,
    seed: SupportsIndex,
    stream: SupportsIndex = 0,
    low: Any | None = None,
    high: Any | None = None,
    device: str | None = None,
) -> Tensor:
    """
    Random numbers that depend on (seed, stream) and position alone.

    Args:
        distribution: `"bits"` (uint32), `"uniform"` on [low, high), `"normal"`, `"truncated_normal"`
            (within two deviations), or `"integers"` on [low, high).
        shape: Length of each axis.
        dtype: Name of the element type.
        seed: First half of the key.
        stream: Second half of the key.
        low: Lower end; 0 if None.
        high: Upper end; 1 for `"uniform"` if None.
        device: `"cpu"` or `"gpu:0"`; where new tensors are made if None. The bits are the same everywhere.

    Returns:
        A tensor.
    """

def random_gamma(alpha: ArrayLike, seed: SupportsIndex, stream: SupportsIndex = 0) -> Tensor:
    """
    Gamma(alpha, 1) samples, one for each element of `alpha`.

    Args:
        alpha: Shape parameters, positive.
        seed: First half of the key.
        stream: Second half of the key.

    Returns:
        A float tensor of the shape of `alpha`.
    """

def reduce(name: str, x: ArrayLike, axis: Any | None = None, keepdims: bool = False) -> Tensor:
    """
    Reduces over axes.

    Args:
        name: `"sum"`, `"prod"`, `"max"`, `"min"`, `"mean"`, `"any"` or `"all"`.
        x: The operand.
        axis: One axis, several, or None for all.
        keepdims: Whether reduced axes stay with length 1.

    Returns:
        A tensor. Sums of bool and narrow integers are int32 or uint32, means of integers float32.
    """

def reshape(x: ArrayLike, shape: Any) -> Tensor:
    """
    The same elements under another shape.

    Args:
        x: The operand.
        shape: Length of each axis; one may be -1.

    Returns:
        A tensor, sharing memory where strides allow.
    """

def result_type(*args: Any) -> str:
    """
    The dtype in which operands meet.

    Args:
        *args: Tensors, arrays, dtype names, numbers, or Python's `bool`, `int`, `float`; numbers and
            Python types are weak: they follow the others' dtype.

    Returns:
        The name of the dtype.
    """

def rms_norm(
    x: ArrayLike,
    scale: ArrayLike | None = None,
    axes: SupportsIndex = 1,
    epsilon: SupportsFloat | SupportsIndex = 1e-6,
) -> Tensor:
    """
    Root mean square normalization over the last axes.

    Args:
        x: The operand.
        scale: Multiplies the result, of the shape of those axes, or None.
        axes: How many last axes.
        epsilon: Added to the mean square.

    Returns:
        A float tensor of the shape of `x`.
    """

def scan(name: str, x: ArrayLike, axis: SupportsIndex, reverse: bool = False) -> Tensor:
    """
    Running reduction along an axis.

    Args:
        name: `"cumsum"`, `"cumprod"`, `"cummax"` or `"cummin"`.
        x: The operand.
        axis: The axis.
        reverse: Whether to run from the end.

    Returns:
        A tensor of the shape of `x`.
    """

def scatter(
    base: ArrayLike, indices: ArrayLike, updates: ArrayLike, axis: SupportsIndex = 0, mode: str = "set"
) -> Tensor:
    """
    `base` with updates written (or combined) at indices of an axis.

    Args:
        base: What is changed; a copy of it is.
        indices: Integers.
        updates: Values, of the shape that `gather` would give.
        axis: The axis.
        mode: `"set"`, `"add"`, `"multiply"`, `"max"` or `"min"`.

    Returns:
        A tensor of the shape of `base`.
    """

def scatter_along(
    base: ArrayLike, indices: ArrayLike, updates: ArrayLike, axis: SupportsIndex = ..., mode: str = "set"
) -> Tensor:
    """
    The inverse of `take_along`: `base` with updates written (or combined) at indices.

    Args:
        base: What is changed; a copy of it is.
        indices: Integers, with as many axes as `base`.
        updates: Values, of the shape of the indices.
        axis: The axis.
        mode: `"set"`, `"add"`, `"multiply"`, `"max"` or `"min"`.

    Returns:
        A tensor of the shape of `base`.
    """

def searchsorted(sorted: ArrayLike, values: ArrayLike, right: bool = False) -> Tensor:
    """
    Where values would be inserted into a sorted sequence.

    Args:
        sorted: An ascending 1-dimensional sequence.
        values: What to insert.
        right: Whether to go behind equal elements.

    Returns:
        An int32 tensor of the shape of `values`.
    """

def set_default_device(name: str) -> None:
    """
    Sets where new tensors are made that no scope says it of, in all threads.

    Args:
        name: The device.
    """

def set_device_scope(name: str | None) -> str | None:
    """
    Sets where new tensors of this thread are made.

    Args:
        name: The device; None for the one of all threads.

    Returns:
        What was set before.
    """

def set_grad_enabled(enabled: bool) -> bool:
    """
    Switches recording for gradients on this thread.

    Args:
        enabled: Whether to record.

    Returns:
        Whether it recorded before.
    """

def set_memory_limit(limit: SupportsIndex | None, device: str | None = None) -> None:
    """
    Sets the most bytes that tensors may take.

    Args:
        limit: At least 1; None for no limit.
        device: Of which device; the CPU if None.
    """

def set_num_threads(threads: SupportsIndex) -> None:
    """
    Sets how many threads operations use. Results do not depend on it.

    Args:
        threads: At least 1, the calling thread included.
    """

def shut_down() -> None:
    """
    Keeps daemon threads out of an interpreter that is about to end: it would end them while they take its lock, by
    unwinding, which Rust frames do not survive. So they stay here until the process ends.
    """

def slice(
    x: ArrayLike,
    starts: SupportsGetItem[int, SupportsIndex | None],
    stops: SupportsGetItem[int, SupportsIndex | None],
    steps: SupportsGetItem[int, SupportsIndex] | None = None,
) -> Tensor:
    """
    One range of each axis, with Python's rules for negative and missing bounds.

    Args:
        x: The operand.
        starts: First index of each axis.
        stops: End of each axis.
        steps: Step of each axis; 1 if None.

    Returns:
        A tensor that shares memory.
    """

def slice_update(x: ArrayLike, key: Any, value: ArrayLike, mode: str = "set") -> Tensor:
    """
    `x` with `x[key]` replaced by (or combined with) a value.

    Args:
        x: What is changed; a copy of it is.
        key: An index expression, as between `[` and `]`.
        value: Broadcasts to the place.
        mode: `"set"`, `"add"`, `"multiply"`, `"max"` or `"min"`.

    Returns:
        A tensor of the shape of `x`.
    """

def slogdet(a: ArrayLike) -> tuple[Tensor, Tensor]:
    """
    Sign and logarithm of the absolute value of determinants.

    Args:
        a: Square matrices.

    Returns:
        The signs and the logarithms.
    """

def softmax(x: ArrayLike, axis: SupportsIndex = ...) -> Tensor:
    """
    Softmax along an axis.

    Args:
        x: The operand.
        axis: The axis.

    Returns:
        A float tensor of the shape of `x`.
    """

def solve(a: ArrayLike, b: ArrayLike) -> Tensor:
    """
    Solves `a @ x = b`.

    Args:
        a: Square matrices `(..., n, n)`.
        b: Right sides `(..., n, k)`.

    Returns:
        A tensor of the shape of `b`.
    """

def solve_triangular(
    a: ArrayLike, b: ArrayLike, upper: bool = False, transposed: bool = False, unit_diagonal: bool = False
) -> Tensor:
    """
    Solves `a @ x = b` with triangular `a`.

    Args:
        a: Square matrices, of which one triangle is read.
        b: Right sides `(..., n, k)`.
        upper: Whether the upper triangle is read.
        transposed: Whether to solve with the transpose.
        unit_diagonal: Whether the diagonal counts as ones.

    Returns:
        A tensor of the shape of `b`.
    """

def sort(x: ArrayLike, axis: SupportsIndex = ..., descending: bool = False) -> tuple[Tensor, Tensor]:
    """
    Sorts along an axis, stably.

    Args:
        x: The operand.
        axis: The axis.
        descending: Whether the largest comes first.

    Returns:
        The values and their int32 indices.
    """

def sparse_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Tensor:
    """
    Cross-entropy of integer labels with logits, over the last axis.

    Args:
        logits: `(..., classes)`.
        labels: Class indices, one for each row.

    Returns:
        One loss for each row.
    """

def squeeze(x: ArrayLike, axis: Any | None = None) -> Tensor:
    """
    Removes axes of length 1.

    Args:
        x: The operand.
        axis: Which; all of length 1 if None.

    Returns:
        A tensor that shares memory.
    """

def stack(tensors: Any, axis: SupportsIndex = 0) -> Tensor:
    """
    Joins tensors of one shape along a new axis.

    Args:
        tensors: A list or tuple.
        axis: Where the new axis lies in the result.

    Returns:
        A tensor of the promoted dtype.
    """

def start_device_clock(name: str) -> None:
    """
    A GPU notes from here on how long its work takes: for measuring.

    Args:
        name: The GPU.
    """

def statistics(x: ArrayLike) -> dict:
    """
    What the elements of a tensor are like.

    Returns:
        `shape`, `dtype`, `count`, how many elements are `nan`, `inf`, `zero` and `negative`, and `min`, `max` and `mean`
        of the finite ones.
    """

def stop_device_clock(name: str) -> float:
    """
    Waits for what a GPU was asked for since its clock was started.

    Args:
        name: The GPU.

    Returns:
        The seconds it spent on that, by its own clock.
    """

def svd(a: ArrayLike, full: bool = False) -> tuple:
    """
    Singular value decomposition.

    Args:
        a: Matrices `(..., m, n)`.
        full: Whether u and v are square.

    Returns:
        u, the singular values in descending order, and v transposed.
    """

def synchronize(name: str) -> None:
    """
    Waits until a device did all it was asked for, and raises what went wrong on it.

    Args:
        name: The device.
    """

def take_along(x: ArrayLike, indices: ArrayLike, axis: SupportsIndex = ...) -> Tensor:
    """
    One element for each index along an axis; other axes broadcast.

    Args:
        x: The operand.
        indices: Integers, with as many axes as `x`.
        axis: The axis.

    Returns:
        A tensor of the shape of the indices.
    """

def tensor(
    data: ArrayLike, dtype: str | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """
    A tensor with a copy of the data.

    Args:
        data: A number, a nested list, a NumPy array, or another tensor. Python floats become float32,
            integers int32 (int64 where they need it); arrays keep their dtype.
        dtype: Name of the element type; that of the data if None.
        device: `"cpu"`, `"gpu:0"`, or `"meta"` for shape and dtype only; where new tensors are made if None, or where
            `data` is if that is a tensor. Integers that a GPU lacks become int32 where they fit.
        requires_grad: Whether gradients with respect to the tensor can be asked for.

    Returns:
        A tensor outside any recorded history (unless `data` is a tensor with one).
    """

def tensordot(a: ArrayLike, b: ArrayLike, axes: Any | None = None) -> Tensor:
    """
    Sum of products over axes of both operands.

    Args:
        a: Left operand.
        b: Right operand.
        axes: How many last axes of `a` and first of `b`, or a pair of axis lists.

    Returns:
        A tensor with the other axes of `a`, then those of `b`.
    """

def top_k(x: ArrayLike, k: SupportsIndex) -> tuple[Tensor, Tensor]:
    """
    The largest elements along the last axis, largest first.

    Args:
        x: The operand.
        k: How many.

    Returns:
        The values and their int32 indices.
    """

def trace_abort() -> None:
    """
    Forgets the trace of this thread.
    """

def trace_begin(
    inputs: SupportsGetItem[int, ArrayLike],
    variables: SupportsGetItem[int, ArrayLike],
    states: SupportsGetItem[int, ArrayLike],
) -> None:
    """
    Starts to note the ops of this thread.

    Args:
        inputs: The tensors of the batch.
        variables: What the optimizer changes in place.
        states: What the step gives new values.
    """

def trace_end(
    results: SupportsGetItem[int, ArrayLike], drawn: SupportsGetItem[int, tuple[SupportsIndex, SupportsIndex]]
) -> Any:
    """
    Ends the trace of this thread.

    Args:
        results: The tensors that hold the new values of the states, then what else the step gives.
        drawn: The random keys drawn for the step, as pairs (seed, stream).

    Returns:
        The trace, or the reason why the step cannot be run again.
    """

def trace_function(
    inputs: SupportsGetItem[int, ArrayLike], variables: SupportsGetItem[int, ArrayLike]
) -> None:
    """
    Starts to note the ops of this thread, for a look at a function. What comes from elsewhere is a constant of it.

    Args:
        inputs: The arguments.
        variables: The values of the variables.
    """

def transpose(x: ArrayLike, axes: Any | None = None) -> Tensor:
    """
    Axes in another order.

    Args:
        x: The operand.
        axes: The new order; reversed if None.

    Returns:
        A tensor that shares memory.
    """

def unary(name: str, x: ArrayLike) -> Tensor:
    """
    Applies a function of one operand.

    Args:
        name: Such as `"exp"`, `"negative"`, `"isnan"`; see `corten.ops`.
        x: The operand. Float functions of integers compute in float32.

    Returns:
        A tensor of the shape of `x`.
    """

def var(
    x: ArrayLike, axis: Any | None = None, keepdims: bool = False, ddof: SupportsFloat | SupportsIndex = 0.0
) -> Tensor:
    """
    Variance over axes, in two passes.

    Args:
        x: The operand.
        axis: One axis, several, or None for all.
        keepdims: Whether reduced axes stay with length 1.
        ddof: The divisor is the count less this.

    Returns:
        A float tensor.
    """

def watch_checks() -> bool:
    """
    Whether results of this thread are checked.
    """

def watch_enter(place: str, phase: str | None = None) -> None:
    """
    Says in which layer, or other part of the step, the next ops of this thread run.

    Args:
        place: Its name.
        phase: `"forward"`, `"backward"` or `"update"`; None leaves it as it is.
    """

def watch_leave() -> None:
    """
    Leaves what was entered last.
    """

def watch_switch(what: str, on: bool) -> None:
    """
    Switches checks of results on or off.

    Args:
        what: `"everywhere"` (all threads), `"here"` (this thread, counted), `"pause"` (no checks in this thread,
            counted), `"lenient"` (no checks of gradients in this thread) or `"places"` (note where ops run, counted).
        on: Whether it is switched on.
    """

def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """
    Elements of `a` where the condition holds, else of `b`.

    Args:
        condition: Taken as truth values.
        a: Chosen where true.
        b: Chosen where false.

    Returns:
        A tensor of the broadcast shape.
    """

class ShapeError(ValueError):
    """
    Shapes that do not go together.
    """

class NonFiniteError(FloatingPointError):
    """
    NaN or infinity in a result, while checks are on.
    """

    op: str
    gradient_of: str | None
    phase: str
    place: str | None
    parameter: int | None
    operands: list[dict[str, Any]]
    result: dict[str, Any]
    hint: str
    epoch: int | None
    step: int
    batch_file: Any

def __getattr__(name: str) -> Incomplete: ...
