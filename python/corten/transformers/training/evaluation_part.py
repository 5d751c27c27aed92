"""The part of the Trainer that evaluates and predicts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from corten import _core
from corten.training.adapters.conversion import to_tensors
from corten.transformers.trainer_utils import (
    EvalLoopOutput,
    EvalPrediction,
    PredictionOutput,
    plain_numbers,
    speed_metrics,
)
from corten.transformers.training.base import TrainerParts
from corten.transformers.training.evaluation import concatenate, single, to_numpy
from corten.transformers.training.step import call_model


class TrainerEvaluation(TrainerParts):
    """`evaluate`, `predict` and what they are made of."""

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Evaluates the model.

        Args:
            eval_dataset: The data; that of the Trainer if None. A dict of data sets gives the metrics of
                each, with its name after the prefix.
            ignore_keys: Outputs to leave out.
            metric_key_prefix: Start of the names of the metrics.

        Returns:
            `eval_loss` (the mean over the rows), what `compute_metrics` gave, and times.

        Raises:
            ValueError: There is no data, or it does not go with the model.
        """
        data = self.eval_dataset if eval_dataset is None else eval_dataset
        if isinstance(data, str):
            return self.evaluate(self.eval_dataset[data], ignore_keys, f"{metric_key_prefix}_{data}")
        if _is_several(data):
            found: dict[str, float] = {}
            for name, part in data.items():
                found.update(self.evaluate(part, ignore_keys, f"{metric_key_prefix}_{name}"))
            return found
        if data is not None:
            self._check_rows(data, "eval_dataset")
        began = time.perf_counter()
        output = self.evaluation_loop(
            self.get_eval_dataloader(eval_dataset),
            "Evaluation",
            prediction_loss_only=True if self.compute_metrics is None else None,
            ignore_keys=ignore_keys,
            metric_key_prefix=metric_key_prefix,
        )
        self._add_speed(output, metric_key_prefix, began)
        self.log(output.metrics)
        self.control = self.callback_handler.call(
            "on_evaluate", self.args, self.state, self.control, metrics=output.metrics
        )
        return output.metrics

    def predict(
        self, test_dataset: Any, ignore_keys: list[str] | None = None, metric_key_prefix: str = "test"
    ) -> PredictionOutput:
        """Gives the outputs of the model for a data set, and metrics where it has labels.

        Args:
            test_dataset: The data.
            ignore_keys: Outputs to leave out.
            metric_key_prefix: Start of the names of the metrics.

        Returns:
            Predictions `(rows, ...)`, labels and metrics. Rows whose length differs from batch to batch are
            filled up with -100.
        """
        self._check_rows(test_dataset, "test_dataset")
        began = time.perf_counter()
        output = self.evaluation_loop(
            self.get_test_dataloader(test_dataset),
            "Prediction",
            ignore_keys=ignore_keys,
            metric_key_prefix=metric_key_prefix,
        )
        self._add_speed(output, metric_key_prefix, began)
        self.control = self.callback_handler.call(
            "on_predict", self.args, self.state, self.control, metrics=output.metrics
        )
        return PredictionOutput(output.predictions, output.label_ids, output.metrics)

    def _add_speed(self, output: EvalLoopOutput, prefix: str, began: float) -> None:
        count, size = output.num_samples, self.args.eval_batch_size
        steps = None if count is None else -(-count // size)
        output.metrics.update(speed_metrics(prefix, time.perf_counter() - began, count, steps))

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Walks through a loader, and collects losses, outputs and labels.

        Args:
            dataloader: An iterable of dicts of arrays.
            description: What this is, for callbacks.
            prediction_loss_only: Collect the losses alone; by default as the arguments say.
            ignore_keys: Outputs to leave out.
            metric_key_prefix: Start of the names of the metrics.
        """
        args = self.args
        if prediction_loss_only is None:
            prediction_loss_only = args.prediction_loss_only
        losses: list[float] = []
        sizes: list[int] = []
        outputs: list[Any] = []
        labels: list[Any] = []
        kept_inputs: list[Any] = []
        metrics: dict[str, Any] = {}
        self.callback_handler.context["eval_dataloader"] = dataloader
        recording = _core.set_grad_enabled(False)
        try:
            with self._precision(evaluation=True):
                walk = iter(dataloader)
                batch = next(walk, None)
                if batch is None:
                    raise ValueError(f"Trainer: {description}: the data set has no rows")
                while batch is not None:
                    following = next(walk, None)
                    size = _rows_in(batch)
                    loss, logits, batch_labels = self.prediction_step(
                        self.model, batch, bool(prediction_loss_only), ignore_keys
                    )
                    sizes.append(size)
                    if loss is not None:
                        losses.append(float(loss))
                    if logits is not None and self.preprocess_logits_for_metrics is not None:
                        logits = self.preprocess_logits_for_metrics(logits, batch_labels)
                    logits, batch_labels = to_numpy(logits), to_numpy(batch_labels)
                    if (
                        args.batch_eval_metrics
                        and self.compute_metrics is not None
                        and batch_labels is not None
                    ):
                        prediction = self._prediction(logits, batch_labels, batch, loss)
                        metrics = self.compute_metrics(prediction, compute_result=following is None)
                    elif not prediction_loss_only:
                        outputs.append(logits)
                        labels.append(batch_labels)
                        if "inputs" in args.include_for_metrics:  # type: ignore[operator]
                            kept_inputs.append(
                                to_numpy(batch[getattr(self.model, "main_input_name", "input_ids")])
                            )
                    self.control = self.callback_handler.call(
                        "on_prediction_step", args, self.state, self.control
                    )
                    batch = following
        finally:
            _core.set_grad_enabled(recording)
        predictions = concatenate(outputs) if outputs else None
        label_ids = concatenate(labels) if labels else None
        compute = None if args.batch_eval_metrics else self.compute_metrics
        if compute is not None and predictions is not None and label_ids is not None:
            each = np.repeat(losses, sizes) if len(losses) == len(sizes) else None
            inputs = concatenate(kept_inputs) if kept_inputs else None
            metrics = compute(self._prediction(predictions, label_ids, inputs, each))
        found = self._named(metrics, metric_key_prefix)
        if len(losses) == len(sizes):
            weights = np.asarray(sizes, np.float64)
            found.setdefault(f"{metric_key_prefix}_loss", float(np.dot(losses, weights) / weights.sum()))
        return EvalLoopOutput(predictions, label_ids, found, int(sum(sizes)))

    def _prediction(self, predictions: Any, labels: Any, inputs: Any, losses: Any) -> EvalPrediction:
        wanted = self.args.include_for_metrics or []
        return EvalPrediction(
            predictions,
            labels,
            inputs if "inputs" in wanted else None,
            losses if "loss" in wanted else None,
        )

    def _named(self, metrics: Any, prefix: str) -> dict[str, float]:
        if not isinstance(metrics, Mapping):
            raise TypeError(
                f"Trainer: compute_metrics must give a dict of numbers, such as {{'accuracy': 0.9}}; got a "
                f"{type(metrics).__name__}"
            )
        plain = plain_numbers(dict(metrics))
        return {
            name if name.startswith(f"{prefix}_") else f"{prefix}_{name}": value
            for name, value in plain.items()
        }

    def prediction_step(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        prediction_loss_only: bool,
        ignore_keys: Sequence[str] | None = None,
    ) -> tuple[Any, Any, Any]:
        """Evaluates one batch. May be overridden.

        Args:
            model: The model.
            inputs: The batch: arrays by name.
            prediction_loss_only: Give the loss alone.
            ignore_keys: Outputs to leave out.

        Returns:
            The loss (None without labels), the other outputs (one, or a tuple), the labels.
        """
        tensors = to_tensors(dict(inputs), "x")
        has_labels = bool(self.label_names) and all(
            tensors.get(name) is not None for name in self.label_names
        )
        loss = None
        before_call = {name: tensors.get(name) for name in self.label_names}
        if has_labels:
            loss, outputs = self.compute_loss(model, tensors, return_outputs=True)
        else:
            outputs = call_model(model, tensors, training=False, by_name=self._by_name)
        if prediction_loss_only:
            return loss, None, None
        if ignore_keys is None:
            config = getattr(model, "config", None)
            ignore_keys = getattr(config, "keys_to_ignore_at_inference", None) or ("past_key_values",)
        if isinstance(outputs, Mapping):
            parts = [value for name, value in outputs.items() if name not in {*ignore_keys, "loss"}]
        elif isinstance(outputs, tuple | list):
            parts = list(outputs[1:] if has_labels and getattr(outputs[0], "shape", None) == () else outputs)
        else:
            parts = [outputs]
        labels = single(list(before_call.values())) if has_labels else None
        return loss, single([part for part in parts if part is not None]), labels


def _is_several(data: Any) -> bool:
    """Whether data is a dict of data sets, and not one of columns."""
    from corten.data.dataset import Dataset

    if not isinstance(data, Mapping) or not data:
        return False
    return all(
        isinstance(part, Dataset | Mapping)
        or hasattr(part, "column_names")
        or hasattr(part, "iloc")
        or (isinstance(part, list) and len(part) > 0 and isinstance(part[0], Mapping))
        or (hasattr(part, "__getitem__") and hasattr(part, "__len__") and _gives_dicts(part))
        for part in data.values()
    )


def _gives_dicts(part: Any) -> bool:
    if isinstance(part, np.ndarray | list | tuple | str) or hasattr(part, "dtype"):
        return False
    return len(part) > 0 and isinstance(part[0], Mapping)


def _rows_in(batch: Mapping[str, Any]) -> int:
    for value in batch.values():
        shape = getattr(value, "shape", None)
        if shape:
            return int(shape[0])
    raise ValueError(f"Trainer: a batch must hold arrays with a row for each sample; got {sorted(batch)}")
