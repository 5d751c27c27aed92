"""The metrics of a compiled model, per output, with and without sample weights."""

from __future__ import annotations

from typing import Any

from corten import _core, metrics
from corten.training.outputs import OutputLayout, is_binary_or_sparse, only_entry

Tensor = _core.Tensor
_ACCURACY = frozenset({"accuracy", "acc"})


def resolve_metric(identifier: Any, target: Any, output: Any) -> Any:
    """Gives a `Metric` object; 'accuracy' is chosen by the shapes of targets and outputs.

    Raises:
        ValueError: Unknown name.
    """
    if identifier is None or isinstance(identifier, metrics.Metric):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _ACCURACY:
        if target is None:
            raise ValueError(
                f"metrics=[{identifier!r}] compares outputs with targets, but there is no y for the output"
            )
        binary, sparse = is_binary_or_sparse(tuple(target.shape), tuple(output.shape))
        if binary:
            return metrics.BinaryAccuracy(name=identifier)
        chosen = metrics.SparseCategoricalAccuracy if sparse else metrics.CategoricalAccuracy
        return chosen(name=identifier)
    found: Any = metrics.get(identifier)
    if not isinstance(found, metrics.Metric):
        name = getattr(found, "__name__", None) or type(found).__name__
        found = metrics.MeanMetricWrapper(found, name=name)
    if isinstance(identifier, str):
        # Keras names a metric as the user wrote it: 'mse' stays 'mse' in the logs.
        found.name = identifier
    return found


def check_metrics(value: Any) -> None:
    """Raises the error of an unknown metric name now, not at the first batch."""
    if isinstance(value, dict):
        for item in value.values():
            check_metrics(item)
    elif isinstance(value, list | tuple):
        for item in value:
            check_metrics(item)
    elif isinstance(value, str) and value.lower() not in _ACCURACY:
        metrics.get(value)


def _unused(name: str, used: set[str]) -> str:
    """Gives the name, with a number if it is taken: two metrics of one kind both show."""
    number = 1
    fresh = name
    while fresh in used:
        fresh = f"{name}_{number}"
        number += 1
    return fresh


class CompileMetrics:
    """Updates and reads the metrics that `compile` described.

    Args:
        metrics: Metrics, or a list of lists or dict of them by output.
        weighted_metrics: The same for metrics that take sample weights.
        output_names: Names of the outputs, where the model knows them.
    """

    def __init__(
        self, metrics: Any, weighted_metrics: Any = None, output_names: list[str] | None = None
    ) -> None:
        check_metrics(metrics)
        check_metrics(weighted_metrics)
        self.name = "compile_metrics"
        self._plain = metrics
        self._weighted = weighted_metrics
        self._output_names = output_names
        self._layout: OutputLayout | None = None
        # Per output: (metric, takes sample weights, name in the logs).
        self._entries: list[list[tuple[Any, bool, str]]] = []
        self._single: list[tuple[Any, bool, str]] | None = None

    @property
    def built(self) -> bool:
        """Whether the metrics were matched to outputs."""
        return self._layout is not None

    @property
    def metrics(self) -> list[Any]:
        """Every metric object."""
        return [metric for entries in self._entries for metric, _, _ in entries]

    @property
    def metric_names(self) -> list[str]:
        """Name of every metric in the logs."""
        return [name for entries in self._entries for _, _, name in entries]

    @property
    def variables(self) -> list[Any]:
        """The state of every metric."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Matches metrics to outputs; shapes decide what 'accuracy' means."""
        layout = OutputLayout(y_pred, self._output_names)
        targets = layout.align(y_true, "y")
        outputs = layout.predictions(y_pred)
        plain = layout.align_metrics(self._plain, "metrics")
        weighted = layout.align_metrics(self._weighted, "weighted_metrics")
        used: set[str] = set()
        entries: list[list[tuple[Any, bool, str]]] = []
        for index, (target, output) in enumerate(zip(targets, outputs, strict=True)):
            of_output: list[tuple[Any, bool, str]] = []
            for choice, takes_weights in (
                *((choice, False) for choice in plain[index]),
                *((choice, True) for choice in weighted[index]),
            ):
                metric = resolve_metric(choice, target, output)
                if metric is None:
                    continue
                prefix = "" if len(layout.names) == 1 else f"{layout.names[index]}_"
                name = f"{prefix}{metric.name}"
                if name in used and takes_weights:
                    name = f"{prefix}weighted_{metric.name}"
                name = _unused(name, used)
                used.add(name)
                of_output.append((metric, takes_weights, name))
            entries.append(of_output)
        self._entries = entries
        self._layout = layout
        if layout.is_single:
            self._single = entries[0]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None, counted: Any = None) -> None:
        """Adds one batch; `counted` is 0 for what no metric of a single output is to count."""
        if self._layout is None:
            self.build(y_true, y_pred)
        layout = self._layout
        if self._single is not None:
            y_true, sample_weight = only_entry(y_true), only_entry(sample_weight)
            for metric, takes_weights, _ in self._single:
                if counted is not None:
                    metric.update_state(y_true, y_pred, counted)
                elif takes_weights and sample_weight is not None:
                    metric.update_state(y_true, y_pred, sample_weight)
                else:
                    metric.update_state(y_true, y_pred)
            return
        assert layout is not None
        targets = layout.align(y_true, "y")
        outputs = layout.predictions(y_pred)
        weights = layout.align_weights(sample_weight, "sample_weight")
        for entries, target, output, weight in zip(self._entries, targets, outputs, weights, strict=True):
            for metric, takes_weights, _ in entries:
                if takes_weights and weight is not None:
                    metric.update_state(target, output, weight)
                else:
                    metric.update_state(target, output)

    def result(self) -> dict[str, Any]:
        """Gives every metric by name."""
        return {name: metric.result() for entries in self._entries for metric, _, name in entries}

    def reset_state(self) -> None:
        """Starts every metric anew."""
        for metric in self.metrics:
            metric.reset_state()
