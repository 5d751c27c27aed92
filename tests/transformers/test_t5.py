"""T5: values against transformers, generation from an encoder, training, files."""

import json

import numpy as np
import pytest
from tests.transformers import decoder_values as stored
from tests.transformers.generation_settings import GENERATIONS

import corten
from corten.transformers import (
    EncoderDecoderCache,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
    T5Model,
)
from corten.transformers.generation.decode_capture import capture_of
from corten.transformers.generation.session import EncoderDecoderSession
from corten.transformers.weight_names import named_weights

NAMES = ("t5", "t5_gated")


@pytest.mark.parametrize("name", NAMES)
def test_logits_loss_and_all_gradients(name):
    model, inputs = stored.model(name), stored.part(name, "input")
    wanted = stored.values(name)
    weights = named_weights(model)
    with corten.GradientTape() as tape:
        output = model(**inputs)
    assert stored.relative(output.logits, wanted["logits"]) <= 1e-5
    assert stored.relative(output.loss, wanted["loss"]) <= 1e-5
    gradients = tape.gradient(output.loss, [weight.variable for weight in weights])
    expected = stored.part(name, "gradient")
    assert {weight.name for weight in weights} == set(expected)
    for weight, gradient in zip(weights, gradients, strict=True):
        found = gradient.numpy().T if weight.transposed else gradient.numpy()
        assert stored.relative(found, expected[weight.name]) <= 1e-5, weight.name


def source(name):
    given = stored.part(name, "input")
    return {key: given[key] for key in ("input_ids", "attention_mask")}


@pytest.mark.parametrize("case", GENERATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_those_of_transformers(name, case):
    settings = {**GENERATIONS[case], "return_dict_in_generate": True, "output_scores": True}
    found = stored.model(name).generate(**source(name), **settings)
    assert found.sequences.tolist() == stored.part(name, "ids")[case].tolist()
    if "num_beams" in settings:
        np.testing.assert_allclose(
            found.sequences_scores.numpy(), stored.part(name, "scores")[case], rtol=1e-5
        )


@pytest.mark.parametrize("beams", [1, 3])
def test_captured_steps_give_the_same_tokens(beams, monkeypatch):
    """Sources of several lengths and rows with padding, greedily and with beams, by plans and without."""
    given = source("t5")
    long = {name: np.tile(value, (1, 9)) for name, value in given.items()}
    settings = {"max_new_tokens": 24, "eos_token_id": [], "repetition_penalty": 30.0, "num_beams": beams}
    settings |= {"return_dict_in_generate": True, "output_logits": True}
    model = stored.model("t5")
    capture = capture_of(model)
    before = capture.replayed
    found = [model.generate(**one, **settings) for one in (given, long, given)]
    assert capture.refusal is None
    assert capture.replayed - before >= 3 * 22 - 4
    monkeypatch.setattr(EncoderDecoderSession, "_new_capture", lambda self: None)
    for one, other in zip(found, (given, long, given), strict=True):
        wanted = model.generate(**other, **settings)
        assert one.sequences.tolist() == wanted.sequences.tolist()
        np.testing.assert_allclose(np.stack(one.logits), np.stack(wanted.logits), rtol=1e-4, atol=1e-4)
    assert beams > 1 or len(set(found[0].sequences[0].tolist())) > 12


@pytest.mark.parametrize("case", ["greedy_ends", "beams_ends"])
def test_without_cache_the_same_tokens(case):
    found = stored.model("t5").generate(**source("t5"), **GENERATIONS[case], use_cache=False)
    assert found.tolist() == stored.part("t5", "ids")[case].tolist()


def test_encoder_may_be_run_before():
    model = stored.model("t5_gated")
    given = source("t5_gated")
    encoded = model.get_encoder()(**given)
    wanted = model.generate(**given, max_new_tokens=6)
    found = model.generate(encoder_outputs=encoded, attention_mask=given["attention_mask"], max_new_tokens=6)
    assert found.tolist() == wanted.tolist()
    started = model.generate(**given, decoder_input_ids=wanted[:, :3], max_new_tokens=4)
    assert started.tolist() == wanted.tolist()


def test_cache_gives_what_the_whole_text_gives():
    model, given = stored.model("t5"), source("t5")
    target = stored.part("t5", "input")["input_ids"][:, :5]
    whole = model(**given, decoder_input_ids=target).logits.numpy()
    cache = EncoderDecoderCache()
    found = [
        model(**given, decoder_input_ids=target[:, begin:end], past_key_values=cache).logits.numpy()
        for begin, end in ((0, 2), (2, 3), (3, 5))
    ]
    np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=5e-5)


