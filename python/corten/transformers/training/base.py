"""What the parts of the Trainer know of one another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from corten.transformers.trainer_callback import CallbackHandler, TrainerControl, TrainerState
from corten.transformers.training_args import TrainingArguments


class TrainerParts:
    """The attributes of a Trainer, and what its parts call of other parts."""

    args: TrainingArguments
    model: Any
    processing_class: Any
    data_collator: Any
    train_dataset: Any
    eval_dataset: Any
    label_names: list[str]
    label_smoother: Any
    compute_metrics: Callable[..., Any] | None
    preprocess_logits_for_metrics: Callable[..., Any] | None
    optimizer: Any
    lr_scheduler: Any
    state: TrainerState
    control: TrainerControl
    callback_handler: CallbackHandler
    is_in_train: bool
    _by_name: bool

    if TYPE_CHECKING:

        def log(self, logs: dict[str, Any], start_time: float | None = None) -> None: ...
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any: ...
        def get_eval_dataloader(self, eval_dataset: Any = None) -> Any: ...
        def get_test_dataloader(self, test_dataset: Any) -> Any: ...
        def _check_rows(self, data: Any, who: str) -> None: ...
        def _precision(self, evaluation: bool = False) -> AbstractContextManager[None]: ...
