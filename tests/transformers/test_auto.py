"""The classes that choose."""

import json

import numpy as np
import pytest

from corten import transformers
from corten.transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    auto,
)

SMALL = {
    "bert": {
        "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 24,
    },
    "distilbert": {"vocab_size": 40, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24},
}  # fmt: skip
SMALL["roberta"] = SMALL["xlm-roberta"] = SMALL["bert"]


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize(
    "task", ["MaskedLM", "QuestionAnswering", "SequenceClassification", "TokenClassification"]
)
def test_the_class_is_that_of_the_folder(kind, task, tmp_path):
    config = AutoConfig.for_model(kind, **SMALL[kind])
    cls = getattr(transformers, f"AutoModelFor{task}")
    model = cls.from_config(config)
    model.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).model_type == kind
    loaded = cls.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    assert type(model).__name__.endswith(f"For{task}")
    ids = np.array([[3, 4, 5]])
    np.testing.assert_array_equal(loaded(input_ids=ids)[0], model(input_ids=ids)[0])


def test_a_configuration_in_place_of_the_folders(tmp_path):
    AutoModelForMaskedLM.from_config(AutoConfig.for_model("bert", **SMALL["bert"])).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path, num_labels=4)
    with pytest.warns(UserWarning, match="classifier"):
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path, config=config)
    assert model(input_ids=[[1, 2]]).logits.shape == (1, 4)


@pytest.mark.parametrize(
    ("model_type", "words"),
    [
        ("bret", "'bret'.*Did you mean 'bert'"),
        (None, "no `model_type`"),
        (["bert"], "of the type"),
        ("__main__", "type"),
    ],
)
def test_unknown_kinds(model_type, words, tmp_path):
    entries = {} if model_type is None else {"model_type": model_type}
    (tmp_path / "config.json").write_text(json.dumps(entries))
    for cls in (AutoConfig, AutoModel):
        with pytest.raises(ValueError, match=words):
            cls.from_pretrained(tmp_path)


@pytest.mark.parametrize("kind", auto._KINDS)
def test_all_classes_are_there(kind):
    config_class, models = auto._KINDS[kind]
    assert getattr(transformers, config_class).model_type == kind
    for chooser, name in models.items():
        assert issubclass(getattr(transformers, chooser), auto._AutoModel)
        assert getattr(transformers, name).config_class is getattr(transformers, config_class)


def test_not_constructed():
    with pytest.raises(TypeError, match="from_pretrained"):
        AutoModel()
    with pytest.raises(TypeError, match="from_pretrained"):
        AutoConfig()


def test_a_task_that_a_kind_does_not_have():
    config = AutoConfig.for_model("bert", **SMALL["bert"])
    with pytest.raises(ValueError, match=r"AutoModelForSeq2SeqLM.*'bert'.*AutoModelForMaskedLM"):
        transformers.AutoModelForSeq2SeqLM.from_config(config)
