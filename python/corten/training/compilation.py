"""`compile` and what it makes of losses, metrics and optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corten import _core
from corten.training.compile_loss import CompileLoss
from corten.training.compile_metrics import CompileMetrics
from corten.training.history import plain_logs
from corten.training.interrupts import Owner, StepState
from corten.training.loss_tracker import LossTracker

if TYPE_CHECKING:
    from corten.training.capture import StepCapture
    from corten.training.checkpoint.session import Session
    from corten.training.preparation import Prepared

Tensor = _core.Tensor

_COMPILE_DEFAULTS: dict[str, Any] = {
    "optimizer": "rmsprop",
    "loss": None,
    "loss_weights": None,
    "metrics": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
    "jit_compile": "auto",
    "auto_scale_loss": True,
}


class TrainingState:
    """All that `compile` sets up. One plain object, so that the model's attribute tracking skips it."""

    def __init__(self) -> None:
        self.config: dict[str, Any] | None = None
        self.loss: CompileLoss | None = None
        self.metrics: CompileMetrics | None = None
        self.tracker = LossTracker("loss")
        #: Whether the layers add losses of their own; None when that must be looked up.
        self.has_layer_losses: bool | None = None
        #: The trainable variables while `fit` runs.
        self.variables: list[Any] | None = None
        #: Whether `compute_loss` has the argument `training`; None until it is looked up.
        self.loss_takes_training: bool | None = None
        #: `model.metrics` while `fit` runs: finding them means walking all layers.
        self.metric_list: list[Any] | None = None
        #: What writes checkpoints while `fit` runs.
        self.checkpoints: Session | None = None
        #: The training steps that the engine runs by itself.
        self.capture: StepCapture | None = None
        #: With what kind of data the model was prepared; None before that.
        self.prepared: Prepared | None = None
        #: What to go back to when a step of `fit` fails.
        self.step_state: StepState | None = None
        #: Which thread trains or evaluates.
        self.owner = Owner()
        #: What the last custom train_step or test_step returned.
        self.step_logs: dict[str, Any] | None = None

    @property
    def trackers(self) -> list[LossTracker]:
        """What sums up the loss and the losses of single outputs."""
        return [self.tracker, *(self.loss.trackers if self.loss is not None else ())]

    def forget_steps(self) -> None:
        """Drops what was found out about the model's steps: its layers have other weights now."""
        self.capture = self.prepared = self.has_layer_losses = None

    def __getstate__(self) -> dict[str, Any]:
        # What was captured belongs to the variables of this model; a copy captures anew.
        return {**self.__dict__, "capture": None, "checkpoints": None, "step_state": None}


