"""`Trainer`: fine-tuning with Hugging Face's API on Corten's engine."""

from __future__ import annotations

import contextlib
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
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
from corten.transformers.trainer_utils import TrainOutput, plain_numbers, set_seed, speed_metrics
from corten.transformers.training.data_part import TrainerData, find_label_names, takes_names
from corten.transformers.training.evaluation_part import TrainerEvaluation
from corten.transformers.training.optimization_part import PlateauSchedule, TrainerOptimization
from corten.transformers.training.saving_part import Position, TrainerSaving
from corten.transformers.training.step import LabelSmoother, TrainingStep, call_model, loss_in
from corten.transformers.training_args import TrainingArguments


class Trainer(TrainerData, TrainerOptimization, TrainerEvaluation, TrainerSaving):
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
        self.label_smoother = LabelSmoother(args.label_smoothing_factor, _is_causal(self.model)) if (
            args.label_smoothing_factor
        ) else None  # fmt: skip
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
        first = [DefaultFlowCallback(), *_reporters(args)]
        #: What prints the logs, so that it can be removed.
        self.printer = _printer(args)
        self.callback_handler = CallbackHandler(
            [*first, *(callbacks or []), self.printer], self.model, self.processing_class
        )
        self.control = self.callback_handler.call("on_init_end", args, self.state, self.control)

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
                loss = self.label_smoother(outputs, given)  # type: ignore[misc]
        return (loss, outputs) if return_outputs else loss

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

    def _plan(self, loader: Any) -> tuple[int, int | None]:
        """Sets how long the training is; gives its epochs, and the batches of each."""
        args, state = self.args, TrainerState()
        self.state = state
        batches = getattr(loader, "num_batches", None)
        if batches is None and not hasattr(loader, "num_batches"):
            with contextlib.suppress(TypeError):
                batches = len(loader)
        updates = None
        if batches is not None:
            if batches == 0:
                raise ValueError(
                    "Trainer: train_dataset has less rows than one batch (per_device_train_batch_size="
                    f"{args.train_batch_size}, dataloader_drop_last={args.dataloader_drop_last})"
                )
            updates = max(math.ceil(batches / args.gradient_accumulation_steps), 1)
        if args.max_steps > 0:
            state.max_steps = args.max_steps
            epochs = 1_000_000_000 if updates is None else math.ceil(args.max_steps / updates)
        elif updates is None:
            raise ValueError(
                "Trainer: the length of train_dataset is not known, so that max_steps must be set: "
                "TrainingArguments(max_steps=1000)"
            )
        else:
            state.max_steps = math.ceil(args.num_train_epochs * updates)
            epochs = math.ceil(args.num_train_epochs)
        state.num_train_epochs = epochs
        state.train_batch_size = args.train_batch_size
        for name in ("logging_steps", "eval_steps", "save_steps"):
            setattr(state, name, max(args.steps_between(name, state.max_steps), 1))
        return epochs, batches

    def _prepare(self, loader: Any) -> None:
        """Compiles the model and makes what runs its steps."""
        args, model = self.args, self.model
        self.optimizer, self.lr_scheduler = self._given
        if args.gradient_checkpointing:
            enable = getattr(model, "gradient_checkpointing_enable", None)
            if enable is None:
                raise ValueError(
                    f"Trainer: gradient_checkpointing: {type(model).__name__} cannot do that; make its "
                    "layers inside corten.RematScope"
                )
            enable()
        if not model.built:
            self._build(loader)
        self.create_optimizer_and_scheduler(self.state.max_steps)
        if not model.trainable_variables:
            raise ValueError(
                f"Trainer: {type(model).__name__} has no trainable weights: are all layers frozen?"
            )
        # Loss and metrics of an earlier `compile` stay for `fit` and `evaluate`.
        earlier = model._state().config or {"run_eagerly": bool(getattr(model, "run_eagerly", False))}
        model.compile(**{**earlier, "optimizer": self.optimizer})
        training = model._state()
        training.owner.enter("train", getattr(model, "name", "model"))
        if not self.optimizer.built:
            self.optimizer.build(list(model.trainable_variables))
        _seed_layers(model, args.seed)
        handler = self.callback_handler
        overridden = type(self).compute_loss is not Trainer.compute_loss or self.compute_loss_func is not None
        before_update = lambda: self._call("on_pre_optimizer_step")  # noqa: E731
        after_batch = lambda: self._call("on_substep_end")  # noqa: E731
        self._step = TrainingStep(
            model,
            self._loss_of,
            self.label_names,
            float(args.max_grad_norm or 0.0),
            args.logging_nan_inf_filter,
            _is_causal(model),
            is_own=not overridden,
            after_batch=after_batch if handler.overrides("on_substep_end") else None,
            before_update=before_update if handler.overrides("on_pre_optimizer_step") else None,
        )
        self._position, self._now, self._frozen = Position(), None, None
        self._parts = _random_parts(self.train_dataset, self.data_collator)
        self.control = TrainerControl()
        handler.context.update(
            optimizer=self.optimizer,
            lr_scheduler=self.lr_scheduler,
            train_dataloader=loader,
            eval_dataloader=None,
        )

    def _build(self, loader: Any) -> None:
        """Builds a model of the user's with the first batch."""
        from corten import _core
        from corten.training.adapters.conversion import to_tensors

        batch = next(iter(loader), None)
        if batch is None:
            raise ValueError("Trainer: train_dataset has no rows")
        recording = _core.set_grad_enabled(False)
        try:
            call_model(self.model, to_tensors(dict(batch), "x"), training=False, by_name=self._by_name)
        finally:
            _core.set_grad_enabled(recording)

    def _train(
        self, loader: Any, epochs: int, batches_per_epoch: int | None, ignore_keys: list[str] | None
    ) -> TrainOutput:
        """The epochs."""
        args, state, position = self.args, self.state, self._position
        began, first_step = time.perf_counter(), state.global_step
        if state.global_step == 0:
            state.epoch = 0.0
        self._call("on_train_begin")
        if args.eval_on_start and state.global_step == 0:
            self._evaluate(ignore_keys)
        if position.is_over:
            position.epoch, position.batches, position.is_over = position.epoch + 1, 0, False
        # Where a resumed training had come to its end, it goes on only if there is more to do now.
        over = self.control.should_training_stop or state.global_step >= state.max_steps
        while position.epoch < epochs and not over:
            self._train_epoch(loader, batches_per_epoch, ignore_keys)
            if self.control.should_training_stop or state.global_step >= state.max_steps:
                break
            position.epoch, position.batches, position.is_over = position.epoch + 1, 0, False
        if args.load_best_model_at_end and args.save_strategy != "no":
            self._load_best_model()
        self._read_loss()
        loss = position.total_loss / max(state.global_step, 1)
        done = (state.global_step - first_step) * args.gradient_accumulation_steps * args.train_batch_size
        metrics = speed_metrics("train", time.perf_counter() - began, done, state.global_step - first_step)
        metrics["train_loss"] = loss
        self.is_in_train = False
        self.log(metrics)
        self._call("on_train_end")
        return TrainOutput(state.global_step, loss, metrics)

    def _train_epoch(self, loader: Any, batches_per_epoch: int | None, ignore_keys: list[str] | None) -> None:
        """One epoch, or the rest of the one that was resumed."""
        args, state, position, step = self.args, self.state, self._position, self._step
        assert step is not None
        self.control._new_epoch()
        in_epoch = batches_per_epoch
        if in_epoch is None:
            in_epoch = state.max_steps * args.gradient_accumulation_steps
        if not position.batches:
            self._call("on_epoch_begin")
        walk = self._enter_pass(loader)
        stopped = False
        while group := _next_group(walk, args.gradient_accumulation_steps):
            self.control._new_step()
            self._call("on_step_begin")
            self._rate = self.get_learning_rates()[0]
            step(group)
            self._call("on_optimizer_step")
            position.batches += len(group)
            state.global_step += 1
            state.epoch = position.epoch + min(position.batches / in_epoch, 1.0)
            self._call("on_step_end")
            self._log_evaluate_save(ignore_keys)
            if self.control.should_epoch_stop or self.control.should_training_stop:
                stopped = True
                break
        if not position.batches:
            raise ValueError(
                f"Trainer: train_dataset gave no rows in epoch {position.epoch}; an iterable must start anew "
                "in each"
            )
        if not stopped and batches_per_epoch is None:
            state.epoch = position.epoch + 1.0
        self.control._new_step()
        position.is_over = True
        self._call("on_epoch_end")
        self._log_evaluate_save(ignore_keys)

    def _log_evaluate_save(self, ignore_keys: list[str] | None) -> None:
        """Does what the callbacks asked for."""
        control = self.control
        if control.should_log:
            control.should_log = False
            self._log_loss()
        is_best = False
        if self.control.should_evaluate:
            self.control.should_evaluate = False
            is_best = self._note_best(self._evaluate(ignore_keys))
        if self.args.save_strategy == "best":
            self.control.should_save = is_best
        if self.control.should_save:
            self.control.should_save = False
            self._save_checkpoint()
            self._call("on_save")

    def _read_loss(self) -> float | None:
        """Gives the mean of the losses since the last call; None where there were none."""
        assert self._step is not None
        total, steps, finite = self._step.take_loss()
        if not steps:
            return None
        # A loss that is left out counts as the mean of the others.
        mean = total / finite if finite else math.nan
        self._position.total_loss += (
            mean * steps if math.isfinite(mean) or not self.args.logging_nan_inf_filter else 0
        )
        return mean

    def _log_loss(self) -> None:
        assert self._step is not None
        mean = self._read_loss()
        if mean is None:
            return
        self.log({"loss": mean, "grad_norm": self._step.gradient_norm, "learning_rate": self._rate})

    def _evaluate(self, ignore_keys: list[str] | None) -> dict[str, float]:
        metrics = self.evaluate(ignore_keys=ignore_keys)
        if isinstance(self.lr_scheduler, PlateauSchedule):
            self.lr_scheduler.step(self._metric(metrics, self.args.metric_for_best_model or "loss"))
        return metrics

    def _metric(self, metrics: dict[str, float], name: str) -> float:
        key = name if name.startswith("eval_") else f"eval_{name}"
        if key not in metrics:
            known = sorted(one for one in metrics if not one.endswith(("_runtime", "_per_second", "epoch")))
            raise KeyError(
                f"Trainer: metric_for_best_model={name!r}: the evaluation has no {key!r}; it has {known}. "
                "compute_metrics must give it."
            )
        return float(metrics[key])

    def _note_best(self, metrics: dict[str, float]) -> bool:
        """Notes the best evaluation so far; gives whether this is one."""
        args, state = self.args, self.state
        if args.metric_for_best_model is None:
            return False
        value = self._metric(metrics, args.metric_for_best_model)
        best = state.best_metric
        better = best is None or (value > best if args.greater_is_better else value < best)
        if better:
            state.best_metric, state.best_global_step = value, state.global_step
        return better

    @contextlib.contextmanager
    def _precision(self, evaluation: bool = False) -> Iterator[None]:
        """Lets the layers compute in bfloat16 where the arguments say so."""
        args = self.args
        if not (args.bf16 or (evaluation and args.bf16_full_eval)):
            yield
            return
        changed = [
            layer
            for layer in self.model._flatten_layers()
            if getattr(layer.dtype_policy, "name", "") == "float32"
        ]
        before = [layer.__dict__.get("_dtype_policy") for layer in changed]
        for layer in changed:
            layer.dtype_policy = "mixed_bfloat16"
        try:
            yield
        finally:
            for layer, policy in zip(changed, before, strict=True):
                layer.dtype_policy = policy

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


