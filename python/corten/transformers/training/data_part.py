"""The part of the Trainer that makes batches of data sets."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from corten.transformers.training.base import TrainerParts
from corten.transformers.training.batches import Batches, length_grouped_order, random_order
from corten.transformers.training.rows import ColumnRows, ItemRows, Rows, StreamedRows, rows_of

_LABEL_COLUMNS = ("label", "label_ids", "labels")
# Types of models with a table of positions.
_WITH_PLACES = frozenset({"bert", "camembert", "distilbert", "electra", "gpt2", "roberta", "xlm-roberta"})


def call_parameters(model: Any) -> dict[str, inspect.Parameter]:
    """Gives the arguments of a model's `call` by name."""
    return dict(inspect.signature(model.call).parameters)


def takes_names(model: Any) -> bool:
    """Whether a batch's entries are arguments of the model's `call`; else the dict is its first argument."""
    parameters = [
        name
        for name, parameter in call_parameters(model).items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in ("training", "mask")
    ]
    return len(parameters) > 1


def find_label_names(model: Any) -> list[str]:
    """Gives the arguments of a model's `call` that are labels.

    Example:
        >>> import corten
        >>> class Classifier(corten.Model):
        ...     def call(self, input_ids, labels=None):
        ...         return {"logits": input_ids}
        >>> find_label_names(Classifier())
        ['labels']
    """
    if not takes_names(model):
        return ["labels"]
    found = [name for name in call_parameters(model) if "label" in name or name.endswith("_positions")]
    if "QuestionAnswering" not in type(model).__name__:
        found = [name for name in found if not name.endswith("_positions")]
    return found


