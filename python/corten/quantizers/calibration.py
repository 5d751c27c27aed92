"""Runs a model on data, block by block, so that GPTQ and AWQ see the inputs of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from corten import autograd, ops
from corten.quantizers.awq import AWQ
from corten.quantizers.filters import should_quantize_layer
from corten.quantizers.gptq import GPTQ
from corten.quantizers.layer_matrices import takes_calibration

_BATCH = 16


def get_dataloader(
    tokenizer: Any,
    sequence_length: int,
    dataset: Any,
    num_samples: int = 128,
    *,
    strategy: str = "strided",
    seed: int = 42,
    stride: int | None = None,
    eos_id: int | None = None,
) -> np.ndarray[Any, Any]:
    """Cut sequences of token ids from a stream of all texts.

    Args:
        tokenizer: Turns a text into token ids: a function, or an object with `tokenize`.
        sequence_length: Ids in each sequence.
        dataset: Texts, or arrays of ids.
        num_samples: Sequences to cut.
        strategy: `'strided'` (even steps from a random place), `'linspace'` (evenly over all) or `'random'`.
        seed: Seed of the random places.
        stride: The step of `'strided'`; None spreads the sequences over all.
        eos_id: An id to put between texts.

    Returns:
        int32 ids of shape `(num_samples, 1, sequence_length)`.

    Raises:
        TypeError: `dataset` is a single text.
        ValueError: `dataset` is empty, or the strategy is not known.

    Example:
        >>> get_dataloader(None, 3, [[1, 2, 3], [4, 5]], 2, strategy="linspace").tolist()
        [[[1, 2, 3]], [[3, 4, 5]]]
    """
    if not hasattr(dataset, "__iter__") or isinstance(dataset, (str, bytes)):
        raise TypeError(
            "The `dataset` argument must be an iterable (a list of texts, a generator, arrays of token ids). "
            f"Got type: {type(dataset).__name__}. Please pass the loaded dataset directly."
        )
    tokenize = getattr(tokenizer, "tokenize", tokenizer)
    pieces: list[Any] = []
    for item in dataset:
        if pieces and eos_id is not None:
            pieces.append(np.array([eos_id], "int32"))
        if isinstance(item, str) and not callable(tokenize):
            raise TypeError(f"`tokenizer` must turn texts into token ids; got {tokenizer!r}.")
        ids = tokenize(item) if isinstance(item, str) else item
        pieces.append(np.asarray(ids).astype("int32").reshape(-1))
    stream = np.concatenate(pieces) if pieces else np.zeros(0, "int32")
    if not stream.size:
        raise ValueError("Provided dataset is empty.")
    if stream.size < sequence_length:
        stream = np.tile(stream, -(-sequence_length // stream.size))
    places = stream.size - sequence_length + 1
    rng = np.random.default_rng(seed)
    if strategy == "strided":
        step = max(1, places // num_samples) if stride is None else stride
        starts = (int(rng.integers(0, places)) + step * np.arange(num_samples)) % places
    elif strategy == "linspace":
        starts = np.linspace(0, places - 1, num_samples, dtype="int64")
    elif strategy == "random":
        starts = rng.integers(0, places, num_samples)
    else:
        raise ValueError(f"`strategy` must be 'strided', 'linspace' or 'random'; got {strategy!r}.")
    return np.stack([stream[start : start + sequence_length] for start in starts])[:, None, :]


def calibration_inputs(config: Any) -> list[Any]:
    """Return batches of inputs for a model: sequences of ids, or the data itself where it is floats.

    Args:
        config: The options, with `dataset` and `tokenizer`.

    Example:
        >>> import numpy as np
        >>> from corten.quantizers import GPTQConfig
        >>> data = np.zeros((20, 4), "float32")
        >>> [part.shape for part in calibration_inputs(GPTQConfig(data, None, num_samples=18))]
        [(16, 4), (2, 4)]
    """
    data = config.dataset
    if data is None:
        raise ValueError(f"{type(config).__name__}: `dataset` is needed to run the model on; got None.")
    if not isinstance(data, (str, bytes)) and hasattr(data, "__iter__"):
        data = data if hasattr(data, "__getitem__") else list(data)
        first = data[0] if len(data) else None
        if first is not None and not isinstance(first, str) and np.asarray(first).dtype.kind == "f":
            rows = np.stack(
                [np.asarray(data[i], "float32") for i in range(min(len(data), config.num_samples))]
            )
            return [rows[begin : begin + _BATCH] for begin in range(0, len(rows), _BATCH)]
    ids = get_dataloader(config.tokenizer, config.sequence_length, data, config.num_samples)[:, 0]
    return [ids[begin : begin + _BATCH] for begin in range(0, len(ids), _BATCH)]


def layers_to_calibrate(structure: dict[str, Any], filters: Any) -> Iterator[Any]:
    """Yield the layers of the blocks that get integers.

    Args:
        structure: `pre_block_layers` and `sequential_blocks`.
        filters: Which layers; see `should_quantize_layer`.
    """
    for block in structure["sequential_blocks"]:
        yield from _of_block(block, filters)


def _of_block(block: Any, filters: Any) -> Iterator[Any]:
    for layer in block._flatten_layers():
        if takes_calibration(layer) and should_quantize_layer(layer, filters):
            yield layer


def calibrate(config: Any, batches: list[Any], structure: dict[str, Any], filters: Any = None) -> None:
    """Run blocks one after another on data, and round the layers of each from the inputs that they saw.

    Each block gets what the rounded blocks before it give.

    Args:
        config: The options.
        batches: The data, from `calibration_inputs`.
        structure: `pre_block_layers`, called one after another on the data, and `sequential_blocks`, called
            one after another on what comes out.
        filters: Which layers; see `should_quantize_layer`.
    """
    with autograd.no_grad():
        hidden = [ops.convert_to_tensor(part) for part in batches]
        for layer in structure.get("pre_block_layers", ()):
            hidden = [layer(part) for part in hidden]
        for block in structure["sequential_blocks"]:
            _calibrate_block(block, hidden, config, filters)
            hidden = [block(part) for part in hidden]


def _calibrate_block(block: Any, hidden: list[Any], config: Any, filters: Any) -> None:
    kind: Any = GPTQ if config.mode == "gptq" else AWQ
    waiting = [kind(layer, config) for layer in _of_block(block, filters)]
    try:
        for solver in waiting:
            solver.layer.__dict__["call"] = _watched(solver)
        for part in hidden:
            block(part)
    finally:
        for solver in waiting:
            solver.layer.__dict__.pop("call", None)
    for solver in waiting:
        if not solver.num_samples:
            raise ValueError(
                f"Layer '{solver.layer.name}' was not called when block '{block.name}' ran; leave it out "
                "with `filters`."
            )
        solver.finish()
        solver.free()


def _watched(solver: Any) -> Any:
    """The layer's `call`, with a look at its inputs."""
    call = solver.layer.call

    def watched(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        solver.update(inputs)
        return call(inputs, *args, **kwargs)

    return watched
