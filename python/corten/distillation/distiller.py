"""`Distiller`: a model that trains its student by labels and by its teacher."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.autograd import no_grad
from corten.distillation.distillation_loss import DistillationLoss, FeatureDistillation
from corten.models import Model
from corten.training.loss_tracker import LossTracker
from corten.training.steps import batch_size_of

Tensor = _core.Tensor


class Distiller(Model):
    """Trains a student by the labels and by what a frozen teacher says of the same inputs.

    The loss is ``student_loss_weight * student_loss + (1 - student_loss_weight) * distillation_loss``, where
    `distillation_loss` is the sum of the distillation losses, each times its weight; what layers add with
    `add_loss` is added to it. `fit` and `evaluate` report these as `total_loss`, `student_loss` and
    `distillation_loss`. Calling the distiller calls the student.

    Args:
        teacher: A trained model. It is frozen (`trainable = False`) and called in inference mode.
        student: The model to train; also found as `distiller.student` later.
        distillation_losses: A `DistillationLoss`, such as `LogitsDistillation()`, or a list of them.
        distillation_loss_weights: A number for each; None means 1 for all.
        student_loss_weight: The weight of the loss by labels, from 0 to 1. With 0 no labels are needed.
        name: The name.
        **kwargs: As for any model.

    Raises:
        ValueError: Something is no model or no distillation loss, or numbers do not fit.

    Example:
        >>> import corten
        >>> import numpy as np
        >>> teacher = corten.Sequential([corten.Input((4,)), corten.layers.Dense(3)])
        >>> student = corten.Sequential([corten.Input((4,)), corten.layers.Dense(3)])
        >>> loss = corten.distillation.LogitsDistillation(temperature=2.0)
        >>> distiller = corten.distillation.Distiller(teacher, student, loss, student_loss_weight=0.0)
        >>> distiller.compile("adam")
        >>> history = distiller.fit(np.ones((8, 4), "float32"), epochs=2, verbose=0).history
        >>> history["distillation_loss"][1] < history["distillation_loss"][0]
        True
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: list[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for what, model in (("teacher", teacher), ("student", student)):
            if not isinstance(model, Model):
                raise ValueError(f"Distiller: `{what}` must be a corten.Model; got {type(model).__name__}.")
        listed = list(distillation_losses) if isinstance(distillation_losses, (list, tuple)) else None
        found = [distillation_losses] if listed is None else listed
        for loss in found:
            if not isinstance(loss, DistillationLoss):
                raise ValueError(
                    "Distiller: `distillation_losses` must be a DistillationLoss, such as "
                    f"LogitsDistillation(), or a list of them; got {loss!r}."
                )
        if not found:
            raise ValueError("Distiller: `distillation_losses` is empty; give at least one.")
        weights = [1.0] * len(found) if distillation_loss_weights is None else list(distillation_loss_weights)
        if len(weights) != len(found):
            raise ValueError(
                f"Distiller: there must be one weight per distillation loss; got {len(weights)} in "
                f"`distillation_loss_weights` for {len(found)} losses."
            )
        if not 0.0 <= student_loss_weight <= 1.0:
            raise ValueError(
                f"Distiller: `student_loss_weight` must be from 0 to 1; got {student_loss_weight!r}."
            )
        for loss in found:
            loss.validate_model_compatibility(teacher, student)
        teacher.trainable = False
        self.teacher = teacher
        self.student = student
        self.distillation_losses = found
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        self.student_loss_tracker = LossTracker("student_loss")
        self.distillation_loss_tracker = LossTracker("distillation_loss")
        self.total_loss_tracker = LossTracker("total_loss")
        # Straight into the dict: they share all their layers with the models, which own them.
        self.__dict__["_teacher_feature_extractor"] = _extractor(teacher, found, "teacher_layer_name")
        self.__dict__["_student_feature_extractor"] = _extractor(student, found, "student_layer_name")
        self.__dict__["_untaught"] = None

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any) -> None:  # type: ignore[override]
        """Set up the training of the student.

        Args:
            optimizer: The optimizer, or its name.
            loss: The loss by labels; may be left out where `student_loss_weight` is 0.
            metrics: Metrics of the student's outputs.
            **kwargs: The other arguments of `Model.compile`.

        Raises:
            ValueError: There is no loss, and it has a weight.
        """
        if loss is None and self.student_loss_weight > 0:
            raise ValueError(
                "Distiller.compile: `loss` is missing, the student's loss by labels; for none make the "
                "distiller with student_loss_weight=0."
            )
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        extractor = self.__dict__["_student_feature_extractor"]
        if extractor is None or self._training_state is None or not self.compiled:
            return self.student(inputs, training=training, **kwargs)
        outputs = extractor(inputs, training=training)
        # For `compute_loss`, which takes what this very call gave.
        self.__dict__["_untaught"] = outputs
        return outputs[0]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Give the total loss of a batch, and note its parts.

        Args:
            x: Inputs, for the teacher.
            y: Labels.
            y_pred: The student's outputs.
            sample_weight: Weights of the samples in the loss by labels.
            training: Whether this is a training step.

        Raises:
            ValueError: There are no labels, and their loss has a weight.
        """
        size = batch_size_of(x)
        share = self.student_loss_weight
        learned = self.__dict__["_untaught"]
        self.__dict__["_untaught"] = None
        total: Any = 0.0
        if share > 0:
            if y is None:
                raise ValueError(
                    "Distiller: labels are missing; without them make the distiller with "
                    "student_loss_weight=0."
                )
            compiled = self._state().loss
            assert compiled is not None  # `compile` saw to it.
            student_loss = compiled(y, y_pred, sample_weight)
            self.student_loss_tracker.update_state(student_loss, size)
            total = student_loss * share
        if share < 1:
            distillation_loss = self._distillation_loss(x, y_pred, learned)
            self.distillation_loss_tracker.update_state(distillation_loss, size)
            total = total + distillation_loss * (1.0 - share)
        for penalty in self.losses:
            total = total + penalty
        self.total_loss_tracker.update_state(total, size)
        return total

    def _distillation_loss(self, x: Any, y_pred: Any, learned: Any) -> Any:
        extractor = self.__dict__["_teacher_feature_extractor"]
        with no_grad():
            taught = self.teacher(x, training=False) if extractor is None else extractor(x, training=False)
        taught = [taught] if extractor is None else taught
        if learned is None:
            learned = [y_pred]
        total: Any = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            pair = [
                outputs[_position(self.distillation_losses, loss, which)]
                for outputs, which in ((taught, "teacher_layer_name"), (learned, "student_layer_name"))
            ]
            total = total + loss.compute_loss(*pair) * weight
        return total

    def get_config(self) -> dict[str, Any]:
        from corten.saving import serialize_keras_object

        policy = serialize_keras_object(self.dtype_policy)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": policy,
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Distiller:
        from corten.saving import CustomObjectScope, deserialize_keras_object

        with CustomObjectScope(custom_objects or {}):
            config = {
                key: deserialize_keras_object(value) if key in ("teacher", "student") else value
                for key, value in config.items()
            }
            config["distillation_losses"] = [
                deserialize_keras_object(loss) for loss in config["distillation_losses"]
            ]
        return cls(**config)


def _named_layers(losses: list[Any], which: str) -> list[str]:
    """The names of the layers that losses ask for, each once."""
    names = [getattr(loss, which) for loss in losses if isinstance(loss, FeatureDistillation)]
    return list(dict.fromkeys(name for name in names if name is not None))


def _position(losses: list[Any], loss: Any, which: str) -> int:
    """Where among an extractor's outputs is what a loss compares: the model's outputs come first."""
    name = getattr(loss, which) if isinstance(loss, FeatureDistillation) else None
    return 0 if name is None else 1 + _named_layers(losses, which).index(name)


def _extractor(model: Any, losses: list[Any], which: str) -> Any:
    """A model that gives, with the outputs, what layers of `model` give; None where no loss asks for any."""
    names = _named_layers(losses, which)
    if not names:
        return None
    outputs = model.output  # First, as it makes the graph of a sequential model.
    features = [model.get_layer(name).output for name in names]
    return Model(model.input, [outputs, *features], name=f"{model.name}_features")
