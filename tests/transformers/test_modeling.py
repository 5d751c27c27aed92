"""What all models can do: resizing the vocabulary, freezing, gradient checkpointing, memory."""

import numpy as np
import pytest
from tests.transformers.helpers import model_of, reference

import corten
from corten.transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    attention,
)
from corten.transformers.weight_names import named_layers

SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 14,
}
IDS = np.array([[2, 5, 9, 3], [7, 39, 1, 0]])


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("tied", [True, False])
def test_resizing_the_vocabulary(kind, tied, tmp_path):
    names = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
    entries = {names.get(key, key): value for key, value in SMALL.items()} if kind == "distilbert" else SMALL
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **entries, tie_word_embeddings=tied))
    before = np.asarray(model(input_ids=IDS).logits)
    table = np.asarray(model.get_input_embeddings().embeddings)
    count = model.num_parameters()
    assert model.resize_token_embeddings(43, pad_to_multiple_of=4) is model.get_input_embeddings()
    assert model.config.vocab_size == 44
    assert model.num_parameters() == count + 4 * (16 + 1 + (0 if tied else 16))
    after = np.asarray(model(input_ids=IDS).logits)
    np.testing.assert_allclose(after[..., :40], before, atol=1e-5)
    np.testing.assert_allclose(model.get_input_embeddings().embeddings[43], table.mean(0), atol=1e-6)
    assert model(input_ids=[[43]]).logits.shape == (1, 1, 44)
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path)
    np.testing.assert_array_equal(again(input_ids=[[43, 2]]).logits, model(input_ids=[[43, 2]]).logits)
    model.compile("adam")
    model.fit({"input_ids": IDS, "labels": np.full_like(IDS, 43)}, epochs=2, verbose=0)
    with pytest.raises(ValueError, match="compile"):
        model.resize_token_embeddings(50)
    smaller = BertForMaskedLM(BertConfig(**SMALL))
    smaller.resize_token_embeddings(20)
    assert smaller(input_ids=[[19]]).logits.shape == (1, 1, 20)
    with pytest.raises(IndexError, match=r"0 to 19"):
        smaller(input_ids=[[20]])


@pytest.mark.parametrize("size", [0, -1, 1.5, "9"])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="positive number"):
        BertModel(BertConfig(**SMALL)).resize_token_embeddings(size)


def test_freezing():
    model = BertForMaskedLM(BertConfig(**SMALL))
    model.bert.trainable = False
    assert model.num_parameters(only_trainable=True) == 16 * 16 + 16 + 2 * 16 + 40
    tables = (40 + 14 + 2) * 16
    assert model.num_parameters() - model.num_parameters(exclude_embeddings=True) == tables
    before = np.array(model.bert.get_input_embeddings().embeddings)
    head = np.array(model.cls.predictions.transform.dense.kernel)
    model.compile("adam")
    model.fit({"input_ids": IDS, "labels": IDS}, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.bert.get_input_embeddings().embeddings, before)
    assert np.abs(np.asarray(model.cls.predictions.transform.dense.kernel) - head).max() > 0


@pytest.mark.parametrize("name", ["bert_masked_lm", "distilbert_sequence_classification"])
def test_gradient_checkpointing_changes_no_bit(name):
    values = reference(name)
    results = []
    for checkpointing in (False, True):
        corten.utils.set_random_seed(3)
        values["config"].update(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.1, dropout=0.1)
        model = model_of(values["config"]["architectures"][0], values)
        if checkpointing:
            model.gradient_checkpointing_enable()
            assert model.is_gradient_checkpointing
        model.compile(corten.optimizers.SGD(0.1))
        history = model.fit(values["input"], epochs=3, batch_size=2, verbose=0).history
        results.append((history["loss"], model.get_weights()))
    assert results[0][0] == results[1][0]
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("masked", ["no", "bool", "added"])
def test_dropout_of_attention_is_dropout_of_its_weights(is_causal, masked):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(2, 7, heads, 4)).astype("float32") for heads in (4, 2, 2)]
    mask = None if masked == "no" else rng.random((2, 1, 7, 7)) > 0.3
    if masked == "added":
        mask = np.where(mask, 0.0, -5.0).astype("float32")
    mask = None if mask is None else corten.tensor(mask)
    results = []
    for with_weights in (False, True):
        operands = [corten.tensor(array, requires_grad=True) for array in arrays]
        seed = corten.random.SeedGenerator(1)
        output, weights = attention.attend(
            *operands, mask, is_causal=is_causal, dropout=0.4, seed=seed, with_weights=with_weights
        )
        assert (weights is not None) == with_weights
        (output * output).sum().backward()
        results.append([output.detach(), *(operand.grad for operand in operands)])
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_dropout_of_all_attention_leaves_nothing():
    x = corten.ops.ones((1, 3, 2, 4))
    output, _ = attention.attend(x, x, x, dropout=1.0, seed=1)
    assert not output.numpy().any()


@pytest.mark.parametrize(("training", "dropout"), [(False, 0.0), (True, 0.0), (True, 0.1)])
def test_attention_takes_memory_by_the_length_and_not_its_square(training, dropout):
    config = BertConfig(**{**SMALL, "max_position_embeddings": 4096, "attention_probs_dropout_prob": dropout})
    model = BertForMaskedLM(config)
    x = {"input_ids": np.ones((1, 4096), "int32"), "attention_mask": np.ones((1, 4096), "int32")}
    model.compile("adam")
    # The scores alone would be 134 MB in each of two layers.
    corten.memory.set_limit(corten.memory.stats()["allocated"] + (60 << 20))
    try:
        if training:
            assert np.isfinite(model.train_on_batch({**x, "labels": x["input_ids"]}))
        else:
            assert model.predict(x, verbose=0).logits.shape == (1, 4096, 40)
    finally:
        corten.memory.set_limit(None)


def test_names_of_modules():
    names = dict(named_layers(BertModel(BertConfig(**SMALL))))
    assert names["encoder.layer.1.attention.output.dense"].units == 16
    assert names["encoder.layer.1.attention.self.query"].name == "query"