SMALL = {"vocab_size": 12, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}


def test_making_a_model_takes_little_more_memory_than_its_weights():
    config = T5Config(vocab_size=50, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
    before = corten.memory.limit()
    corten.memory.set_limit(corten.memory.stats()["allocated"] + 10_000_000)
    try:
        # Shapes are inferred with long texts: what is added to scores of all pairs of tokens took gigabytes.
        T5ForConditionalGeneration(config)
    finally:
        corten.memory.set_limit(before)


def test_a_small_model_learns_to_reverse():
    corten.utils.set_random_seed(0)
    model = T5ForConditionalGeneration(T5Config(**SMALL, dropout_rate=0.0, initializer_factor=0.5))
    ids = np.random.default_rng(0).integers(2, 12, (64, 3))
    labels = np.concatenate([ids[:, ::-1], np.ones((64, 1), int)], 1)
    optimizer = corten.optimizers.Adam(0.02)
    for _ in range(150):
        with corten.GradientTape() as tape:
            loss = model(input_ids=ids, labels=labels, training=True).loss
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    found = model.generate(ids, max_new_tokens=4).numpy()[:, 1:]
    assert (found == labels).all(1).mean() > 0.8


def test_files_and_parts(tmp_path):
    model = stored.model("t5")
    model.save_pretrained(tmp_path)
    again = T5ForConditionalGeneration.from_pretrained(tmp_path)
    inputs = stored.part("t5", "input")
    assert np.array_equal(again(**inputs).logits.numpy(), model(**inputs).logits.numpy())
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["is_encoder_decoder"] is True
    whole = T5Model.from_pretrained(tmp_path)
    target = inputs["input_ids"][:, :4]
    output = whole(
        **source("t5"), decoder_input_ids=target, output_attentions=True, output_hidden_states=True
    )
    assert output.cross_attentions[1].shape == (3, 2, 4, 9)
    assert len(output.decoder_hidden_states) == len(output.encoder_hidden_states) == 3
    with pytest.warns(UserWarning, match="in the file but not in the model: decoder"):
        encoder = T5EncoderModel.from_pretrained(tmp_path)
    found = encoder(**source("t5")).last_hidden_state
    np.testing.assert_allclose(found.numpy(), output.encoder_last_hidden_state.numpy(), atol=1e-5)


def test_bad_input():
    model = T5ForConditionalGeneration(T5Config(**SMALL))
    with pytest.raises(ValueError, match="give the decoder's tokens"):
        model(input_ids=[[1, 2]])
    with pytest.raises(ValueError, match=r"must have the shape \(1, 2\) of the tokens; got \(1, 3\)"):
        model(input_ids=[[1, 2]], attention_mask=[[1, 1, 1]], labels=[[3]])
    with pytest.raises(ValueError, match="more than half"):
        T5Config(relative_attention_max_distance=10)
    with pytest.raises(ValueError, match="unknown activation 'snake'"):
        T5Model(T5Config(**SMALL, feed_forward_proj="snake"))
    with pytest.raises(ValueError, match="give the encoder's tokens"):
        model.generate(max_new_tokens=3)


@pytest.mark.parametrize("cls", [T5ForConditionalGeneration, T5EncoderModel])
def test_exported_to_onnx(cls, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    corten.utils.set_random_seed(0)
    config = T5Config(vocab_size=40, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=2)
    model = cls(config)
    model.export(tmp_path / "model.onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    rng = np.random.default_rng(0)
    # One file for texts of all lengths, those of the decoder by themselves.
    for tokens, targets in ((5, 3), (70, 40), (3, 90)):
        ids = rng.integers(2, 40, (2, tokens))
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        given["attention_mask"][1, 2:] = 0
        if cls is T5ForConditionalGeneration:
            given["decoder_input_ids"] = rng.integers(2, 40, (2, targets))
        found = dict(zip(names, session.run(None, given), strict=True))
        output = model(**given)
        name = "logits" if "logits" in output else "last_hidden_state"
        assert stored.relative(found[name], output[name]) <= 1e-5
