"""`Pipeline`: what all pipelines do, from inputs of any kind to batches and back."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from corten import autograd
from corten.transformers.auto import class_names
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.pipelines.batches import collate, fillers_of, split
from corten.transformers.pipelines.inputs import check_no_table, is_column, is_stream, items_of, plain

# So many batches of a list are looked at together, so that texts of like lengths are computed together.
_WINDOW = 32

#: What a step of a pipeline is called with, for each of the three steps.
Settings = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


class Pipeline:
    """Base of all pipelines: `preprocess`, `_forward` and `postprocess`, one after another.

    A pipeline of one's own is a subclass with these three and `_sanitize_parameters`, which says which
    keyword arguments go to which of them. `preprocess` gives a dict of arrays with a first axis of 1, or
    yields several (then `postprocess` gets a list of outputs); rows are joined to batches, and outputs are
    taken apart again.

    Args:
        model: The model, or the name or folder of one if `pipeline` makes the pipeline.
        tokenizer: The tokenizer that the model was trained with.
        task: What the pipeline is for.
        device: `None`, `-1`, `'cpu'` or `'auto'`: models compute on the CPU.
        batch_size: How many inputs are computed at once where a call does not say it; None is 1.
        num_workers: Does nothing: texts are encoded by threads of the tokenizer.
        **kwargs: Defaults of the keyword arguments of calls.

    Call arguments:
        inputs: One input, a list of them (an array or a column of a table, too), or a data set, generator or
            iterator.
        batch_size: How many inputs are computed at once. The results are the same.
        num_workers: Does nothing.
        **kwargs: What the task's pipeline says.

    Returns:
        The result for one input, a list of results for a list, and an iterator, which computes as it is
        asked, for all else.

    Raises:
        TypeError: The model's head does not fit the task, or an argument is not known.
        ValueError: An argument has a wrong value.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import BertConfig, BertModel, BertTokenizer, Pipeline
        >>> class Sizes(Pipeline):
        ...     def _sanitize_parameters(self, digits=None):
        ...         return {}, {}, {} if digits is None else {"digits": digits}
        ...     def preprocess(self, inputs):
        ...         return self.encode(inputs)
        ...     def _forward(self, model_inputs):
        ...         return self.model(**model_inputs)
        ...     def postprocess(self, model_outputs, digits=3):
        ...         return model_outputs.last_hidden_state.shape, digits
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
        >>> config = BertConfig(vocab_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> pipe = Sizes(BertModel(config), BertTokenizer(vocab))
        >>> pipe("hello"), pipe(["hello", "hello hello"], digits=1, batch_size=2)
        (((1, 3, 8), 3), [((1, 4, 8), 1), ((1, 4, 8), 1)])
    """

    #: The class that chooses models of the task's kind; None takes any model.
    auto_class: ClassVar[str | None] = None
    #: The task where none is named.
    default_task: ClassVar[str] = ""
    #: Whether a tokenizer is needed.
    needs_tokenizer: ClassVar[bool] = True

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        task: str = "",
        device: Any = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.task = task or self.default_task
        self.model = model
        self.tokenizer = tokenizer
        self.device = check_device(type(self).__name__, device)
        self._check_model()
        self._batch_size = 1 if batch_size is None else self._checked_batch_size(batch_size)
        self._defaults: Settings = ({}, {}, {})
        self._defaults = self._parameters(kwargs)

    # ---- to be overridden ------------------------------------------------------------------------------

    def _sanitize_parameters(self, *args: Any, **kwargs: Any) -> Settings:
        """Return the keyword arguments of `preprocess`, `_forward` and `postprocess` among those given.

        Args:
            *args: None; subclasses name what they take.
            **kwargs: Arguments of a call, or of the constructor.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `_sanitize_parameters` of its own.")

    def preprocess(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the model is called with for one input.

        Args:
            inputs: The input.
            *args: None.
            **kwargs: The first dict of `_sanitize_parameters`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `preprocess` of its own.")

    def _forward(self, model_inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the outputs for a batch, as a dict.

        Args:
            model_inputs: What `preprocess` gave for some inputs.
            *args: None.
            **kwargs: The second dict of `_sanitize_parameters`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `_forward` of its own.")

    def postprocess(self, model_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the result for one input.

        Args:
            model_outputs: Its outputs.
            *args: None.
            **kwargs: The third dict of `_sanitize_parameters`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `postprocess` of its own.")

    def _is_single(self, inputs: list[Any]) -> bool:
        """Whether a list is one input."""
        return False

    def _padding_side(self) -> str:
        """Where short rows of a batch are filled up."""
        return str(getattr(self.tokenizer, "padding_side", "right"))

    # ---- calling ---------------------------------------------------------------------------------------

    def __call__(
        self, inputs: Any, *, num_workers: int | None = None, batch_size: int | None = None, **kwargs: Any
    ) -> Any:
        steps = self._merged(self._parameters(kwargs))
        size = self._batch_size if batch_size is None else self._checked_batch_size(batch_size)
        check_no_table(type(self).__name__, inputs)
        if is_column(inputs):
            inputs = inputs.tolist() if isinstance(inputs, np.ndarray) else inputs.to_list()
        if isinstance(inputs, tuple):
            inputs = list(inputs)
        if isinstance(inputs, list) and not self._is_single(inputs):
            window = size * _WINDOW if size > 1 else 1
            return list(self._results(map(plain, inputs), size, steps, window))
        if is_stream(inputs):
            return self._results(items_of(inputs, self._is_single), size, steps)
        return next(self._results([plain(inputs)], size, steps))

    def predict(self, X: Any) -> Any:
        """The name by which scikit-learn calls the pipeline.

        Args:
            X: As for a call.
        """
        return self(X)

    def transform(self, X: Any) -> Any:
        """Another name by which scikit-learn calls the pipeline.

        Args:
            X: As for a call.
        """
        return self(X)

    def _results(self, items: Iterable[Any], size: int, steps: Settings, window: int = 0) -> Iterator[Any]:
        """Give the results of items; so many rows (at least a batch) are looked at before one is computed."""
        preprocess, forward, postprocess = steps
        waiting: list[Any] = []
        for group in _groups(self._pieces(items, preprocess), max(size, window)):
            outputs = self._computed([row for row, _, _ in group], size, forward)
            for output, (_, is_part, is_last) in zip(outputs, group, strict=True):
                if not is_part:
                    yield self.postprocess(output, **postprocess)
                    continue
                waiting.append(output)
                if is_last:
                    parts, waiting = waiting, []
                    yield self.postprocess(parts, **postprocess)

    def _computed(self, rows: list[dict[str, Any]], size: int, settings: dict[str, Any]) -> Iterable[Any]:
        """The outputs of rows, in batches of rows of like lengths, which need little padding."""
        if len(rows) <= size:
            return self.forward(rows, **settings)
        order = sorted(range(len(rows)), key=lambda place: -_length(rows[place]))
        outputs: list[Any] = [None] * len(rows)
        for start in range(0, len(rows), size):
            places = order[start : start + size]
            found = self.forward([rows[place] for place in places], **settings)
            for place, output in zip(places, found, strict=True):
                outputs[place] = output
        return outputs

    def _pieces(self, items: Iterable[Any], settings: dict[str, Any]) -> Iterator[tuple[Any, bool, bool]]:
        """Give rows of inputs, whether each is one of several of an input, and whether it is the last."""
        for item in items:
            made = self.preprocess(item, **settings)
            if isinstance(made, Mapping):
                yield made, False, True
                continue
            before = None
            for row in made:
                if before is not None:
                    yield before, True, False
                before = row
            yield before, True, True

    def forward(self, rows: list[dict[str, Any]], **kwargs: Any) -> Iterator[Any]:
        """Compute some rows at once, without gradients.

        Args:
            rows: What `preprocess` gave.
            **kwargs: As for `_forward`.

        Returns:
            The outputs of each row.
        """
        with autograd.no_grad():
            batch = collate(rows, fillers_of(self.tokenizer, self.model), self._padding_side())
            return split(self._forward(batch, **kwargs), len(rows))

    # ---- arguments -------------------------------------------------------------------------------------

    def _parameters(self, given: dict[str, Any]) -> Settings:
        signature = inspect.signature(self._sanitize_parameters)
        if not any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values()):
            from corten.identifiers import suggestion

            for name in given:
                if name not in signature.parameters:
                    known = list(signature.parameters)
                    raise TypeError(
                        f"{type(self).__name__}: unknown argument {name!r}; it takes {', '.join(known)}, "
                        f"batch_size.{suggestion(name, known)}"
                    )
        return self._sanitize_parameters(**given)

    def _merged(self, given: Settings) -> Settings:
        first, second, third = (
            {**default, **one} for default, one in zip(self._defaults, given, strict=True)
        )
        return first, second, third

    def _checked_batch_size(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(
                f"{type(self).__name__}: batch_size must be a whole number of at least 1; got {value!r}."
            )
        return int(value)

    def _check_model(self) -> None:
        who = type(self).__name__
        if isinstance(self.model, (str, os.PathLike)):
            raise TypeError(
                f"{who}: model is a name or folder, {os.fspath(self.model)!r}; `pipeline(task, model=...)` "
                "reads it, or `AutoModel....from_pretrained`."
            )
        if self.auto_class is not None:
            if not isinstance(self.model, PreTrainedModel):
                raise TypeError(
                    f"{who}: model must be a model of corten.transformers; got {type(self.model).__name__}."
                )
            check_head(f"{who} ({self.task!r})", self.model, self.auto_class, self.head_names())
        if self.needs_tokenizer and not callable(self.tokenizer):
            came = "none" if self.tokenizer is None else type(self.tokenizer).__name__
            raise TypeError(
                f"{who}: a tokenizer is needed, that of the model; got {came}. Pass "
                "`tokenizer=AutoTokenizer.from_pretrained(folder)`."
            )

    @classmethod
    def head_names(cls) -> list[str]:
        """Return the names of the classes of models that fit; a subclass of one fits too."""
        return [] if cls.auto_class is None else class_names(cls.auto_class)

    def check_model_type(self, supported_models: Iterable[Any]) -> None:
        """Refuse a model that is of none of some classes.

        Args:
            supported_models: The classes, or their names.

        Raises:
            TypeError: It is of another one.
        """
        names = [one if isinstance(one, str) else one.__name__ for one in supported_models]
        check_head(type(self).__name__, self.model, "a model that fits", names)

    # ---- for subclasses --------------------------------------------------------------------------------

    def encode(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Encode one text or pair to arrays with a first axis of 1.

        Args:
            *args: As for the tokenizer.
            **kwargs: The same.
        """
        return dict(self.tokenizer(*args, **{**kwargs, "return_tensors": "np"}))

    def call_model(self, inputs: Mapping[str, Any]) -> Any:
        """Call the model with what it knows of a batch.

        Args:
            inputs: Arrays by name. What a tokenizer of another family gives and the model does not take, such
                as `token_type_ids`, is left out.
        """
        accepted = self.model._call_signature.accepted
        return self.model(
            **{name: value for name, value in inputs.items() if name in accepted},
            return_dict=True,
            training=False,
        )

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Write the model and the tokenizer into a folder, of which `pipeline` makes the same again.

        Args:
            save_directory: The folder.
            **kwargs: As for the model's `save_pretrained`.
        """
        self.model.save_pretrained(save_directory, **kwargs)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(save_directory)


def check_head(who: str, model: Any, wanted: str, names: list[str]) -> None:
    """Refuse a model of another kind than a task needs.

    Raises:
        TypeError: None of its classes has one of the names.
    """
    if not any(base.__name__ in names for base in type(model).__mro__):
        raise TypeError(
            f"{who}: {type(model).__name__} does not fit the task, which needs {wanted}: one of "
            f"{', '.join(names)}."
        )


def check_device(who: str, device: Any) -> str:
    """Return where a pipeline computes: on the CPU.

    Raises:
        ValueError: Another device is named.
    """
    name = str(getattr(device, "type", device)).lower()
    if device is None or name in ("cpu", "-1", "auto") or name.startswith("cpu:"):
        return "cpu"
    raise ValueError(
        f"{who}: device={device!r} is not there: models compute on the CPU. Leave it out, or pass 'cpu'."
    )


def as_numpy(values: Any) -> npt.NDArray[np.float32]:
    """Return a tensor as a float32 array.

    Args:
        values: A tensor of floats.
    """
    if not isinstance(values, np.ndarray) and values.dtype != "float32":
        values = values.astype("float32")
    return np.asarray(values, np.float32)


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return probabilities along the last axis.

    Args:
        logits: Their logarithms, but for a constant.
    """
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the probability of each logit.

    Args:
        logits: The logits.
    """
    # Without overflow on either side.
    raised = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1, raised) / (1 + raised))


def check_text(who: str, value: Any, what: str = "the input") -> str:
    """Return a text.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{who}: {what} must be a text; got {type(value).__name__}: {str(value)[:80]!r}.")
    return value


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that were given.

    Args:
        values: All, None for those that were not.
    """
    return {name: value for name, value in values.items() if value is not None}


def _length(row: dict[str, Any]) -> int:
    ids = row.get("input_ids")
    return ids.shape[1] if isinstance(ids, np.ndarray) and ids.ndim > 1 else 0


def _groups(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    group: list[Any] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
