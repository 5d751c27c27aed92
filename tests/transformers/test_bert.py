"""BERT: calls, training, and what goes wrong with it."""

import numpy as np
import pytest
from tests.transformers.helpers import model_of, reference

import corten
from corten.transformers import BertConfig, BertForSequenceClassification, BertModel

SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 14,
}


def data(rows=64, length=7):
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 40, (rows, length))
    return {"input_ids": ids, "attention_mask": np.ones((rows, length), "int64")}, (ids[:, 1] > 20).astype(
        "int64"
    )


def test_padding_does_not_change_what_comes_before_it():
    values = reference("bert_sequence_classification")
    model = model_of("BertForSequenceClassification", values)
    ids, mask = values["input"]["input_ids"], values["input"]["attention_mask"]
    length = int(mask[2].sum())
    types = values["input"]["token_type_ids"]
    whole = model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
    alone = model(input_ids=ids[2:, :length], token_type_ids=types[2:, :length]).logits
    np.testing.assert_allclose(whole[2:], alone, atol=1e-6)


def test_hidden_states_and_attentions():
    model = BertModel(BertConfig(**SMALL))
    x, _ = data(2)
    output = model(x, output_attentions=True, output_hidden_states=True)
    plain = model(x)
    assert len(output.hidden_states) == 3
    assert len(output.attentions) == 2
    assert output.attentions[0].shape == (2, 2, 7, 7)
    np.testing.assert_allclose(np.asarray(output.attentions[1]).sum(-1), 1, atol=1e-5)
    # Step by step and through the fused kernel.
    np.testing.assert_allclose(output.last_hidden_state, plain.last_hidden_state, atol=1e-5)
    as_tuple = model(x, return_dict=False)
    assert isinstance(as_tuple, tuple)
    np.testing.assert_array_equal(as_tuple[0], plain[0])


@pytest.mark.parametrize("way", ["labels in the data", "labels as y", "a loss"])
def test_fit_learns_by_captured_steps(way):
    corten.utils.set_random_seed(0)
    model = BertForSequenceClassification(BertConfig(**SMALL))
    x, y = data()
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True) if way == "a loss" else None
    model.compile(corten.optimizers.AdamW(1e-2), loss, metrics=["accuracy"])
    arguments = ({**x, "labels": y},) if way == "labels in the data" else (x, y)
    history = model.fit(*arguments, epochs=6, batch_size=8, verbose=0).history
    assert model._training_state.capture.replayed > 40
    assert model._training_state.capture.refusal is None
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    loss, accuracy = model.evaluate(*arguments, verbose=0)
    assert accuracy > 0.8
    predicted = model.predict(x, verbose=0)
    assert predicted.logits.shape == (64, 2)
    assert float(np.mean(predicted.logits.argmax(-1) == y)) == pytest.approx(accuracy)


def test_the_three_ways_of_training_have_the_same_losses():
    x, y = data()
    losses = []
    for loss in (None, corten.losses.SparseCategoricalCrossentropy(from_logits=True)):
        corten.utils.set_random_seed(0)
        model = BertForSequenceClassification(BertConfig(**SMALL))
        model.compile(corten.optimizers.AdamW(1e-2), loss)
        losses.append(model.fit(x, y, epochs=2, batch_size=8, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_save_and_load_as_a_corten_model(tmp_path):
    model = BertForSequenceClassification(BertConfig(**SMALL, num_labels=3))
    model.save(tmp_path / "model.corten")
    loaded = corten.models.load_model(tmp_path / "model.corten")
    x, _ = data(4)
    assert loaded.config == model.config
    np.testing.assert_array_equal(loaded(x).logits, model(x).logits)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"input_ids": [[1, 40]]}, IndexError, "0 to 39.*tokenizer"),
        ({"input_ids": [[1, -1]]}, IndexError, "0 to 39"),
        ({"input_ids": [[1] * 15]}, ValueError, "15 tokens.*14.*truncation"),
        ({"input_ids": [1, 2]}, ValueError, r"\(batch, tokens\).*input_ids\[None\]"),
        ({"input_ids": [[1.0, 2.0]]}, TypeError, "integers"),
        ({"input_ids": [[1, 2], [3]]}, ValueError, "different lengths.*padding"),
        ({"input_ids": [[1, 2]], "attention_mask": [[1, 1, 1]]}, ValueError, r"attention_mask.*\(1, 2\)"),
        ({"input_ids": [[1, 2]], "token_types": [[0, 0]]}, TypeError, "token_types"),
        ({}, ValueError, "input_ids.*inputs_embeds"),
        ({"input_ids": [[1, 2]], "labels": [2]}, ValueError, "0 to 1.*num_labels=3"),
        ({"input_ids": [[1, 2]], "labels": [1, 1]}, ValueError, "labels"),
    ],
)  # fmt: skip
def test_bad_calls(arguments, error, words):
    model = BertForSequenceClassification(BertConfig(**SMALL))
    with pytest.raises(error, match=words):
        model(**arguments)


def test_labels_are_refused_before_training():
    model = BertForSequenceClassification(BertConfig(**SMALL))
    x, y = data()
    model.compile("adam")
    before = [np.array(weight) for weight in model.get_weights()]
    y = np.where(np.arange(64) == 63, 2, y)
    for arguments in ((x, y), ({**x, "labels": y},)):
        with pytest.raises(ValueError, match="0 to 1"):
            model.fit(*arguments, verbose=0)
    with pytest.raises(ValueError, match="no labels"):
        model.fit(x, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"hidden_size": 15}, "multiple"),
        ({"hidden_size": -16}, "hidden_size"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"hidden_act": "gelo"}, "gelu"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_hidden_layers": "2"}, "num_hidden_layers"),
    ],
)
def test_bad_configurations(entries, words):
    with pytest.raises(ValueError, match=words):
        BertConfig(**{**SMALL, **entries})
