"""The part of the Trainer that runs its updates, epoch by epoch."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from corten.training.checkpoint.sources import Parts
from corten.transformers.trainer_callback import TrainerControl, TrainerState
from corten.transformers.trainer_utils import TrainOutput, speed_metrics
from corten.transformers.training.base import TrainerParts
from corten.transformers.training.optimization_part import PlateauSchedule
from corten.transformers.training.saving_part import Position
from corten.transformers.training.step import TrainingStep, call_model


class TrainerLoop(TrainerParts):
    """How long a training is, what it needs, and its updates."""

    compute_loss_func: Callable[..., Any] | None
    _given: tuple[Any, Any]
    _step: TrainingStep | None
    _rate: float
    _position: Position
    _now: dict[str, Any] | None
    _parts: dict[str, Parts]
    _frozen: tuple[dict[str, str] | None] | None

    if TYPE_CHECKING:

        def create_optimizer_and_scheduler(self, num_training_steps: int) -> None: ...
        def get_learning_rates(self) -> list[float]: ...
        def evaluate(
            self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
        ) -> dict[str, float]: ...
        def _call(self, event: str, **kwargs: Any) -> None: ...
        def _enter_pass(self, loader: Any) -> Any: ...
        def _has_another_loss(self) -> bool: ...
        def _load_best_model(self) -> None: ...
        def _loss_of(self, inputs: Mapping[str, Any], items: Any) -> Any: ...
        def _save_checkpoint(self) -> None: ...

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
        overridden = self._has_another_loss()
        before_update = lambda: self._call("on_pre_optimizer_step")  # noqa: E731
        after_batch = lambda: self._call("on_substep_end")  # noqa: E731
        self._step = TrainingStep(
            model,
            self._loss_of,
            self.label_names,
            float(args.max_grad_norm or 0.0),
            args.logging_nan_inf_filter,
            is_causal(model),
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


def is_causal(model: Any) -> bool:
    """Whether the label of a token is the next one."""
    return type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))


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
