"""One batch: the training step, the test step and the prediction step."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from corten import _core, tree
from corten._state import Seen, state as call_state
from corten.layers.placement import elsewhere
from corten.training.adapters import standardize, unpack
from corten.training.adapters.conversion import flatten, to_tensors
from corten.training.adapters.weights import check_class_weight
from corten.training.compilation import Compilation
from corten.training.interrupts import alone
from corten.utils.data_tuples import pack_x_y_sample_weight

Tensor = _core.Tensor


def batch_size_of(x: Any) -> int:
    """The number of rows of the first array of a batch."""
    if type(x) is Tensor:
        return int(x.shape[0]) if x.ndim else 1
    for _, leaf in flatten(x, "x"):
        return int(leaf.shape[0]) if leaf.shape else 1
    return 1


def _without_history(values: Any) -> Any:
    """The same values, not holding on to what they were computed from."""
    if type(values) is Tensor:
        return values.detach()
    return tree.map_structure(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, values)


class Steps(Compilation):
    """What happens with one batch. Every `*_step` method can be overridden."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Trains on one batch: forward, loss, gradients, update, metrics.

        Override it for another kind of training, with a `corten.GradientTape` or with
        `loss.backward()`.

        Args:
            data: The batch as the data source gave it: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            Values by name, as shown by the progress bar and kept by the history.
        """
        x, y, sample_weight = unpack(data)
        y_pred = self._learn(x, y, sample_weight)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluates one batch. May be overridden; arguments and result as for `train_step`."""
        x, y, sample_weight = unpack(data)
        y_pred = self._judge(x, y, sample_weight)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Gives the outputs of one batch. May be overridden."""
        x, _, _ = unpack(data)
        return self._forward(x, False)

    def _forward(self, x: Any, training: bool) -> Any:
        """Calls the model. The flag goes by way of the call state, which costs less than an argument."""
        before = call_state.training
        call_state.training = training
        try:
            return self(x)  # type: ignore[operator]
        finally:
            call_state.training = before

    def _learn(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """Forward, loss, gradients and update; gives the outputs. The one home of the training step."""
        state = self._training_state
        assert state is not None
        y_pred = self._forward(x, True)
        loss = self._loss_of(x, y, y_pred, sample_weight, True)
        state.tracker.update_state(loss, batch_size_of(x))
        optimizer = self.optimizer
        variables = state.variables
        if variables is None:
            variables = self.trainable_variables  # type: ignore[attr-defined]
        if variables:
            loss = optimizer.scale_loss(loss)
            gradients = _core.gradients(loss, [variable.value for variable in variables])
            # The recorded history shares the weights' memory; once it is gone, the update is in place.
            del loss
            y_pred = _without_history(y_pred)
            optimizer.apply(gradients, variables)
        return y_pred

    def _judge(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """Forward and loss; gives the outputs."""
        y_pred = self._forward(x, False)
        state = self._training_state
        assert state is not None
        if state.loss is not None or self._has_own_loss or self._overrides("compute_loss"):
            loss = self._loss_of(x, y, y_pred, sample_weight, False)
            state.tracker.update_state(loss, batch_size_of(x))
        return y_pred

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """Calls `compute_loss`, also one written before it had the argument `training`."""
        state = self._state()
        if state.loss_takes_training is None:
            state.loss_takes_training = _accepts_training(self.compute_loss)
        if not state.loss_takes_training:
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def _overrides(self, name: str) -> bool:
        """Whether the user's class replaces a method of the trainer."""
        return getattr(type(self), name) is not getattr(Steps, name)

    def _train_function(self) -> Any:
        """Gives the quickest function for one training batch.

        The standard step without reading metric values after each batch; where the user replaced
        `train_step` or `compute_metrics`, that is called and its result kept.
        """
        state = self._state()
        if self._overrides("train_step") or self._overrides("compute_metrics"):

            def custom_step(batch: Any) -> None:
                state.step_logs = self.train_step(as_user_sees(batch))

            return custom_step

        capture = state.capture
        if capture is None:
            return self._standard_step

        def captured_step(batch: Any) -> None:
            capture.step(batch, self._standard_step)

        return captured_step

    def _standard_step(self, batch: Any) -> None:
        """A training step of `fit`, as a whole or not at all."""
        step_state = self._state().step_state
        if step_state is None:
            self._run_standard_step(batch)
            return
        before = step_state.take()
        try:
            self._run_standard_step(batch)
        except MemoryError:
            if not step_state.give_back(before):
                raise
        except BaseException:
            step_state.give_back(before)
            raise
        else:
            return
        # Here, where the values of the step that failed are gone: once more, noting which layer runs.
        from corten.debug import noting_places

        before = step_state.take()
        try:
            with noting_places():
                self._run_standard_step(batch)
        except BaseException:
            step_state.give_back(before)
            raise

    def _run_standard_step(self, batch: Any) -> None:
        x, y, sample_weight = batch
        y_pred = self._learn(x, y, sample_weight)
        if self._state().metrics is not None:
            self._update_metrics(*self._compared(x, y, y_pred), sample_weight)

    def _test_function(self) -> Any:
        """As `_train_function`, for evaluation."""
        state = self._state()
        if self._overrides("test_step") or self._overrides("compute_metrics"):

            def custom_step(batch: Any) -> None:
                state.step_logs = self.test_step(as_user_sees(batch))

            return custom_step

        def standard_step(batch: Any) -> None:
            x, y, sample_weight = batch
            y_pred = self._judge(x, y, sample_weight)
            if state.metrics is not None:
                state.metrics.update_state(*self._counted(*self._compared(x, y, y_pred), sample_weight))

        return standard_step

    # -- single batches -------------------------------------------------------------------------

    @alone
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Runs one training step.

        Args:
            x: Inputs of one batch.
            y: Targets.
            sample_weight: Weight of each sample.
            class_weight: Weight per class index.
            return_dict: Give a dict instead of a list.

        Returns:
            The loss, with metrics a list of loss and metrics, or a dict; of this batch alone.
        """
        self._check_compiled("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("train_on_batch: give sample_weight or class_weight, not both")
            class_weight = check_class_weight(class_weight)
        batch = standardize((x, y, sample_weight), class_weight)
        self._prepare_once(batch, "train_on_batch", training=True)
        self.reset_metrics()
        before = _core.set_grad_enabled(True)
        try:
            logs = self.train_step(as_user_sees(batch))
        finally:
            _core.set_grad_enabled(before)
        return self._batch_result(logs, return_dict)

    @alone
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Evaluates one batch; arguments and result as for `train_on_batch`."""
        self._check_compiled("test_on_batch")
        batch = standardize((x, y, sample_weight))
        self._prepare_once(batch, "test_on_batch", training=False)
        self.reset_metrics()
        before = _core.set_grad_enabled(False)
        try:
            logs = self.test_step(as_user_sees(batch))
        finally:
            _core.set_grad_enabled(before)
        return self._batch_result(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Gives the outputs of one batch as NumPy arrays."""
        if Seen.devices and (scope := elsewhere(self)) is not None:
            with scope:
                return self.predict_on_batch(x)
        before = _core.set_grad_enabled(False)
        try:
            outputs = self.predict_step(as_user_sees((to_tensors(x, "x"), None, None)))
        finally:
            _core.set_grad_enabled(before)
        return map_outputs(lambda leaf: leaf.numpy(), outputs)

    def _batch_result(self, logs: dict[str, Any], return_dict: bool) -> Any:
        from corten.training.history import plain_logs

        return plain_logs(logs) if return_dict else self._ordered_values(logs)

    def _prepare_once(self, batch: Any, caller: str, *, training: bool) -> None:
        """Builds and checks before the first batch; later batches go straight to the step."""
        state = self._state()
        built = (state.loss is None or state.loss.built) and (state.metrics is None or state.metrics.built)
        if built and getattr(self, "built", False):
            return
        from corten.training.preparation import prepare

        prepare(self, batch, batch[1], caller)
        if training and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    def zero_grad(self) -> None:
        """Clears the gradients that `loss.backward()` left on the variables."""
        for variable in self.trainable_variables:  # type: ignore[attr-defined]
            variable.value.grad = None


def _accepts_training(compute_loss: Any) -> bool:
    parameters = inspect.signature(compute_loss).parameters
    return "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def as_user_sees(batch: Any) -> Any:
    """Gives a batch in the form users' own steps expect: no trailing Nones, `x` alone bare."""
    return pack_x_y_sample_weight(*batch)


def map_outputs(function: Any, outputs: Any) -> Any:
    """Applies `function` to every tensor of a model's output, keeping its structure."""
    if type(outputs) is Tensor:
        return function(outputs)
    if isinstance(outputs, dict):
        mapped = {key: map_outputs(function, value) for key, value in outputs.items()}
        return mapped if type(outputs) is dict else type(outputs)(mapped)
    if isinstance(outputs, list | tuple):
        values = [map_outputs(function, value) for value in outputs]
        return values if isinstance(outputs, list) else tuple(values)
    if hasattr(outputs, "__corten_tensor__"):
        return function(outputs.__corten_tensor__())
    return function(_core.tensor(outputs))


def warn_without_variables(model: Any) -> None:
    """Warns when there is nothing to train."""
    warnings.warn(
        f"The model {model.name!r} has no trainable weights; `fit` will not change it. "
        "Was `trainable = False` set on all its layers?",
        UserWarning,
        stacklevel=3,
    )
