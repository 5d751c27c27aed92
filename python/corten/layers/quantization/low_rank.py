"""`LowRank`: training a product of two thin matrices beside a frozen weight (LoRA, arXiv 2106.09685)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from corten import initializers, naming, ops, random


class LowRank:
    """Mixin of layers with one large weight, `kernel` or `embeddings`.

    The weight itself is the attribute `_kernel` (or `_embeddings`); `kernel` is what the layer computes with.
    """

    lora_enabled = False
    lora_rank: int | None = None
    lora_alpha: float | None = None
    #: The share of the inputs' cells that the product does not see in training.
    lora_dropout = 0.0
    # The large weight, and whether `call` has to look at anything but it.
    _adapted = "kernel"
    _special = False
    # Whether the strength falls with the root of the rank only (Kalajdzievski, arXiv 2312.03732).
    _lora_by_root = False
    # Whether files hold the thin matrices beside the weight, in place of the sum.
    _lora_apart = False
    # The weight's variables as they were before the product was added to them, by name.
    _lora_originals: dict[str, Any] | None = None

    def _set_lora(self: Any, rank: int | None, alpha: float | None) -> None:
        """Note the arguments of `__init__`."""
        name = type(self).__name__
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
            raise ValueError(f"{name}: `lora_rank` must be a positive integer or None; got {rank!r}.")
        self.lora_rank = rank
        self.lora_alpha = rank if alpha is None else alpha

    def _enable_lora_if_asked(self) -> None:
        """Do what `lora_rank` of `__init__` asks for, at the end of `build`."""
        if self.lora_rank is not None and not self.lora_enabled:
            self._add_lora(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(
        self: Any,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight and train `lora_alpha / rank * A @ B` beside it.

        `A` has the weight's shape with `rank` as last axis, `B` has shape `(rank, size of the last axis)`.
        Files get the sum of both.

        Args:
            rank: The inner size of the product.
            lora_alpha: Strength of the product; None takes `rank`.
            a_initializer: Initializer of `A`.
            b_initializer: Initializer of `B`; zeros leave the layer's output as it is at first.

        Raises:
            ValueError: The layer is not built, has a constraint on the weight, or does it already.

        Source: Hu et al., LoRA (arXiv 2106.09685).
        """
        if getattr(self, f"{self._adapted}_constraint") is not None:
            what = {"kernel": "kernel", "embeddings": "embedding"}[self._adapted]
            raise ValueError(
                f"Lora is incompatible with {what} constraints. In order to enable lora on this layer, "
                f"remove the `{self._adapted}_constraint` argument."
            )
        if not self.built:
            raise ValueError("Cannot enable lora on a layer that isn't yet built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        if self.quantization_mode in {"gptq", "awq"}:
            raise ValueError(f"lora cannot be enabled on a layer quantized with {self.quantization_mode}.")
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise ValueError(f"enable_lora: `rank` must be a positive integer; got {rank!r}.")
        self._add_lora(rank, lora_alpha, a_initializer, b_initializer)

    def _add_lora(
        self: Any,
        rank: int,
        alpha: float | None,
        a_initializer: Any,
        b_initializer: Any,
        dtype: str | None = None,
    ) -> None:
        shape = self._adapted_shape
        with self._more_weights():
            for letter, sizes, start in (
                ("a", (*shape[:-1], rank), a_initializer),
                ("b", (rank, shape[-1]), b_initializer),
            ):
                name = f"lora_{self._adapted}_{letter}"
                weight = self.add_weight(
                    name=name,
                    shape=sizes,
                    initializer=initializers.get(start),
                    dtype=dtype,
                    regularizer=getattr(self, f"{self._adapted}_regularizer"),
                )
                setattr(self, name, weight)
            weight = self.__dict__.get(f"_{self._adapted}")
            if weight is not None:
                weight.trainable = False
            self.lora_enabled = True
            self.lora_rank = rank
            self.lora_alpha = rank if alpha is None else alpha
            self._special = True

    def _add_lora_apart(
        self: Any,
        rank: int,
        alpha: float,
        dropout: float,
        by_root: bool,
        a_initializer: Any,
        b_initializer: Any,
        seed: int | None,
    ) -> None:
        """As `enable_lora`, with dropout of what the product sees; files hold the matrices themselves."""
        # Small updates would be lost in 16 bits.
        dtype = "float32" if self.variable_dtype in ("bfloat16", "float16") else None
        self._add_lora(rank, alpha, a_initializer, b_initializer, dtype)
        self._lora_apart = True
        self._lora_by_root = by_root
        self.lora_dropout = dropout
        if dropout:
            with self._more_weights():
                self.lora_seed_generator = random.SeedGenerator(seed)

    def _remove_lora(self: Any) -> None:
        """Take the thin matrices away; the weight stays as it is."""
        with self._more_weights():
            for letter in "ab":
                delattr(self, f"lora_{self._adapted}_{letter}")
            if "lora_seed_generator" in self.__dict__:
                del self.lora_seed_generator
            for name in ("lora_dropout", "_lora_by_root", "_lora_apart", "_lora_originals"):
                self.__dict__.pop(name, None)
            self.lora_enabled, self.lora_rank, self.lora_alpha = False, None, None
            self._special = bool(self._is_quantized)

    def _merge_lora(self: Any) -> None:
        """Add the product to the weight, and compute with the weight alone from now on."""
        values = self._merged()
        variables = dict(self._saved_variables())
        with self._more_weights():
            self.__dict__["_lora_originals"] = {name: variables[name]._value for name in values}
            for name, value in values.items():
                variables[name].assign(value)
            self.lora_enabled = False

    def _unmerge_lora(self: Any) -> None:
        """Undo `_merge_lora`, to the bit."""
        variables = dict(self._saved_variables())
        with self._more_weights():
            for name, value in self._lora_originals.items():
                variables[name].assign(value)
            self.__dict__["_lora_originals"] = None
            self.lora_enabled = True

    @property
    def _lora_strength(self: Any) -> float:
        return float(self.lora_alpha / (math.sqrt(self.lora_rank) if self._lora_by_root else self.lora_rank))

    def _lora_matrices(self: Any, dtype: str) -> tuple[Any, Any]:
        """The thin matrices in the dtype of what they are multiplied with."""
        pair = (getattr(self, f"lora_{self._adapted}_{letter}") for letter in "ab")
        a, b = (ops.convert_to_tensor(matrix) for matrix in pair)
        return (a, b) if a.dtype == dtype else (ops.cast(a, dtype), ops.cast(b, dtype))

    def _lora_inputs(self: Any, inputs: Any, training: bool | None) -> Any:
        """What the product sees of the inputs."""
        if not (training and self.lora_dropout):
            return inputs
        return random.dropout(inputs, self.lora_dropout, seed=self.lora_seed_generator)

    def _lora_update(self: Any) -> Any:
        """What is added to the weight."""
        a = getattr(self, f"lora_{self._adapted}_a")
        b = getattr(self, f"lora_{self._adapted}_b")
        return ops.multiply(ops.matmul(a, b), self._lora_strength)

    def _adapted_weight(self: Any) -> Any:
        """The weight with the product where there is one.

        Raises:
            AttributeError: The layer is not built.
        """
        try:
            weight = self.__dict__[f"_{self._adapted}"]
        except KeyError:
            raise AttributeError(f"You must build the layer before accessing `{self._adapted}`.") from None
        return ops.add(weight, self._lora_update()) if self.lora_enabled else weight

    def _clear_lora(self: Any) -> None:
        """After loading a weight that has the product in it: add nothing."""
        if self.lora_enabled and not self._lora_apart:
            b = getattr(self, f"lora_{self._adapted}_b")
            b.assign(ops.zeros_like(b))

    def _lora_config(self) -> dict[str, Any]:
        if not self.lora_enabled and self.lora_rank is None:
            return {}
        return {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}

    @contextlib.contextmanager
    def _more_weights(self: Any) -> Iterator[None]:
        """Let a built layer have other weights, named as if `build` had made them."""
        attributes = self.__dict__
        if attributes.get("_building"):
            yield
            return
        locked, attributes["_locked"] = attributes["_locked"], False
        attributes["_building"] = True
        try:
            with naming.at_path(self._path or self.name):
                yield
        finally:
            attributes["_building"] = False
            attributes["_locked"] = locked
            # Which way calls take was decided for other weights.
            attributes["_fast"] = False
            for note in ("_steady", "_casting", "_general_only"):
                attributes.pop(note, None)

    def _saved_attributes(self) -> list[str]:
        """The attributes that are saved, in the order of Keras's files."""
        return [f"_{self._adapted}", "bias"]

    def _unsaved_variables(self: Any) -> list[Any]:
        """The layer's variables that files do not get."""
        if self._lora_apart:
            return []
        names = (f"lora_{self._adapted}_a", f"lora_{self._adapted}_b")
        return [getattr(self, name) for name in names] if self.lora_enabled else []

    def _saved_variables(self: Any) -> list[tuple[str, Any]]:
        """Names and variables to save: those of the mode, then those that a subclass added."""
        named = [(name, self.__dict__.get(name)) for name in self._saved_attributes()]
        found = [(name.lstrip("_"), variable) for name, variable in named if variable is not None]
        known = {id(variable) for _, variable in found} | {id(v) for v in self._unsaved_variables()}
        others = [v for v in self._own_variables(seeds=False) if id(v) not in known]
        return [*found, *((variable.name, variable) for variable in others)]

    def _merged(self: Any) -> dict[str, Any]:
        """Values to save in place of variables, by name: the weight with the product in it."""
        return {self._adapted: self._adapted_weight()} if self.lora_enabled else {}

    def _files_differ(self: Any) -> dict[str, Any]:
        """Values that files get in place of those of variables, by name."""
        if self._lora_apart:
            return self._lora_originals or {}
        return self._merged()

    def _frozen_variables(self: Any) -> list[Any]:
        adapted = self.lora_enabled or self._lora_originals is not None
        weight = self.__dict__.get(f"_{self._adapted}") if adapted else None
        return [] if weight is None else [weight]

    def _stored_variables(self: Any) -> list[Any]:
        if not self._special:
            return super()._stored_variables()  # type: ignore[misc]
        return [variable for _, variable in self._saved_variables()]

    def save_own_variables(self: Any, store: dict[str, Any]) -> None:
        """Put the variables into `store`, by position; the product of `enable_lora` is part of the weight."""
        if not self._special:
            super().save_own_variables(store)  # type: ignore[misc]
            return
        instead = self._files_differ()
        for index, (name, variable) in enumerate(self._saved_variables()):
            store[str(index)] = instead.get(name, variable)

    def load_own_variables(self: Any, store: dict[str, Any]) -> None:
        """Assign the variables from what `save_own_variables` stored."""
        if not self._special:
            super().load_own_variables(store)  # type: ignore[misc]
            return
        variables = self._saved_variables()
        if len(store) != len(variables):
            raise ValueError(
                f"Layer '{self.name}' expected {len(variables)} variables, but received {len(store)} "
                f"variables during loading. Expected: {[name for name, _ in variables]}"
            )
        for index, (_, variable) in enumerate(variables):
            variable.assign(store[str(index)])
        self._clear_lora()
