"""`fit`."""

from __future__ import annotations

import os
import traceback
from typing import Any

from corten import _core, config
from corten._state import Checks
from corten.callbacks.backup import BackupAndRestore
from corten.callbacks.callback_list import CallbackList, flatten_callbacks
from corten.callbacks.history import History
from corten.callbacks.model_checkpoint import ModelCheckpoint
from corten.callbacks.progbar_logger import ProgbarLogger
from corten.training.adapters import (
    DataAdapter,
    EpochIterator,
    choose_adapter,
    is_array_data,
    unpack,
)
from corten.training.adapters.arrays import in_rows
from corten.training.adapters.epochs import check_steps
from corten.training.arguments import (
    check_count,
    check_validation_freq,
    is_due,
    split_off_validation,
)
from corten.training.capture import StepCapture
from corten.training.evaluation import Evaluation
from corten.training.interrupts import Interrupts, StepState, alone
from corten.training.named_columns import arrange_inputs, arrange_targets
from corten.training.preparation import prepare_for
from corten.training.progress import resolve_verbose
from corten.training.steps import warn_without_variables

# Callbacks that are known to leave the settings of models alone.
_OWN_CALLBACKS = frozenset({BackupAndRestore, History, ProgbarLogger})


class Trainer(Evaluation):
    """Training, evaluation and prediction for models. `corten.Model` inherits it."""

    @alone
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
        resume: str | os.PathLike[str] | None = None,
    ) -> Any:
        """Trains the model for a number of epochs.

        Args:
            x: Inputs: an array, a list or dict of arrays, or a source of batches (`PyDataset`,
                `corten.data.Dataset`, generator, any iterable of `(x, y)` or `(x, y, sample_weight)`).
            y: Targets, arranged like the outputs; None when x is a source of batches.
            batch_size: Rows per step, 32 if None. `len(x)` is batch gradient descent, 1 is SGD proper.
            epochs: The epoch to stop after.
            verbose: 0 is silent, 1 a progress bar, 2 a line per epoch; 'auto' is 1 in a terminal or
                notebook and 2 elsewhere.
            callbacks: Objects of `corten.callbacks.Callback`.
            validation_split: Part of the data (its end) to validate on instead of training on it.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or a source of batches to validate on.
            shuffle: Take the samples in a new order in every epoch; 'batch' keeps batches together.
            class_weight: Weight per class index.
            sample_weight: Weight per sample.
            initial_epoch: The epoch to start at, to go on with earlier training.
            steps_per_epoch: Batches per epoch, for sources without an end.
            validation_steps: Batches per validation.
            validation_batch_size: Rows per validation step.
            validation_freq: Validate after every so many epochs, or after the epochs listed.
            resume: A folder to keep the state of training in, after every epoch. Called again with it, `fit`
                goes on from there with the bits of a training that was not interrupted; with more `epochs`
                it trains longer. For checkpoints within an epoch add `BackupAndRestore` for the same
                folder. Or a `.corten` file of `ModelCheckpoint`.

        Returns:
            A `History`: `history.history` has a list per logged name.

        Raises:
            ValueError: The data does not go with the model, or a checkpoint with the training, before
                anything is trained.

        Example:
            >>> import numpy as np
            >>> import corten
            >>> corten.utils.set_random_seed(0)
            >>> x = np.linspace(-1, 1, 64)[:, None]
            >>> model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> history = model.fit(x, 3 * x, epochs=3, verbose=0)
            >>> len(history.history["loss"])
            3
        """
        state = self._check_compiled("fit")
        if self.optimizer is None and not self._overrides("train_step"):
            raise ValueError("fit: the model was compiled without an optimizer")
        epochs = check_count(epochs, "epochs", 0)
        most = config.max_epochs()
        epochs = epochs if most is None else min(epochs, most)
        initial_epoch = check_count(initial_epoch, "initial_epoch", 0)
        steps_per_epoch = check_steps(steps_per_epoch, "steps_per_epoch", "fit")
        validation_steps = check_steps(validation_steps, "validation_steps", "fit")
        validation_freq = check_validation_freq(validation_freq)
        verbose = resolve_verbose(verbose, "fit")
        arguments = {
            "batch_size": batch_size,
            "shuffle": shuffle,
            "steps_per_epoch": steps_per_epoch,
            "validation_steps": validation_steps,
            "validation_batch_size": validation_batch_size,
            "validation_freq": validation_freq,
            "validation_split": validation_split,
            "class_weight": class_weight,
        }
        checkpoints = None
        if resume is not None or callbacks:
            checkpoints, callbacks = self._open_checkpoints(callbacks, resume, (x, validation_data))
        x, y = arrange_inputs(self, x, "fit"), arrange_targets(self, y, "fit")
        x, y, sample_weight, validation_data = split_off_validation(
            x, y, sample_weight, validation_split, validation_data
        )
        adapter = choose_adapter(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            class_weight=class_weight,
            caller="fit",
            check_values=True,
        )
        adapter.same_length = not self._overrides("train_step")
        validation = None
        if validation_data is not None:
            validation = self._validation_epochs(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
        iterator = EpochIterator(adapter, steps_per_epoch, "fit")
        prepare_for(self, adapter, x, "fit", None if validation is None else validation.adapter)
        variables = self._begin_training()
        callback_list = CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=iterator.num_batches,
            do_validation=validation is not None,
            model=self,
        )
        if self.stop_training:
            self.stop_training = False
        first_epoch = initial_epoch
        logs: dict[str, Any] = {}
        state.checkpoints = None
        if checkpoints is not None:
            checkpoints.begin(iterator, validation, callback_list.callbacks, arguments)
            if checkpoints.position is not None:
                first_epoch, logs = checkpoints.position[0], checkpoints.logs
                callback_list.params["resumed"] = True
            state.checkpoints = checkpoints
        with Interrupts():
            before = _core.set_grad_enabled(True)
            try:
                callback_list.on_train_begin()
                # What is trained is settled here, as the optimizer keeps state for just these variables.
                state.variables = variables
                state.metric_list = self.metrics
                state.step_state = StepState(self)
                self._begin_capture(callback_list.callbacks, adapter)
                if checkpoints is not None and checkpoints.is_between_epochs(epochs):
                    # Within one, `_train_epoch` goes on once the callbacks know the epoch.
                    checkpoints.restore()
                for epoch in () if self.stop_training else range(first_epoch, epochs):
                    epoch_logs = self._train_epoch(
                        iterator, callback_list, epoch, validation, validation_freq
                    )
                    if epoch_logs is None:
                        break
                    logs = epoch_logs
                    if self.stop_training or iterator.ran_out:
                        break
                if hasattr(self.optimizer, "finalize_variable_values") and epochs > initial_epoch:
                    self.optimizer.finalize_variable_values(self.trainable_weights)  # type: ignore[attr-defined]
                callback_list.on_train_end(logs)
            except BaseException as error:
                callback_list.close_lines()
                if isinstance(error, MemoryError):
                    # The frames of the step hold what it computed, and an interactive session the frames.
                    traceback.clear_frames(error.__traceback__)
                raise
            finally:
                iterator.close()
                if validation is not None:
                    validation.close()
                state.step_state = None
                state.variables = None
                state.metric_list = None
                state.has_layer_losses = None
                state.checkpoints = None
                if checkpoints is not None:
                    checkpoints.close()
                _core.set_grad_enabled(before)
        return self.history

    def _open_checkpoints(self, callbacks: Any, resume: Any, sources: tuple[Any, Any]) -> tuple[Any, Any]:
        """Gives what writes checkpoints, or None, and the callbacks with one more where it is needed."""
        given = list(flatten_callbacks(callbacks))
        if resume is None and not any(isinstance(one, BackupAndRestore | ModelCheckpoint) for one in given):
            return None, callbacks
        # Late: few trainings need it.
        from corten.training.checkpoint import open_session

        session, added = open_session(self, given, resume, sources)
        return session, given if added is None else [*given, added]

    def _begin_training(self) -> list[Any] | None:
        """Builds the optimizer's state and gives the variables to train; None when a step must ask."""
        variables: list[Any] = self.trainable_variables  # type: ignore[attr-defined]
        if self._overrides("train_step"):
            return None
        if not variables:
            warn_without_variables(self)
        elif not self.optimizer.built:
            self.optimizer.build(variables)
        return variables

    def _begin_capture(self, callbacks: list[Any], adapter: DataAdapter) -> None:
        """Sets up what captures the training steps, unless they are the user's own code."""
        state = self._state()
        own_step = self._overrides("train_step") or self._overrides("compute_metrics")
        if self.run_eagerly or own_step or not state.variables:
            state.capture = None
            return
        if state.capture is None:
            state.capture = StepCapture(self)
        own_code = not _OWN_CALLBACKS.issuperset(map(type, callbacks))
        state.capture.begin(watchful=own_code or not in_rows(adapter))

    def _train_epoch(
        self,
        iterator: EpochIterator,
        callback_list: Any,
        epoch: int,
        validation: EpochIterator | None,
        validation_freq: Any,
    ) -> dict[str, Any] | None:
        """Trains for one epoch and gives its values; None when the data was used up."""
        state = self._state()
        checkpoints = state.checkpoints
        self.reset_metrics()
        state.step_logs = None
        iterator.adapter.on_epoch_begin()
        callback_list.on_epoch_begin(epoch)
        done = 0
        if checkpoints is not None and checkpoints.position is not None:
            done = checkpoints.position[1]
            checkpoints.restore()
        step_function = self._train_function()
        if Checks.on:
            from corten import debug

            step_function = debug.watched(step_function, self, "fit", epoch, done)
        if self.stop_training and done:
            step = done - 1
        elif callback_list.watches_train_batches:
            step = self._watched_steps(iterator, callback_list, step_function, epoch, done)
        else:
            step = self._unwatched_steps(iterator, step_function, done)
        if step < 0:
            return None
        callback_list.params["steps_done"] = step + 1
        logs = self._current_logs()
        iterator.adapter.on_epoch_end()
        if validation is not None and is_due(epoch, validation_freq):
            variables, layer_losses = state.variables, state.has_layer_losses
            for name, value in self._evaluate_epochs(validation, callback_list).items():
                logs[f"val_{name}"] = value
            state.variables, state.has_layer_losses = variables, layer_losses
        callback_list.on_epoch_end(epoch, logs)
        if checkpoints is not None:
            checkpoints.after_epoch(epoch, logs)
        return logs

    def _watched_steps(
        self, iterator: EpochIterator, callback_list: Any, step_function: Any, epoch: int, done: int
    ) -> int:
        """Trains on the batches of an epoch and reports each `steps_per_execution` of them."""
        every = max(int(self.steps_per_execution), 1)
        wants_logs = callback_list.wants_batch_logs
        checkpoints = self._state().checkpoints
        step = reported = done - 1
        for step, batch in enumerate(iterator.epoch(), done):
            if step % every == 0:
                callback_list.on_train_batch_begin(step)
            step_function(batch)
            if (step + 1) % every == 0:
                reported = step
                callback_list.on_train_batch_end(step, self._current_logs() if wants_logs else None)
                if checkpoints is not None:
                    checkpoints.after_batch(epoch, step + 1)
                if self.stop_training:
                    return step
        if step > reported:
            callback_list.on_train_batch_end(step, self._current_logs() if wants_logs else None)
            if checkpoints is not None:
                checkpoints.after_batch(epoch, step + 1)
        return step

    def _unwatched_steps(self, iterator: EpochIterator, step_function: Any, done: int) -> int:
        """Trains on the batches of an epoch, many at once where the engine can."""
        adapter, capture = iterator.adapter, self._state().capture
        step = done - 1
        if (
            capture is None
            or Checks.on
            or iterator.is_resumed
            or iterator.steps is not None
            or iterator.limit is not None
            or not in_rows(adapter)
        ):
            for step, batch in enumerate(iterator.epoch(), done):  # noqa: B007 - how many there were counts
                step_function(batch)
                if self.stop_training:
                    break
            return step
        iterator.note_pass()
        arrays, order = adapter.one_pass()
        start, size, count = 0, adapter.batch_size, adapter.num_samples
        standard_step = self._standard_step
        while start < count and not self.stop_training:
            rows = min(size, count - start)
            step += capture.steps(
                arrays,
                order,
                start,
                rows,
                (count - start) // rows,
                lambda: adapter.cut(arrays, order, start),  # noqa: B023 - called at once
                standard_step,
            )
            start = (step + 1) * size
        return step

    def _validation_epochs(self, data: Any, batch_size: int | None, steps: int | None) -> EpochIterator:
        """Prepares the validation data once; every epoch walks it again."""
        if is_array_data(data) and isinstance(data, tuple | list):
            x, y, sample_weight = unpack(data)
        else:
            x, y, sample_weight = data, None, None
        x = arrange_inputs(self, x, "fit (validation_data)")
        y = arrange_targets(self, y, "fit (validation_data)")
        adapter = choose_adapter(x, y, sample_weight, batch_size=batch_size, caller="fit (validation_data)")
        first = adapter.first_batch()
        if first is None:
            raise ValueError("fit: validation_data gives no batches")
        from corten.training.input_checks import check_inputs

        check_inputs(self, first[0], "fit (validation_data)")
        return EpochIterator(adapter, steps, "fit (validation_data)")
