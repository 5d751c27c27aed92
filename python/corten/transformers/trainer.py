"""`Trainer`: fine-tuning with Hugging Face's API on Corten's engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from corten.optimizers.schedules.schedule import LearningRateSchedule
from corten.training.checkpoint.sources import Parts
from corten.training.interrupts import Interrupts
from corten.transformers.trainer_callback import (
    CallbackHandler,
    DefaultFlowCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from corten.transformers.trainer_utils import TrainOutput, plain_numbers, set_seed
from corten.transformers.training.data_part import TrainerData, find_label_names, takes_names
from corten.transformers.training.evaluation_part import TrainerEvaluation
from corten.transformers.training.loop_part import TrainerLoop, is_causal
from corten.transformers.training.optimization_part import PlateauSchedule, TrainerOptimization
from corten.transformers.training.saving_part import Position, TrainerSaving
from corten.transformers.training.search_part import TrainerSearch
from corten.transformers.training.step import LabelSmoother, TrainingStep, call_model, loss_in
from corten.transformers.training_args import TrainingArguments


class Trainer(TrainerLoop, TrainerSearch, TrainerData, TrainerOptimization, TrainerEvaluation, TrainerSaving):
    """Trains and evaluates a model, with Hugging Face's arguments.

    Steps run as in `Model.fit`: a step that repeats is captured and run by the engine. A training that is
    killed goes on from its last checkpoint with `train(resume_from_checkpoint=True)`, and ends with the same
    bits as one that was not.

    Args:
        model: A model of `corten.transformers`, or any Corten model that gives a dict (or `ModelOutput`) with
            `loss` when it is called with a batch.
        args: The arguments; all default if None.
        data_collator: Makes a batch of a list of rows. Default: `DataCollatorWithPadding` where there is a
            tokenizer, else rows are joined as they are.
        train_dataset: The rows to train on: a list of dicts, a dict of columns or `BatchEncoding`, a pair of
            one and labels, a pandas or polars frame, a data set of Hugging Face's `datasets` or with
            `__len__` and `__getitem__`, a `corten.data.Dataset` or another iterable of rows (or batches).
        eval_dataset: The rows to evaluate on, likewise; or a dict of several such data sets by name.
        processing_class: The tokenizer: fills up batches, and is saved with the model. Also as `tokenizer`.
        model_init: Gives a new model for each training, in place of `model`.
        compute_loss_func: `f(outputs, labels, num_items_in_batch)` gives the loss, in place of the model's
            own.
        compute_metrics: `f(EvalPrediction)` gives a dict of metrics.
        callbacks: `TrainerCallback` objects or classes.
        optimizers: A Corten optimizer and a schedule, in place of those of the arguments; None for either.
        optimizer_cls_and_kwargs: A class of Corten optimizers and its arguments.
        preprocess_logits_for_metrics: `f(logits, labels)` gives what is kept of a batch's outputs.
        tokenizer: The former name of `processing_class`.

    Raises:
        TypeError: An argument is of another kind.
        ValueError: Arguments do not go together.

    Source: https://huggingface.co/docs/transformers/main_classes/trainer

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import corten
        >>> class Line(corten.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = corten.layers.Dense(1)
        ...     def call(self, x, labels=None):
        ...         y = self.dense(x)[:, 0]
        ...         loss = None if labels is None else corten.ops.mean(corten.ops.square(y - labels))
        ...         return {"loss": loss, "logits": y} if labels is not None else {"logits": y}
        >>> x = np.linspace(-1, 1, 32, dtype="float32")
        >>> rows = [{"x": np.array([value]), "labels": 3 * value} for value in x]
        >>> args = TrainingArguments(
        ...     tempfile.mkdtemp(), learning_rate=0.1, num_train_epochs=10, save_strategy="no"
        ... )
        >>> trainer = Trainer(Line(), args, train_dataset=rows, eval_dataset=rows, callbacks=[])
        >>> _ = trainer.remove_callback(trainer.printer)
        >>> trainer.train().global_step
        40
        >>> trainer.evaluate()["eval_loss"] < 0.3
        True
    """

    def __init__(
        self,
        model: Any = None,
        args: TrainingArguments | None = None,
        data_collator: Callable[[list[Any]], Any] | None = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        model_init: Callable[..., Any] | None = None,
        compute_loss_func: Callable[..., Any] | None = None,
        compute_metrics: Callable[[Any], dict[str, Any]] | None = None,
        callbacks: list[Any] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        optimizer_cls_and_kwargs: tuple[type, dict[str, Any]] | None = None,
        preprocess_logits_for_metrics: Callable[[Any, Any], Any] | None = None,
        *,
        tokenizer: Any = None,
    ) -> None:
        if args is None:
            args = TrainingArguments()
        elif not isinstance(args, TrainingArguments):
            raise TypeError(f"Trainer: args must be TrainingArguments; got a {type(args).__name__}")
        for hook, instead in (
            ("training_step", "compute_loss"),
            ("get_batch_samples", "get_train_dataloader"),
        ):
            if hasattr(self, hook):
                raise TypeError(
                    f"Trainer: {type(self).__name__} has a {hook}, which Corten's Trainer never calls: its "
                    f"steps are run by the engine. Override {instead}, or use a TrainerCallback."
                )
        self.args = args
        set_seed(args.seed)
        if (model is None) == (model_init is None):
            raise ValueError("Trainer: give either a model or a model_init")
        self.model_init = model_init
        self.model = self.call_model_init() if model is None else model
        self._check_model()
        self.processing_class = processing_class if processing_class is not None else tokenizer
        self.data_collator = self._collator(data_collator)
        self.train_dataset = train_dataset
        self.eval_dataset = eval_dataset
        self.compute_loss_func = compute_loss_func
        self.compute_metrics = compute_metrics
        self.preprocess_logits_for_metrics = preprocess_logits_for_metrics
        self.optimizer, self.lr_scheduler = _checked(optimizers)
        self._given = (self.optimizer, self.lr_scheduler)
        self._given_optimizer = self.optimizer is not None
        self._optimizer_class = optimizer_cls_and_kwargs
        if self._given_optimizer and optimizer_cls_and_kwargs is not None:
            raise ValueError("Trainer: give either optimizers or optimizer_cls_and_kwargs")
        self.label_names = list(args.label_names or find_label_names(self.model))
        self._by_name = takes_names(self.model)
        self.label_smoother = self._make_smoother()
        self.state = TrainerState()
        self.control = TrainerControl()
        self.is_in_train = False
        self._position = Position()
        self._now: dict[str, Any] | None = None
        self._frozen: tuple[dict[str, str] | None] | None = None
        self._parts: dict[str, Parts] = {}
        self._began: float | None = None
        self._step: TrainingStep | None = None
        self._rate = 0.0
        self.search_trials = []
        first = [DefaultFlowCallback(), *_reporters(args)]
        #: What prints the logs, so that it can be removed.
        self.printer = _printer(args)
        self.callback_handler = CallbackHandler(
            [*first, *(callbacks or []), self.printer], self.model, self.processing_class
        )
        self.control = self.callback_handler.call("on_init_end", args, self.state, self.control)

    def _make_smoother(self) -> LabelSmoother | None:
        share = self.args.label_smoothing_factor
        return LabelSmoother(share, is_causal(self.model)) if share else None

    def _check_model(self) -> None:
        if isinstance(self.model, type) or not hasattr(self.model, "trainable_variables"):
            kind = self.model.__name__ if isinstance(self.model, type) else type(self.model).__name__
            raise TypeError(
                f"Trainer: model must be a Corten model; got {kind}. Models of PyTorch are read with "
                "corten.transformers' from_pretrained(folder)."
            )

    def _collator(self, given: Any) -> Any:
        if given is not None:
            if not callable(given):
                raise TypeError(f"Trainer: data_collator must be callable; got a {type(given).__name__}")
            return given
        if self.processing_class is None or not hasattr(self.processing_class, "pad"):
            return None
        from corten.transformers.data_collator import DataCollatorWithPadding

        return DataCollatorWithPadding(self.processing_class)

    @property
    def tokenizer(self) -> Any:
        """The former name of `processing_class`."""
        return self.processing_class

    @property
    def model_wrapped(self) -> Any:
        """The model: nothing is wrapped."""
        return self.model

    def call_model_init(self, trial: Any = None) -> Any:
        """Gives a new model of `model_init`."""
        import inspect

        assert self.model_init is not None
        takes_trial = len(inspect.signature(self.model_init).parameters) == 1
        model = self.model_init(trial) if takes_trial else self.model_init()
        if model is None:
            raise RuntimeError("Trainer: model_init gave no model")
        return model

    def is_world_process_zero(self) -> bool:
        """True: there is one process."""
        return True

    is_local_process_zero = is_world_process_zero

    # -- callbacks ------------------------------------------------------------------------------------

    def add_callback(self, callback: Any) -> None:
        """Adds a callback: a `TrainerCallback` object or class."""
        self.callback_handler.add(callback)

    def pop_callback(self, callback: Any) -> TrainerCallback | None:
        """Takes a callback, or the first of a class, out and gives it; None where it is not there."""
        return self.callback_handler.remove(callback)

    def remove_callback(self, callback: Any) -> None:
        """Takes a callback, or the first of a class, out."""
        self.callback_handler.remove(callback)

    def _call(self, event: str, **kwargs: Any) -> None:
        self.control = self.callback_handler.call(event, self.args, self.state, self.control, **kwargs)

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        """Adds a log to the history and hands it to the callbacks. May be overridden.

        Args:
            logs: Values by name; the epoch is added.
            start_time: Not used.
        """
        if self.state.epoch is not None:
            logs["epoch"] = self.state.epoch
        plain = plain_numbers(logs)
        self.state.log_history.append({**plain, "step": self.state.global_step})
        self._call("on_log", logs=plain)

    # -- the loss -------------------------------------------------------------------------------------

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Gives the loss of a batch: the model's own, with label smoothing if the arguments say so.

        May be overridden; then steps run as Python code and are not captured.

        Args:
            model: The model.
            inputs: Tensors by name.
            return_outputs: Give `(loss, outputs)`.
            num_items_in_batch: Labels in all batches of the update, where there are several.
        """
        training = bool(self.is_in_train and self._in_step)
        own = self.compute_loss_func if self.compute_loss_func is not None else self.label_smoother
        if own is None or not any(inputs.get(name) is not None for name in self.label_names):
            outputs = call_model(model, inputs, training, self._by_name)
            loss = loss_in(outputs, inputs, model)
        else:
            labels = [inputs[name] for name in self.label_names if name in inputs]
            given = labels[0] if len(labels) == 1 else tuple(labels)
            rest = {name: value for name, value in inputs.items() if name not in self.label_names}
            outputs = call_model(model, rest, training, self._by_name)
            if self.compute_loss_func is not None:
                loss = self.compute_loss_func(outputs, given, num_items_in_batch=num_items_in_batch)
            else:
                loss = self.label_smoother(outputs, given)
        return (loss, outputs) if return_outputs else loss

    def _has_another_loss(self) -> bool:
        """Whether the loss is code of the user's."""
        return type(self).compute_loss is not Trainer.compute_loss or self.compute_loss_func is not None

    _in_step = False

    def _loss_of(self, inputs: Mapping[str, Any], items: Any) -> Any:
        """The loss of a batch of an update."""
        self._in_step = True
        try:
            return self.compute_loss(self.model, inputs, num_items_in_batch=items)
        finally:
            self._in_step = False

    # -- training -------------------------------------------------------------------------------------

    def train(
        self,
        resume_from_checkpoint: str | os.PathLike[str] | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """Trains the model.

        Args:
            resume_from_checkpoint: A checkpoint folder to go on from, or True for the newest in `output_dir`.
            trial: Handed to `model_init`.
            ignore_keys_for_eval: Outputs that evaluations leave out.

        Returns:
            The number of updates, the mean of the losses, and metrics.

        Raises:
            ValueError: The data does not go with the model, or the checkpoint with the training, before
                anything is trained.
        """
        set_seed(self.args.seed)
        checkpoint = self._find_checkpoint(resume_from_checkpoint)
        if self.model_init is not None:
            self.model = self.call_model_init(trial)
            self.callback_handler.context["model"] = self.model
        if self.train_dataset is not None:
            self._check_rows(self.train_dataset, "train_dataset")
        loader = self.get_train_dataloader()
        epochs, batches_per_epoch = self._plan(loader)
        with self._precision(), Interrupts():
            self._prepare(loader)
            self.is_in_train = True
            try:
                if checkpoint is not None:
                    self._restore(checkpoint)
                return self._train(loader, epochs, batches_per_epoch, ignore_keys_for_eval)
            finally:
                self.is_in_train = False
                if self._step is not None:
                    self._step.close()
                    self._step = None
                self.model._state().owner.leave()

    def push_to_hub(self, *args: Any, **kwargs: Any) -> None:
        """Raises: uploading is left to the package huggingface_hub."""
        raise NotImplementedError(
            "Trainer.push_to_hub: Corten does not upload. Save with trainer.save_model(folder), then use "
            "the package huggingface_hub: upload_folder(repo_id=..., folder_path=folder)."
        )


def _checked(optimizers: Any) -> tuple[Any, Any]:
    from corten.optimizers import Optimizer

    optimizer, schedule = optimizers
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"Trainer: optimizers must be (a Corten optimizer, a schedule); got a {type(optimizer).__name__}"
        )
    if schedule is not None and not isinstance(schedule, LearningRateSchedule | PlateauSchedule):
        raise TypeError(
            "Trainer: optimizers must be (a Corten optimizer, a LearningRateSchedule); got a "
            f"{type(schedule).__name__}"
        )
    return optimizer, schedule


def _printer(args: TrainingArguments) -> TrainerCallback:
    from corten.training.progress import is_interactive
    from corten.transformers.training.loggers import PrinterCallback, ProgressCallback

    bar = is_interactive() if args.disable_tqdm is None else not args.disable_tqdm
    return ProgressCallback() if bar else PrinterCallback()


def _reporters(args: TrainingArguments) -> list[TrainerCallback]:
    from corten.transformers.training.loggers import CSVCallback, TensorBoardCallback

    kinds: dict[str, Any] = {"csv": CSVCallback, "tensorboard": TensorBoardCallback}
    return [kinds[name]() for name in args.report_to or ()]