def _is_causal(model: Any) -> bool:
    return type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))


def _printer(args: TrainingArguments) -> TrainerCallback:
    from corten.training.progress import is_interactive
    from corten.transformers.training.loggers import PrinterCallback, ProgressCallback

    bar = is_interactive() if args.disable_tqdm is None else not args.disable_tqdm
    return ProgressCallback() if bar else PrinterCallback()


def _reporters(args: TrainingArguments) -> list[TrainerCallback]:
    from corten.transformers.training.loggers import CSVCallback, TensorBoardCallback

    kinds: dict[str, Any] = {"csv": CSVCallback, "tensorboard": TensorBoardCallback}
    return [kinds[name]() for name in args.report_to or ()]


def _next_group(walk: Iterator[Any], size: int) -> list[Any]:
    """The batches of the next update; fewer at the end of an epoch."""
    group: list[Any] = []
    for batch in walk:
        group.append(batch)
        if len(group) == size:
            break
    return group


def _random_parts(data: Any, collator: Any) -> dict[str, Parts]:
    """What draws random numbers while batches are made."""
    found = {} if collator is None else {"collator": Parts(collator)}
    # Rows in memory, and tables of Hugging Face's, draw none.
    plain = isinstance(data, list | tuple | Mapping) or hasattr(data, "column_names") or hasattr(data, "iloc")
    if data is not None and not plain:
        found["data"] = Parts(data)
    return found


def _seed_layers(model: Any, seed: int) -> None:
    """Lets dropout of a model of `corten.transformers` draw from the seed of the training.

    Its layers drew seeds of their own when the model was made, before the Trainer was there.
    """
    if not type(model).__module__.startswith("corten.transformers."):
        return
    from corten.layers.tracking import is_seed_generator

    chance = random.Random(seed)
    for layer in model._flatten_layers():
        for member in layer._members():
            if is_seed_generator(member):
                member.state.assign([chance.randrange(2**32), 0])
