"""`from_pretrained` and `save_pretrained`: folders, shards, names, and files that are wrong."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tests.transformers.helpers import reference

from corten.transformers import BertConfig, BertForSequenceClassification, BertModel, PretrainedConfig

SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 14,
}
IDS = np.array([[2, 5, 9, 3]])


def classifier(**entries):
    return BertForSequenceClassification(BertConfig(**SMALL, **entries))


def test_a_folder_comes_back_with_the_same_bits(tmp_path):
    model = classifier(num_labels=3, id2label={0: "a", 1: "b", 2: "c"})
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    loaded = BertForSequenceClassification.from_pretrained(tmp_path)
    np.testing.assert_array_equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)
    assert loaded.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert loaded.config.architectures == ["BertForSequenceClassification"]
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}
        assert file.get_tensor("bert.encoder.layer.0.intermediate.dense.weight").shape == (24, 16)


def test_a_file_of_transformers_is_read(tmp_path):
    values = reference("bert_sequence_classification")
    save_file(values["weight"], tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(values["config"]))
    model = BertForSequenceClassification.from_pretrained(tmp_path)
    output = model(values["input"])
    np.testing.assert_allclose(output.logits, values["output"]["logits"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", ["4KB", 4000])
def test_shards(tmp_path, size):
    model = classifier()
    model.save_pretrained(tmp_path, max_shard_size=size)
    names = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert len(names) > 2
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == set(names)
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in model.get_weights())
    loaded = BertForSequenceClassification.from_pretrained(tmp_path)
    np.testing.assert_array_equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)
    # A later save in one file leaves no shard of the former.
    model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.glob("model*")] == ["model.safetensors"]


def test_a_head_is_added_to_a_base_and_a_base_taken_out_of_the_whole(tmp_path):
    base = BertModel(BertConfig(**SMALL))
    base.save_pretrained(tmp_path / "base")
    with pytest.warns(UserWarning, match=r"newly initialised.*classifier.weight.*Train"):
        whole, info = BertForSequenceClassification.from_pretrained(
            tmp_path / "base", output_loading_info=True
        )
    assert info["missing_keys"] == ["classifier.weight", "classifier.bias"]
    assert np.asarray(whole.classifier.kernel).std() > 0
    states = base(input_ids=IDS).last_hidden_state
    np.testing.assert_array_equal(whole.bert(input_ids=IDS).last_hidden_state, states)
    whole.save_pretrained(tmp_path / "whole")
    with pytest.warns(UserWarning, match=r"in the file but not in the model.*classifier"):
        again = BertModel.from_pretrained(tmp_path / "whole")
    np.testing.assert_array_equal(again(input_ids=IDS).last_hidden_state, states)


def test_another_number_of_classes(tmp_path):
    classifier(num_labels=3).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"classifier.weight.*\(3, 16\).*\(5, 16\).*ignore_mismatched_sizes"):
        BertForSequenceClassification.from_pretrained(tmp_path, num_labels=5)
    with pytest.warns(UserWarning, match="shapes differ"):
        model = BertForSequenceClassification.from_pretrained(
            tmp_path, num_labels=5, ignore_mismatched_sizes=True
        )
    assert model(input_ids=IDS).logits.shape == (1, 5)


def test_another_vocabulary_is_refused(tmp_path):
    classifier().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"word_embeddings.weight.*\(40, 16\).*\(50, 16\)"):
        BertForSequenceClassification.from_pretrained(tmp_path, vocab_size=50)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16"])
def test_dtypes(tmp_path, dtype):
    model = classifier()
    model.save_pretrained(tmp_path)
    other = BertForSequenceClassification.from_pretrained(tmp_path, dtype=dtype)
    assert other.bert.encoder.layer[0].intermediate.dense.compute_dtype == dtype.removeprefix("mixed_")
    logits = np.asarray(other(input_ids=IDS).logits).astype("float32")
    np.testing.assert_allclose(logits, model(input_ids=IDS).logits, atol=0.05)
    other.save_pretrained(tmp_path / "other")
    again = BertForSequenceClassification.from_pretrained(tmp_path / "other", dtype="auto")
    assert again.variable_dtype == other.variable_dtype


def test_names_of_old_files(tmp_path):
    model = classifier()
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in weights.items()
    }
    old["bert.embeddings.position_ids"] = np.arange(14)[None]
    save_file(old, path, {"format": "pt"})
    loaded = BertForSequenceClassification.from_pretrained(tmp_path)
    np.testing.assert_array_equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file 'config.json'"):
        BertModel.from_pretrained(tmp_path)
    BertConfig(**SMALL).save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no file 'model.safetensors'; it has config.json"):
        BertModel.from_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(OSError, match=r"pickles run code.*save_pretrained"):
        BertModel.from_pretrained(tmp_path)


def test_code_that_a_file_names_is_not_run(tmp_path):
    model = BertModel(BertConfig(**SMALL))
    model.save_pretrained(tmp_path)
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    path = tmp_path / "config.json"
    entries = {
        **json.loads(path.read_text()),
        "auto_map": {"AutoModel": "evil.Model"},
        "to_dict": "evil",
        "__class__": "evil",
        "_check": 1,
        "from_pretrained": "evil",
    }
    path.write_text(json.dumps(entries))
    with pytest.warns(UserWarning, match="auto_map"):
        loaded = BertModel.from_pretrained(tmp_path, trust_remote_code=True)
    assert loaded.config.to_dict()["to_dict"] == "evil"
    assert type(loaded.config) is BertConfig
    np.testing.assert_array_equal(
        loaded(input_ids=IDS).last_hidden_state, model(input_ids=IDS).last_hidden_state
    )


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"vocab_size": 10**9}, "vocab_size|memory|bytes|shape"),
        ({"num_hidden_layers": 50_000, "hidden_size": 512}, "50000 layers"),
        ({"hidden_size": None}, "hidden_size"),
        ({"model_type": "gpt2"}, "gpt2.*bert"),
        ({"id2label": ["a"]}, "id2label"),
        ({"num_labels": 10**9}, "num_labels"),
        ({"label2id": {"a": [1]}}, "label2id"),
        ({"pad_token_id": []}, "pad_token_id"),
        ({"pad_token_id": 10**30}, "pad_token_id"),
        ({"initializer_range": []}, "initializer_range"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps"),
        ({"hidden_act": ["gelu"]}, "activation"),
    ],
)
def test_wrong_configurations_in_files(tmp_path, entries, words):
    BertModel(BertConfig(**SMALL)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    with pytest.raises((ValueError, TypeError), match=words):
        BertModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '"a"', '{"a": 1, "a": 2}'])
def test_what_is_no_configuration(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config.json"):
        PretrainedConfig.from_pretrained(tmp_path)


def test_an_index_names_files_beside_it_only(tmp_path):
    classifier().save_pretrained(tmp_path, max_shard_size="4KB")
    path = tmp_path / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    first = next(iter(index["weight_map"]))
    path.write_text(json.dumps({"weight_map": {**index["weight_map"], first: "../model.safetensors"}}))
    with pytest.raises(ValueError, match="beside it"):
        BertForSequenceClassification.from_pretrained(tmp_path)
    path.write_text(json.dumps({"weight_map": {**index["weight_map"], "more": index["weight_map"][first]}}))
    with pytest.raises(ValueError, match="lacks 'more'"):
        BertForSequenceClassification.from_pretrained(tmp_path)


def test_truncated_weights(tmp_path):
    classifier().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated"):
        BertForSequenceClassification.from_pretrained(tmp_path)


def test_unknown_entries_are_kept(tmp_path):
    config = BertConfig(**SMALL, something_new=[1, 2])
    config.save_pretrained(tmp_path)
    assert BertConfig.from_pretrained(tmp_path).something_new == [1, 2]
    with pytest.raises(AttributeError, match="something_new"):
        _ = config.somthing_new
