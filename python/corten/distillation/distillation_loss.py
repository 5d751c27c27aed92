"""What a student is to have in common with its teacher."""

from __future__ import annotations

from typing import Any

from corten import losses, ops, tree
from corten.training.target_checks import loss_kind

# Losses that compare probabilities of exclusive classes, and of classes that are independent.
_OF_SOFTMAX = frozenset(
    {
        "kl_divergence", "categorical_crossentropy", "categorical_focal_crossentropy",
        "categorical_generalized_cross_entropy",
    }
)  # fmt: skip
_OF_SIGMOID = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})


class DistillationLoss:
    """Base of what compares the outputs of teacher and student. Subclasses write `compute_loss`.

    Example:
        >>> import corten
        >>> class SameSize(corten.distillation.DistillationLoss):
        ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        ...         norms = [corten.ops.norm(x, axis=-1) for x in (teacher_outputs, student_outputs)]
        ...         return corten.ops.mean(corten.ops.square(norms[0] - norms[1]))
        >>> float(SameSize().compute_loss(corten.ops.array([[3.0, 4.0]]), corten.ops.array([[2.0, 0.0]])))
        9.0
    """

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Give the loss of one batch, a scalar. Written by the subclass.

        Args:
            teacher_outputs: A tensor of the teacher's, or a structure of them; no gradient goes there.
            student_outputs: The same of the student.
            **kwargs: For arguments of subclasses' own.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `compute_loss`.")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Check that the outputs have the same structure.

        Args:
            teacher_outputs: A tensor, or a structure of tensors.
            student_outputs: The same of the student.

        Raises:
            ValueError: They have not.
        """
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Check that the loss can be had of these models; nothing is asked of them here.

        Args:
            teacher: The teacher.
            student: The student.

        Raises:
            ValueError: It cannot.
        """

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal object."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DistillationLoss:
        """Make an equal object from what `get_config` returned."""
        return cls(**config)


class _StructuredLoss(DistillationLoss):
    """A loss per output."""

    def __init__(self, loss: Any) -> None:
        name = type(self).__name__
        if isinstance(loss, dict) and "class_name" not in loss and "config" not in loss:
            resolved: Any = {key: losses.get(one) for key, one in loss.items()}
            known = list(resolved.values())
        elif isinstance(loss, (list, tuple)):
            known = [losses.get(one) for one in loss]
            resolved = known
        else:
            resolved = losses.get(loss)
            known = [resolved]
        if not any(one is not None for one in known):
            raise ValueError(f"{name}: `loss` must name at least one loss that is not None; got {loss!r}.")
        self.loss = resolved

    def _pairs(self, teacher_outputs: Any, student_outputs: Any) -> list[tuple[Any, Any, Any]]:
        """The losses that count, each with its outputs of teacher and student."""
        name = type(self).__name__
        self.validate_outputs(teacher_outputs, student_outputs)
        taught, learned = (tree.flatten(outputs) for outputs in (teacher_outputs, student_outputs))
        if isinstance(self.loss, dict):
            if not isinstance(student_outputs, dict) or set(self.loss) != set(student_outputs):
                shown = sorted(student_outputs) if isinstance(student_outputs, dict) else "no dict"
                raise ValueError(
                    f"{name}: `loss` must have the outputs' names as keys; got {sorted(self.loss)}, the "
                    f"outputs have {shown}."
                )
            taught = [teacher_outputs[key] for key in self.loss]
            learned = [student_outputs[key] for key in self.loss]
            wanted = list(self.loss.values())
        else:
            wanted = self.loss if isinstance(self.loss, list) else [self.loss] * len(learned)
        if len(wanted) != len(learned):
            raise ValueError(
                f"{name}: `loss` has {len(wanted)} entries, but there are {len(learned)} outputs; give one "
                "for each, None for those that do not count."
            )
        pairs = [pair for pair in zip(wanted, taught, learned, strict=True) if pair[0] is not None]
        for _, teacher, student in pairs:
            if tuple(teacher.shape) != tuple(student.shape):
                raise ValueError(
                    f"{name}: the outputs of teacher and student must have the same shape; got "
                    f"{tuple(teacher.shape)} and {tuple(student.shape)}. Choose other layers, or give the "
                    "student a layer that brings them to one size."
                )
        return pairs

    def _loss_config(self) -> Any:
        def one(loss: Any) -> Any:
            return None if loss is None else losses.serialize(loss)

        if isinstance(self.loss, dict):
            return {key: one(loss) for key, loss in self.loss.items()}
        return [one(loss) for loss in self.loss] if isinstance(self.loss, list) else one(self.loss)