class TrainerData(TrainerParts):
    """Loaders of the training, evaluation and test data."""

    def _keep(self) -> frozenset[str] | None:
        """The columns that the model takes; None for all."""
        if not self.args.remove_unused_columns or not takes_names(self.model):
            return None
        parameters = call_parameters(self.model)
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return None
        return frozenset({*parameters, *self.label_names}) - {"training"}

    def _rows(self, data: Any, who: str) -> Rows | StreamedRows:
        rows = rows_of(data, who)
        keep = self._keep()
        if keep is not None:
            columns = rows.columns
            if not any(name in keep and name not in self.label_names for name in columns):
                tokenize = ""
                if "text" in columns or "sentence" in columns:
                    tokenize = " Tokenize the texts first: tokenizer(texts, truncation=True)."
                raise ValueError(
                    f"Trainer: {who} has no column that {type(self.model).__name__} takes: its columns are "
                    f"{columns}, the model takes {sorted(keep - set(self.label_names))}.{tokenize} "
                    "(remove_unused_columns=False hands all of them to the data collator.)"
                )
        return rows

    def _collator_of(self, rows: Rows | StreamedRows) -> Any:
        """None where the rows can be joined without one."""
        return self.data_collator

    def get_train_dataloader(self) -> Any:
        """Gives what the training walks through in every epoch: an iterable of dicts of arrays.

        Raises:
            ValueError: There is no `train_dataset`.
        """
        if self.train_dataset is None:
            raise ValueError("Trainer: training needs a train_dataset: Trainer(..., train_dataset=rows)")
        args = self.args
        rows = self._rows(self.train_dataset, "train_dataset")
        seed = args.seed if args.data_seed is None else args.data_seed
        order = None
        if isinstance(rows, Rows):
            if args.train_sampling_strategy == "group_by_length":
                lengths = self._lengths(rows)
                order = lambda epoch: length_grouped_order(  # noqa: E731
                    lengths, args.train_batch_size, seed, epoch
                )
            elif args.train_sampling_strategy == "random":
                count = len(rows)
                order = lambda epoch: random_order(count, seed, epoch)  # noqa: E731
        elif args.train_sampling_strategy == "group_by_length":
            raise ValueError(
                "Trainer: group_by_length needs rows that can be taken in any order; train_dataset can only "
                "be walked through"
            )
        return Batches(
            rows,
            args.train_batch_size,
            self._collator_of(rows),
            order,
            args.dataloader_drop_last,
            self._keep(),
            "train_dataset",
        )

    def _lengths(self, rows: Rows) -> list[int]:
        """The lengths of the rows."""
        given = rows.column(self.args.length_column_name)
        if given is not None:
            return [int(length) for length in given]
        name = getattr(self.model, "main_input_name", "input_ids")
        column, mask = rows.column(name), rows.column("attention_mask")
        if column is None:
            raise ValueError(
                f"Trainer: group_by_length needs a column {name!r} or one with lengths (length_column_name); "
                f"the columns are {rows.columns}"
            )
        if mask is not None:
            return [int(np.sum(row)) for row in mask]
        return [len(row) for row in column]

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Gives what an evaluation walks through.

        Args:
            eval_dataset: The data, or its name where `eval_dataset` of the Trainer is a dict of several.

        Raises:
            ValueError: There is none.
        """
        data = self.eval_dataset if eval_dataset is None else eval_dataset
        if isinstance(data, str):
            data = self.eval_dataset[data]
        if data is None:
            raise ValueError("Trainer: evaluation needs an eval_dataset: Trainer(..., eval_dataset=rows)")
        return self._loader(data, "eval_dataset")

    def get_test_dataloader(self, test_dataset: Any) -> Any:
        """Gives what a prediction walks through."""
        return self._loader(test_dataset, "test_dataset")

    def _loader(self, data: Any, who: str) -> Batches:
        rows = self._rows(data, who)
        return Batches(rows, self.args.eval_batch_size, self._collator_of(rows), keep=self._keep(), who=who)

    def num_examples(self, dataloader: Any) -> int:
        """Gives how many rows a loader has; 0 where that is not known."""
        count = getattr(dataloader, "num_examples", None)
        if count is None:
            try:
                count = len(dataloader) * int(getattr(dataloader, "batch_size", 1) or 1)
            except TypeError:
                count = 0
        return int(count)

    # -- checks before anything is trained ------------------------------------------------------------

    def _check_rows(self, data: Any, who: str) -> None:
        """Looks at all rows in memory for labels and words that the model does not have.

        Raises:
            ValueError: There are some.
        """
        rows = rows_of(data, who)
        in_memory = isinstance(rows, ColumnRows) or (
            isinstance(rows, ItemRows) and isinstance(rows.source, list)
        )
        config = getattr(self.model, "config", None)
        if config is None or not in_memory:
            return
        assert isinstance(rows, Rows)
        name = type(self.model).__name__
        self._check_ids(rows, config, who, name)
        if not name.endswith(("ForSequenceClassification", "ForTokenClassification")):
            return
        labels = next((found for key in _LABEL_COLUMNS if (found := rows.column(key)) is not None), None)
        classes = getattr(config, "num_labels", None)
        if labels is None or classes is None or getattr(config, "problem_type", None) not in (
            None, "single_label_classification"
        ):  # fmt: skip
            return
        values = _flat(labels)
        if classes == 1 or values is None or values.dtype.kind not in "iub":
            return
        wrong = np.unique(values[(values != -100) & ((values < 0) | (values >= classes))])
        if len(wrong):
            raise ValueError(
                f"Trainer: {who} has labels that {name} does not know: {wrong[:5].tolist()}; it has "
                f"{classes} classes, 0 to {classes - 1}. Load it with from_pretrained(..., "
                f"num_labels={int(values.max()) + 1}), or number the labels from 0."
            )

    def _check_ids(self, rows: Rows, config: Any, who: str, name: str) -> None:
        ids = rows.column("input_ids")
        if ids is None:
            return
        longest = max((len(row) for row in ids if hasattr(row, "__len__")), default=0)
        kind, places = getattr(config, "model_type", None), getattr(config, "max_position_embeddings", None)
        if isinstance(places, int) and kind in ("camembert", "roberta", "xlm-roberta"):
            # Their places are counted from behind the padding token's number.
            places -= int(getattr(config, "pad_token_id", None) or 0) + 1
        if isinstance(places, int) and longest > places and kind in _WITH_PLACES:
            raise ValueError(
                f"Trainer: {who} has a text of {longest} tokens; {name} has places for {places}. Tokenize "
                f"with truncation=True, max_length={places}."
            )
        values, words = _flat(ids), getattr(config, "vocab_size", None)
        if values is not None and len(values) and isinstance(words, int) and int(values.max()) >= words:
            raise ValueError(
                f"Trainer: {who} has the token {int(values.max())}; {name} has a vocabulary of {words} "
                f"tokens (0 to {words - 1}). Is the tokenizer that of the model? After new tokens were "
                "added, call model.resize_token_embeddings(len(tokenizer))."
            )


def _flat(values: Sequence[Any]) -> np.ndarray | None:
    """All numbers of a column; None where it has others than numbers."""
    try:
        flat = np.concatenate([np.ravel(value) for value in values]) if len(values) else np.zeros(0, "int64")
    except ValueError:
        return None
    return flat if flat.dtype.kind in "biuf" else None
