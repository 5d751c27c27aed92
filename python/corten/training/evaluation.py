"""`evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core
from corten._state import Checks, Seen
from corten.callbacks.callback_list import CallbackList
from corten.layers.placement import elsewhere
from corten.training.adapters import ArrayAdapter, DataAdapter, EpochIterator, choose_adapter
from corten.training.adapters.conversion import to_tensor
from corten.training.adapters.epochs import check_steps
from corten.training.interrupts import alone
from corten.training.named_columns import arrange_inputs, arrange_targets
from corten.training.predictions import Predictions
from corten.training.preparation import prepare_for
from corten.training.progress import resolve_verbose
from corten.training.steps import Steps, as_user_sees, map_outputs

Tensor = _core.Tensor
# NumPy has one object for each native dtype, so that identity tells it.
_FLOAT32 = np.dtype(np.float32)


class Evaluation(Steps):
    """Evaluation and prediction, where nothing is trained."""

    @alone
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Computes loss and metrics on data, without training.

        Args:
            x: Inputs or a source of batches, as for `fit`.
            y: Targets.
            batch_size: Rows per step, 32 if None.
            verbose: As for `fit`.
            sample_weight: Weight per sample.
            steps: Number of batches, for sources without an end.
            callbacks: Objects of `corten.callbacks.Callback`.
            return_dict: Give a dict instead of a list.
            **kwargs: None; named in the error message.

        Returns:
            The loss, or a list of the loss and the metrics in the order of `metrics_names`.
        """
        if kwargs:
            raise TypeError(f"evaluate: unknown argument {', '.join(sorted(kwargs))}")
        state = self._check_compiled("evaluate")
        verbose = resolve_verbose(verbose, "evaluate")
        steps = check_steps(steps, "steps", "evaluate")
        x, y = arrange_inputs(self, x, "evaluate"), arrange_targets(self, y, "evaluate")
        adapter = choose_adapter(x, y, sample_weight, batch_size=batch_size, caller="evaluate")
        prepare_for(self, adapter, x, "evaluate")
        iterator = EpochIterator(adapter, steps, "evaluate")
        logs = self._evaluate_epochs(iterator, self._callback_list(callbacks, verbose, iterator))
        state.has_layer_losses = None
        return logs if return_dict else self._ordered_values(logs)

    def _callback_list(
        self, callbacks: Any, verbose: Any, iterator: EpochIterator, bar_after: float = 0.0
    ) -> Any:
        """The callbacks of a pass over the data; those of `fit` stay as they are."""
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=1,
            steps=iterator.num_batches,
            model=self,
            bar_after=bar_after,
        )

    def _evaluate_epochs(self, iterator: EpochIterator, callback_list: Any) -> dict[str, Any]:
        state = self._state()
        state.has_layer_losses = None
        state.step_logs = None
        before = _core.set_grad_enabled(False)
        try:
            self.reset_metrics()
            if self.stop_evaluating:
                self.stop_evaluating = False
            iterator.adapter.on_epoch_begin()
            callback_list.on_test_begin()
            step_function = self._test_function()
            if Checks.on:
                from corten import debug

                step_function = debug.watched(step_function, self, "evaluate")
            watched = callback_list.watches_test_batches
            step = -1
            for step, batch in enumerate(iterator.epoch()):
                if watched:
                    callback_list.on_test_batch_begin(step)
                    step_function(batch)
                    logs = self._current_logs() if callback_list.wants_batch_logs else None
                    callback_list.on_test_batch_end(step, logs)
                else:
                    step_function(batch)
                if self.stop_evaluating:
                    break
            iterator.adapter.on_epoch_end()
            logs = self._current_logs()
            if step < 0:
                # Without data there is no result, and 0 would pass for a perfect loss.
                logs = dict.fromkeys(logs, float("nan"))
            if "do_validation" not in callback_list.params:
                callback_list.params["steps_done"] = step + 1
            callback_list.on_test_end(logs)
        except BaseException:
            callback_list.close_lines()
            raise
        finally:
            iterator.close()
            _core.set_grad_enabled(before)
        state.step_logs = None
        return logs

    # -- prediction -----------------------------------------------------------------------------

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Gives the outputs for inputs, as NumPy arrays.

        Args:
            x: Inputs or a source of batches; targets in it are ignored.
            batch_size: Rows per step, 32 if None.
            verbose: As for `fit`; 'auto' shows a bar only when it takes more than a second.
            steps: Number of batches, for sources without an end.
            callbacks: Objects of `corten.callbacks.Callback`.

        Example:
            >>> import corten
            >>> model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(2)])
            >>> model.predict(np.zeros((5, 3))).shape
            (5, 2)
        """
        if Seen.devices and (scope := elsewhere(self)) is not None:
            with scope:
                return self.predict(x, batch_size, verbose, steps, callbacks)
        if (
            type(x) is np.ndarray
            and callbacks is None
            and steps is None
            and x.ndim
            and 0 < len(x) <= (32 if batch_size is None else batch_size)
            and self.built  # type: ignore[attr-defined]
            and type(self).predict_step is Steps.predict_step
            and not Checks.on
        ):
            # One small batch, the case of an application: straight through the model.
            before = _core.set_grad_enabled(False)
            try:
                batch = _core.tensor(x) if x.dtype is _FLOAT32 else to_tensor(x, "x")
                if type(batch) is np.ndarray:
                    return self._predict_batches(x, batch_size, verbose, steps, callbacks)
                outputs = self._forward(batch, False)
            except ValueError:
                from corten.training.input_checks import check_inputs

                check_inputs(self, x, "predict")  # Says more about the mistakes it knows.
                raise
            finally:
                _core.set_grad_enabled(before)
            if type(outputs) is Tensor:
                return outputs.numpy()
            return map_outputs(lambda leaf: leaf.numpy(), outputs)
        return self._predict_batches(x, batch_size, verbose, steps, callbacks)

    def _predict_batches(self, x: Any, batch_size: Any, verbose: Any, steps: Any, callbacks: Any) -> Any:
        from corten.training.input_checks import check_inputs

        bar_after = 1.0 if verbose == "auto" else 0.0
        verbose = resolve_verbose(verbose, "predict")
        x = arrange_inputs(self, x, "predict")
        adapter: DataAdapter = choose_adapter(x, batch_size=batch_size, caller="predict")
        first = adapter.first_batch()
        if first is None:
            raise ValueError(f"predict: x ({type(x).__name__}) gives no batches")
        check_inputs(self, first[0], "predict")
        iterator = EpochIterator(adapter, check_steps(steps, "steps", "predict"), "predict")
        callback_list: Any = None
        if callbacks is not None or verbose != 0:
            callback_list = self._callback_list(callbacks, verbose, iterator, bar_after)
        whole = isinstance(adapter, ArrayAdapter) and steps is None and iterator.limit is None
        predictions = Predictions(adapter.num_samples if whole else None)
        self.stop_predicting = False
        before = _core.set_grad_enabled(False)

        def predict_step(batch: Any) -> Any:
            return self.predict_step(as_user_sees(batch))

        if Checks.on:
            from corten import debug

            predict_step = debug.watched(predict_step, self, "predict")
        try:
            adapter.on_epoch_begin()
            if callback_list is not None:
                callback_list.on_predict_begin()
            for step, batch in enumerate(iterator.epoch()):
                if callback_list is not None:
                    callback_list.on_predict_batch_begin(step)
                outputs = predict_step((batch[0], None, None))
                # Views of the outputs: `predictions` copies the values to where they stay.
                predictions.add(map_outputs(np.asarray, outputs))
                if callback_list is not None:
                    callback_list.on_predict_batch_end(step, {"outputs": outputs})
                if self.stop_predicting:
                    break
            if callback_list is not None:
                callback_list.on_predict_end()
            adapter.on_epoch_end()
        except BaseException:
            if callback_list is not None:
                callback_list.close_lines()
            raise
        finally:
            iterator.close()
            _core.set_grad_enabled(before)
        return predictions.result()