class LogitsDistillation(_StructuredLoss):
    """Compares final outputs that are logits, softened by a temperature.

    Both outputs are divided by the temperature. Losses that compare probabilities of classes (such as
    `'kl_divergence'`, `'categorical_crossentropy'` and, one class at a time, `'binary_crossentropy'`) get
    the softmax (the sigmoid) of them; one made with `from_logits=True` gets probabilities of the teacher
    and logits of the student; other losses, such as `'mse'`, get the divided logits (Hinton, Vinyals and
    Dean, 2015, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531).

    Gradients of the softened loss shrink with the square of the temperature: the paper multiplies it by
    that, which is what `distillation_loss_weights=[temperature**2]` of `Distiller` does.

    Args:
        temperature: Above 0; higher values make the teacher's probabilities more even. 3 to 5 are usual.
        loss: The name of a loss, a loss, or for several outputs a list or dict of them with None for
            outputs that do not count.

    Raises:
        ValueError: The temperature is no positive number, or there is no loss.

    Example:
        >>> import corten
        >>> loss = corten.distillation.LogitsDistillation(temperature=2.0)
        >>> teacher, student = corten.ops.array([[4.0, 0.0]]), corten.ops.array([[0.0, 0.0]])
        >>> round(float(loss.compute_loss(teacher, student)), 4)
        0.3278
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        super().__init__(loss)
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or not temperature > 0:
            raise ValueError(
                f"LogitsDistillation: `temperature` must be a positive number; got {temperature!r}."
            )
        self.temperature = temperature

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Give the sum of the losses of the softened outputs.

        Args:
            teacher_outputs: Logits, `(batch, ..., classes)`, or a structure of them.
            student_outputs: The same of the student.
            **kwargs: Not used.

        Raises:
            ValueError: Structures or shapes differ.
        """
        total: Any = None
        for loss, teacher, student in self._pairs(teacher_outputs, student_outputs):
            teacher, student = (ops.divide(logits, self.temperature) for logits in (teacher, student))
            probabilities = _probabilities(loss)
            if probabilities is not None:
                teacher = probabilities(teacher)
                student = student if getattr(loss, "from_logits", False) else probabilities(student)
            value = ops.mean(loss(teacher, student))
            total = value if total is None else total + value
        return total

    def get_config(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "loss": self._loss_config()}


class FeatureDistillation(_StructuredLoss):
    """Compares what a layer of the teacher and a layer of the student give.

    Matching what layers give inside is from Romero et al., 2015, "FitNets: Hints for Thin Deep Nets",
    arXiv:1412.6550.

    Args:
        loss: The name of a loss, a loss, or for layers with several outputs a list or dict of them with
            None for outputs that do not count.
        teacher_layer_name: The name of the teacher's layer; None takes the model's output.
        student_layer_name: The name of the student's layer; None takes the model's output.

    Raises:
        ValueError: There is no loss.

    Example:
        >>> import corten
        >>> loss = corten.distillation.FeatureDistillation("mae", "hidden", "hidden")
        >>> float(loss.compute_loss(corten.ops.ones((2, 3)), corten.ops.zeros((2, 3))))
        1.0
    """

    def __init__(
        self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ) -> None:
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Check that the models have the layers, and a graph that they can be found in.

        Args:
            teacher: The teacher.
            student: The student.

        Raises:
            ValueError: They have not.
        """
        named = (("teacher", teacher, self.teacher_layer_name), ("student", student, self.student_layer_name))
        for what, model, layer in named:
            if layer is None:
                continue
            if not hasattr(type(model), "inputs") or getattr(model, "inputs", None) is None:
                raise ValueError(
                    f"FeatureDistillation: the {what} must be a functional or a built sequential model, so "
                    f"that layer {layer!r} can be found in its graph; got {type(model).__name__}."
                )
            try:
                model.get_layer(layer)
            except ValueError as error:
                raise ValueError(f"FeatureDistillation: in the {what}: {error}") from None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Give the sum of the losses of the features.

        Args:
            teacher_outputs: What the teacher's layer gives.
            student_outputs: What the student's layer gives, of the same shape.
            **kwargs: Not used.

        Raises:
            ValueError: Structures or shapes differ.
        """
        total: Any = None
        for loss, teacher, student in self._pairs(teacher_outputs, student_outputs):
            value = ops.mean(loss(teacher, student))
            total = value if total is None else total + value
        return total

    def get_config(self) -> dict[str, Any]:
        return {
            "loss": self._loss_config(),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


def _probabilities(loss: Any) -> Any:
    """What makes of logits the probabilities that a loss compares; None where it compares numbers."""
    kind = loss_kind(loss)
    if kind in _OF_SOFTMAX:
        return ops.softmax
    return ops.sigmoid if kind in _OF_SIGMOID else None
