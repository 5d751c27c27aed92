"""Training steps that repeat: traced twice, then run by the engine without Python in between.

A step of `fit` is Python code that asks the engine for one op after the other. For a small model that
asking costs more than the ops. So the first steps are traced; where two traces agree, the ops are
known, and the engine runs them on the next batches by itself. The ops are the same, in the same
order, and so are the bits.

Only steps made of Corten's own layers, losses, metrics and optimizers are captured, with settings that
are compared before every run: what a user writes may do something else in every step, and is called
for every step. `compile(run_eagerly=True)` switches capture off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corten import _core
from corten._state import Checks, state as call_state, uninterrupted
from corten.optimizers.schedules.schedule import fast_rate
from corten.random.seed_generator import next_draws, skip_draws
from corten.training.adapters import Batch
from corten.training.adapters.conversion import flatten
from corten.training.fingerprint import Fingerprint, Foreign
from corten.variable import Variable

Tensor = _core.Tensor
#: One batch of training, run as Python code.
StepFunction = Callable[[Batch], None]

# So many traces of a step that never agree, and it runs as Python code for good.
_TRIES = 4
# So many kinds of batches, and so many changes of settings within one `fit`, are worth the tracing.
_KINDS = 64
_CHANGES = 16
# For so many steps the learning rates of a schedule are worked out at once.
_RATES_AT_ONCE = 256
_RULES = frozenset({"sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "lion"})


class _Captured:
    """What is known about the steps of one kind of batch."""

    def __init__(self) -> None:
        self.plan: Any = None
        self.trace: Any = None
        self.draws: list[Any] = []
        self.counts: list[float] = []
        self.tries = 0


class StepCapture:
    """The captured training steps of one model.

    Args:
        model: The compiled model.

    Attributes:
        refusal: Why the last step that could not be captured was not; None when there was none.
        replayed: How many steps the engine ran by itself.

    Example:
        >>> import corten
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        >>> model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(x, 3 * x, epochs=4, batch_size=16, verbose=0)
        >>> model._training_state.capture.replayed > 0
        True
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.refusal: str | None = None
        self.replayed = 0
        self._kinds: dict[Any, _Captured] = {}
        self._fingerprint: Fingerprint | None = None
        self._watchful = True
        self._ready: bool | None = None
        self._changes = 0
        self._variables: list[Any] = []
        self._decays: list[bool] = []
        self._states: list[Any] = []
        self._trackers: list[Any] = []
        self._total_dtypes: list[tuple[str, str]] | None = None

    # -- what a step reads and writes -----------------------------------------------------------------

    def begin(self, watchful: bool) -> None:
        """Gets ready for a call of `fit`.

        Args:
            watchful: Whether code of the user's runs between the steps, which may change settings.
        """
        self._watchful = watchful
        self._ready = None
        self._changes = 0

    def moved(self) -> None:
        """Forgets the steps: the model was moved to another device."""
        self._kinds.clear()
        self._fingerprint = None
        self._ready = None
        self._total_dtypes = None

    def _look(self) -> bool:
        """Looks at the model before training goes on; gives whether its steps may be captured."""
        if self._fingerprint is not None and self._fingerprint.holds() and self._same_variables():
            return True
        self._kinds.clear()
        self._changes += 1
        self._fingerprint = None
        self.refusal = self._refusal()
        if self.refusal is not None:
            return False
        try:
            self._fingerprint = Fingerprint(self._roots())
        except Foreign as reason:
            self.refusal = str(reason)
            return False
        self._list_variables()
        return True

    def _roots(self) -> list[Any]:
        state = self._model._state()
        return [self._model, state.loss, state.metrics, self._model.optimizer]

    def _refusal(self) -> str | None:
        """Why no step of the model can be captured."""
        if self._changes > _CHANGES:
            return "the settings change all the time"
        optimizer = self._model.optimizer
        if optimizer is None or not optimizer.built or not optimizer._uses_engine():
            return "the optimizer has no rule in the engine"
        if optimizer._rule not in _RULES:
            return f"the rule {optimizer._rule!r} depends on the step in more than its count"
        if optimizer.use_ema or optimizer.loss_scale_factor or optimizer.gradient_accumulation_steps:
            return "the optimizer averages, scales or accumulates"
        variables = optimizer._trainable_variables
        if any(variable.overwrite_with_gradient or variable._constraint for variable in variables):
            return "a variable has a constraint or is set to its gradient"
        return None

    def _same_variables(self) -> bool:
        """Whether the optimizer's state is held by the variables it was held by."""
        trained = self._model._state().variables
        count = len(trained)
        return len(self._variables) >= count and all(
            known is variable for known, variable in zip(self._variables, trained, strict=False)
        )

    def _list_variables(self) -> None:
        model, optimizer = self._model, self._model.optimizer
        state = model._state()
        if optimizer._decayed is None:
            optimizer._decayed = [optimizer._use_weight_decay(v) for v in optimizer._trainable_variables]
        where = [optimizer._get_variable_index(variable) for variable in state.variables]
        slots = [slot for index in where for slot in optimizer._slots[index]]
        self._variables = [*state.variables, *slots]
        self._decays = [optimizer._decayed[index] for index in where] + [False] * len(slots)
        known = {id(variable) for variable in self._variables}
        metrics = [] if state.metrics is None else state.metrics.variables
        candidates = [*model.non_trainable_variables, *model.metrics_variables, *metrics]
        self._states = []
        for variable in candidates:
            # Random states are advanced by the number of draws, not by an op.
            if id(variable) not in known and variable._dtype != "uint32":
                known.add(id(variable))
                self._states.append(variable)
        self._trackers = state.trackers

    # -- running --------------------------------------------------------------------------------------

    def step(self, batch: Batch, function: StepFunction) -> None:
        """Runs one step: captured if it is known, else as Python code."""
        self.steps(batch, None, 0, _leaves(batch)[1][0].shape[0], 1, lambda: batch, function)

    def steps(
        self,
        arrays: Batch,
        order: Any,
        start: int,
        size: int,
        count: int,
        first: Callable[[], Batch],
        function: StepFunction,
    ) -> int:
        """Runs at least one step of some on the rows of arrays.

        Args:
            arrays: What the batches are cut from.
            order: The order of the rows, or None.
            start: The first row.
            size: Rows per batch.
            count: How many batches there are.
            first: Gives the first of them.
            function: The step as Python code.

        Returns:
            How many batches were done.
        """
        if self._total_dtypes is None or not self._allowed():
            # A first step builds what later ones find, and shows in which dtype the loss is summed up.
            function(first())
            if self._total_dtypes is None:
                self._total_dtypes = self._dtypes_of_totals()
            return 1
        names, leaves = _leaves(arrays)
        if any(type(leaf) is not Tensor for leaf in leaves):
            function(first())  # Text is no operand of the engine's.
            return 1
        kind = (size, names, *[(leaf.shape[1:], leaf.dtype) for leaf in leaves])
        captured = self._kinds.get(kind)
        if captured is None:
            captured = _Captured()
            if len(self._kinds) < _KINDS:
                self._kinds[kind] = captured
        if captured.plan is None:
            batch = first()
            if captured.tries < _TRIES and kind in self._kinds:
                self._trace(captured, batch, function)
            else:
                function(batch)
            return 1
        done, failure = self._replay(captured, leaves, order, start, size, count)
        if failure is None:
            return done
        # Nothing of the batch was kept. As Python code it fails with the message of the layer or loss.
        function(first())
        if not isinstance(failure, MemoryError):
            # It did not: the plan is not what the step does, and is not used again.
            captured.plan, captured.tries = None, _TRIES
            self.refusal = f"the captured step failed: {failure}"
        return 1

    def _allowed(self) -> bool:
        if call_state.tapes or call_state.hooked or call_state.training is not None or Checks.on:
            return False
        if self._watchful or self._ready is None:
            self._ready = self._look()
        return self._ready

    def _dtypes_of_totals(self) -> list[tuple[str, str]] | None:
        totals = [tracker._total for tracker in self._model._state().trackers]
        summed = all(isinstance(total, Tensor) for total in totals)
        return [(total.dtype, total.device) for total in totals] if summed else None

    def _values(self) -> list[Any]:
        values = [variable._value for variable in self._states]
        for tracker, (dtype, device) in zip(self._trackers, self._total_dtypes or (), strict=True):
            if not isinstance(tracker._total, Tensor):
                # At the start of an epoch it is a plain 0.
                tracker._total = _core.full((), tracker._total, dtype, device)
            values.append(tracker._total)
        return values

    def _trace(self, captured: _Captured, batch: Batch, function: StepFunction) -> None:
        """Runs a step as Python code and notes the ops; the second trace that agrees makes the plan."""
        captured.tries += 1
        drawn: list[tuple[Any, int, int]] = []
        counts = [tracker._count for tracker in self._trackers]
        call_state.draws = drawn
        _core.trace_begin(
            _leaves(batch)[1], [variable._value for variable in self._variables], self._values()
        )
        try:
            function(batch)
            trace = _core.trace_end(self._values(), [(seed, stream) for _, seed, stream in drawn])
        finally:
            call_state.draws = None
            _core.trace_abort()
        generators = [generator for generator, _, _ in drawn]
        added = [tracker._count - count for tracker, count in zip(self._trackers, counts, strict=True)]
        if isinstance(trace, str):
            self.refusal = trace
            return
        assert self._fingerprint is not None
        if not self._fingerprint.holds():
            self.refusal = "the step changes the settings of a layer"
            return
        before, captured.trace = captured.trace, trace
        same_draws = len(generators) == len(captured.draws) and all(
            one is other for one, other in zip(generators, captured.draws, strict=True)
        )
        if before is not None and same_draws and added == captured.counts:
            try:
                captured.plan = _core.StepPlan(before, trace, self._decays)
                captured.trace = None
                self.refusal = None
            except ValueError as reason:
                self.refusal = str(reason)
        captured.draws, captured.counts = generators, added

    def _replay(
        self, captured: _Captured, leaves: Sequence[Any], order: Any, start: int, size: int, count: int
    ) -> tuple[int, BaseException | None]:
        """Gives how many batches were done, and why the first one was not."""
        optimizer = self._model.optimizer
        iteration = int(optimizer._iterations._value)
        if isinstance(optimizer._learning_rate, Variable):
            rates = [optimizer._current_rate(iteration)]
        else:
            # Only a formula knows the rates of steps to come.
            count = min(count, _RATES_AT_ONCE if fast_rate(optimizer._learning_rate) else 1)
            rates = [optimizer._current_rate(iteration + step) for step in range(count)]
        outcome: list[Any] = []
        try:
            captured.plan.run(
                leaves,
                order,
                start,
                size,
                count,
                [variable._value for variable in self._variables],
                self._values(),
                rates,
                optimizer.weight_decay or 0.0,
                iteration + 1,
                next_draws(captured.draws) if captured.draws else [],
                outcome,
            )
        finally:
            # Also after Ctrl-C: what the steps changed belongs together.
            with uninterrupted:
                for done, results in outcome[:1]:
                    if done:
                        self._keep(captured, iteration, done, results)
        (done, _), *failures = outcome
        return done, failures[0] if failures else None

    def _keep(self, captured: _Captured, iteration: int, done: int, results: list[Any]) -> None:
        """Counts the steps that were done, and keeps the values they gave."""
        optimizer = self._model.optimizer
        self.replayed += done
        optimizer._iterations._set(_core.full((), iteration + done, "int32", "cpu"))
        if captured.draws:
            skip_draws(captured.draws, done)
        values = iter(results)
        for variable in self._states:
            variable._set(next(values))
        for tracker, added in zip(self._trackers, captured.counts, strict=True):
            tracker._total = next(values)
            tracker._count += added * done


def _leaves(batch: Batch) -> tuple[tuple[str, ...], list[Any]]:
    """The arrays of a batch and where in it they are."""
    x, y, weight = batch
    if type(x) is Tensor and type(y) is Tensor and weight is None:
        return ("x", "y"), [x, y]
    named = [leaf for part, name in ((x, "x"), (y, "y"), (weight, "weight")) for leaf in flatten(part, name)]
    return tuple(name for name, _ in named), [leaf for _, leaf in named]