class Compilation:
    """The part of a model that `compile` sets up."""

    optimizer: Any = None
    #: The `History` of the last `fit`.
    history: Any = None
    loss: Any = None
    #: Set by callbacks to end `fit`, `evaluate` or `predict` after the current batch.
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    run_eagerly: bool = False
    steps_per_execution: int = 1
    jit_compile: Any = "auto"
    _training_state: TrainingState | None = None

    def _state(self) -> TrainingState:
        state = self._training_state
        if state is None:
            state = TrainingState()
            object.__setattr__(self, "_training_state", state)
        return state

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._training_state is not None and self._training_state.config is not None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Sets what training needs: optimizer, loss, metrics.

        Args:
            optimizer: Name, config or object.
            loss: Name, object or function `(y_true, y_pred) -> value`; a list or dict of them for
                several outputs. 'crossentropy' chooses binary, categorical or sparse by shape.
            loss_weights: Factor of each output's loss.
            metrics: List of names, objects or functions; a list of lists or dict for several
                outputs. 'accuracy' chooses its kind by shape.
            weighted_metrics: The same, for metrics that take the sample weights.
            run_eagerly: Run every step as Python code; otherwise `fit` traces a step that repeats and lets
                the engine run it, with the same results.
            steps_per_execution: Batches of training between two calls of the batch hooks.
            jit_compile: Accepted for Keras's sake; no effect.
            auto_scale_loss: Scale losses when the dtype policy is 'mixed_float16'.

        Raises:
            ValueError: Unknown name. The model keeps what it had.

        Example:
            >>> import corten
            >>> model = corten.Sequential([corten.Input((4,)), corten.layers.Dense(1)])
            >>> model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
            >>> model.optimizer.name
            'sgd'
        """
        from corten import optimizers

        # Everything is resolved before anything is kept, so that a typo leaves the model as it was.
        resolved = optimizers.get(optimizer)
        output_names = self._known_output_names()
        compile_loss = None if loss is None else CompileLoss(loss, loss_weights, output_names)
        compile_metrics = None
        if metrics is not None or weighted_metrics is not None:
            compile_metrics = CompileMetrics(metrics, weighted_metrics, output_names)
        if auto_scale_loss and resolved is not None and self._wants_loss_scaling():
            scaling = optimizers.LossScaleOptimizer
            if not isinstance(resolved, scaling):
                resolved = scaling(resolved, name="loss_scale_optimizer")

        state = TrainingState()
        state.loss, state.metrics = compile_loss, compile_metrics
        state.config = {
            "optimizer": resolved,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }
        object.__setattr__(self, "_training_state", state)
        self.optimizer = resolved
        self.loss = loss
        self.run_eagerly = bool(run_eagerly)
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.stop_training = False

    def _known_output_names(self) -> list[str] | None:
        names = getattr(self, "output_names", None)
        return [str(name) for name in names] if names else None

    def _wants_loss_scaling(self) -> bool:
        policy = getattr(self, "dtype_policy", None)
        return getattr(policy, "name", "") == "mixed_float16"

    def _check_compiled(self, caller: str) -> TrainingState:
        state = self._training_state
        if state is None or state.config is None:
            raise ValueError(
                f"{caller}: the model {getattr(self, 'name', '')!r} is not compiled yet. Call for example "
                "`model.compile(optimizer='adam', loss='mse')` first."
            )
        return state

    # -- losses and metrics ---------------------------------------------------------------------

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Gives the total loss of a batch: the compiled loss plus what the layers add.

        Override it for a loss that needs more than targets and outputs.

        Args:
            x: Inputs.
            y: Targets.
            y_pred: Outputs.
            sample_weight: Weights of the samples.
            training: Whether this is a training step.

        Raises:
            ValueError: There is neither a compiled loss nor one added by a layer.
        """
        state = self._state()
        if state.loss is None:
            total = self._own_loss(y, y_pred, sample_weight) if self._has_own_loss else None
        else:
            total = state.loss(*self._compared(x, y, y_pred), sample_weight)
        if state.has_layer_losses is not False:
            added = self.losses  # type: ignore[attr-defined]
            if state.has_layer_losses is None and state.variables is not None:
                # Inside `fit`: layers that added nothing to the first batch are not asked again.
                state.has_layer_losses = bool(added)
            for value in added:
                total = value if total is None else total + value
        if total is None:
            raise ValueError(
                "There is no loss to minimize: pass one to `compile(loss=...)`, or add one in a layer with "
                "`add_loss`."
            )
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Updates the metrics with a batch and gives their values so far.

        Args:
            x: Inputs.
            y: Targets.
            y_pred: Outputs.
            sample_weight: Weights of the samples.
        """
        self._update_metrics(*self._compared(x, y, y_pred), sample_weight)
        return self.get_metrics_result()

    #: Whether there is a loss without one given to `compile`: `_own_loss`.
    _has_own_loss: bool = False

    def _own_loss(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """Gives the loss that a model brings along."""
        raise NotImplementedError

    def _check_labels(self, x: Any, y: Any, caller: str) -> None:
        """Refuses labels that the model's own loss cannot take, before anything is trained."""

    def _compared(self, x: Any, y: Any, y_pred: Any) -> tuple[Any, Any]:
        """Gives targets and outputs as losses and metrics see them; most models leave them as they are."""
        return y, y_pred

    def _counted(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, ...]:
        """Gives what metrics are updated with; models with labels to be ignored say so here."""
        return y, y_pred, sample_weight

    def _update_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        metrics = self._state().metrics
        if metrics is None:
            return
        before = _core.set_grad_enabled(False)
        try:
            metrics.update_state(*self._counted(y, y_pred, sample_weight))
        finally:
            _core.set_grad_enabled(before)

    def get_metrics_result(self) -> dict[str, Any]:
        """Gives the current value of the loss and all metrics by name."""
        before = _core.set_grad_enabled(False)
        try:
            results: dict[str, Any] = {}
            for metric in self._known_metrics():
                value = metric.result()
                if isinstance(value, dict):
                    results.update(value)
                else:
                    results[metric.name] = value
        finally:
            _core.set_grad_enabled(before)
        return results

    def _current_logs(self) -> dict[str, Any]:
        """Gives the values so far as plain numbers."""
        step_logs = self._state().step_logs
        return plain_logs(step_logs if step_logs is not None else self.get_metrics_result())

    def reset_metrics(self) -> None:
        """Sets the loss mean and all metrics back to their start."""
        for metric in self._known_metrics():
            metric.reset_state()

    def _known_metrics(self) -> list[Any]:
        state = self._training_state
        known = None if state is None else state.metric_list
        return self.metrics if known is None else known

    @property
    def metrics(self) -> list[Any]:
        """The loss mean, metrics of layers, and the compiled metrics as one object."""
        state = self._training_state
        found: list[Any] = []
        if state is not None and state.config is not None:
            found.append(state.tracker)
            if state.loss is not None:
                found.extend(state.loss.trackers)
        found.extend(self._layer_metrics())
        if state is not None and state.metrics is not None:
            found.append(state.metrics)
        return found

    def _layer_metrics(self) -> list[Any]:
        inherited = getattr(super(), "metrics", None)
        return list(inherited) if inherited else []

    @property
    def metrics_names(self) -> list[str]:
        """The names in the order in which `evaluate` gives the values."""
        names: list[str] = []
        for metric in self.metrics:
            if isinstance(metric, CompileMetrics):
                names.extend(metric.metric_names or [metric.name])
            else:
                names.append(metric.name)
        return names

    @property
    def compiled_metrics(self) -> CompileMetrics | None:
        """The compiled metrics, for training steps written as in older Keras."""
        return self._state().metrics

    def compiled_loss(
        self, y: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> Any:
        """Gives the compiled loss plus extra losses, for training steps written as in older Keras."""
        compile_loss = self._check_compiled("compiled_loss").loss
        if compile_loss is None:
            raise ValueError("compiled_loss: the model was compiled without a loss")
        total = compile_loss(y, y_pred, sample_weight)
        for value in regularization_losses or ():
            total = total + value
        return total

    def _ordered_values(self, logs: dict[str, Any]) -> Any:
        """Gives log values as `evaluate` returns them: one number, or a list in the order of the names."""
        logs = plain_logs(logs)
        names = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in names]
        values += [logs[name] for name in logs if name not in names]
        return values[0] if len(values) == 1 else values

    # -- configuration --------------------------------------------------------------------------

    def get_compile_config(self) -> dict[str, Any] | None:
        """Gives the arguments of `compile` in a form that can be written to a file."""
        if not self.compiled:
            return None
        from corten import saving

        config = self._state().config
        assert config is not None
        serialized: dict[str, Any] = saving.serialize_keras_object(config)
        return serialized

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model as a saved configuration says, and prepares the optimizer's state.

        A model whose `compile` is its own is not compiled, with a warning: what it wants is not known.
        """
        from corten import saving

        # Models of Corten that override it, such as Distiller, take the same arguments.
        if not type(self).compile.__module__.startswith("corten."):
            import warnings

            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` "
                "method is custom. Call it, or override `compile_from_config`.",
                stacklevel=2,
            )
            return
        config = saving.deserialize_keras_object(config)
        self.compile(**{key: value for key, value in config.items() if key in _COMPILE_DEFAULTS})
        if self.optimizer is not None and getattr(self, "built", False):
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]
