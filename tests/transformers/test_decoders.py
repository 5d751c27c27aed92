"""GPT-2, Llama, Qwen2, Qwen3: values against transformers, caches, heads, files, training."""

import json
import warnings

import numpy as np
import pytest
from tests.transformers import decoder_values as stored

import corten
from corten.transformers import (
    DynamicCache,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    GPT2Model,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen3ForCausalLM,
    StaticCache,
    T5Config,
    T5ForConditionalGeneration,
)
from corten.transformers.weight_names import named_weights


@pytest.mark.parametrize("name", stored.DECODERS)
def test_logits_loss_and_all_gradients(name):
    model, inputs = stored.model(name), stored.part(name, "input")
    wanted = stored.values(name)
    weights = named_weights(model)
    with corten.GradientTape() as tape:
        output = model(**inputs)
    seen = inputs["attention_mask"].astype(bool)
    assert stored.relative(output.logits.numpy()[seen], wanted["logits"][seen]) <= 1e-5
    assert stored.relative(output.loss, wanted["loss"]) <= 1e-5
    gradients = tape.gradient(output.loss, [weight.variable for weight in weights])
    expected = stored.part(name, "gradient")
    assert {weight.name for weight in weights} == set(expected)
    for weight, gradient in zip(weights, gradients, strict=True):
        found = gradient.numpy().T if weight.transposed else gradient.numpy()
        assert stored.relative(found, expected[weight.name]) <= 1e-5, weight.name


@pytest.mark.parametrize("name", stored.DECODERS)
def test_cache_gives_what_the_whole_text_gives(name):
    model = stored.model(name)
    ids = stored.part(name, "input")["input_ids"][2:]
    whole = model(input_ids=ids).logits.numpy()
    for pieces in ([4, 1, 1, 3], [1] * 9, [9]):
        cache, found, start = DynamicCache(), [], 0
        for size in pieces:
            piece = ids[:, start : start + size]
            found.append(model(input_ids=piece, past_key_values=cache).logits.numpy())
            start += size
        np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=2e-5)
        assert cache.get_seq_length() == 9


def tiny(**options):
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=20, n_positions=16, n_embd=8, n_layer=2, n_head=2, **options)
    )


def test_cache_keeps_gradients():
    model = tiny()
    ids = np.array([[3, 4, 5, 6]])
    variable = model.transformer.h[0].attn.c_attn.kernel
    with corten.GradientTape() as tape:
        whole = model(input_ids=ids).logits[:, -1].sum()
    wanted = tape.gradient(whole, variable)
    with corten.GradientTape() as tape:
        cache = DynamicCache()
        model(input_ids=ids[:, :2], past_key_values=cache)
        last = model(input_ids=ids[:, 2:], past_key_values=cache).logits[:, -1].sum()
    np.testing.assert_allclose(tape.gradient(last, variable).numpy(), wanted.numpy(), atol=1e-6)


def test_caches_refuse_what_does_not_follow():
    keys = corten.ops.ones((1, 3, 2, 4))
    cache = StaticCache(4)
    cache.update(keys, keys, 0)
    with pytest.raises(ValueError, match="6 tokens do not fit into max_cache_len=4"):
        cache.update(keys, keys, 0)
    other = corten.ops.ones((2, 1, 2, 4))
    with pytest.raises(ValueError, match="cache of another batch or model"):
        cache.update(other, other, 0)
    with pytest.raises(ValueError, match="integer from 1 on; got 0"):
        DynamicCache(0)


def test_cache_rows_and_crop():
    cache = DynamicCache()
    keys = corten.tensor(np.arange(12, dtype=np.float32).reshape(2, 3, 1, 2))
    cache.update(keys, keys, 0)
    cache.reorder_cache([1, 1])
    cache.crop(2)
    found, _ = cache.update(keys[:, :1], keys[:, :1], 0)
    assert found.numpy()[:, :, 0, 0].tolist() == [[6, 8, 0], [6, 8, 6]]
    cache.batch_repeat_interleave(2)
    assert cache.batch_size == 4
    assert cache.get_seq_length() == 3


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_files_are_read_back(name, tmp_path):
    model = stored.model(name)
    model.generation_config.max_new_tokens = None
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    inputs = stored.part(name, "input")
    assert np.array_equal(again(**inputs).logits.numpy(), model(**inputs).logits.numpy())
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["model_type"] == name
    assert written["architectures"] == [type(model).__name__]
    # The decoder alone, from the file of the whole.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lm_head.weight")
        base = model.base_class.from_pretrained(tmp_path)
    states = base(input_ids=inputs["input_ids"]).last_hidden_state
    assert np.array_equal(
        states.numpy(), model.base_model(input_ids=inputs["input_ids"]).last_hidden_state.numpy()
    )


def test_states_and_attentions():
    model = tiny()
    output = model(input_ids=[[1, 2, 3]], output_hidden_states=True, output_attentions=True, use_cache=True)
    assert [state.shape for state in output.hidden_states] == [(1, 3, 8)] * 3
    assert [weights.shape for weights in output.attentions] == [(1, 2, 3, 3)] * 2
    np.testing.assert_allclose(output.attentions[0].numpy().sum(-1), 1, atol=1e-6)
    assert output.attentions[0].numpy()[0, 0, 0, 1:].tolist() == [0, 0]
    assert output.past_key_values.get_seq_length() == 3
    plain = model(input_ids=[[1, 2, 3]])
    assert plain.past_key_values is None
    np.testing.assert_allclose(plain.logits.numpy(), output.logits.numpy(), atol=1e-6)
    assert isinstance(model(input_ids=[[1]], return_dict=False), tuple)


def test_classifier_takes_the_last_token_that_is_no_padding():
    corten.utils.set_random_seed(0)
    config = GPT2Config(
        vocab_size=20, n_positions=16, n_embd=8, n_layer=1, n_head=2, num_labels=3, pad_token_id=0
    )
    model = GPT2ForSequenceClassification(config)
    padded = model(input_ids=[[5, 6, 0, 0], [5, 6, 7, 8]], labels=[0, 2])
    alone = model(input_ids=[[5, 6]])
    np.testing.assert_allclose(padded.logits.numpy()[0], alone.logits.numpy()[0], atol=1e-6)
    assert padded.loss.shape == ()
    config.pad_token_id = None
    with pytest.raises(ValueError, match="pad_token_id"):
        model(input_ids=[[5, 6], [7, 8]])


def test_a_small_decoder_learns_a_pattern():
    corten.utils.set_random_seed(0)
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    ids = np.stack([(np.arange(8) + start) % 8 for start in range(8)])
    optimizer = corten.optimizers.Adam(0.02)
    for _ in range(40):
        with corten.GradientTape() as tape:
            loss = model(input_ids=ids, labels=ids, training=True).loss
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    assert float(loss) < 0.1
    found = model.generate([[3, 4]], max_new_tokens=5, eos_token_id=[])
    assert found.tolist() == [[3, 4, 5, 6, 7, 0, 1]]


def test_bad_input():
    model = tiny()
    with pytest.raises(ValueError, match="17 tokens are more than the model has positions for, 16"):
        model(input_ids=np.ones((1, 17), int))
    with pytest.raises(IndexError, match="ids must be 0 to 19"):
        model(input_ids=[[20]])
    with pytest.raises(ValueError, match=r"shape \(batch, 3\).*got \(1, 2\)"):
        model(input_ids=[[1, 2, 3]], attention_mask=[[1, 1]])
    with pytest.raises(ValueError, match="either `input_ids` or `inputs_embeds`"):
        model(attention_mask=[[1]])
    with pytest.raises(ValueError, match="multiple of"):
        LlamaConfig(num_attention_heads=4, num_key_value_heads=3, hidden_size=16)
    with pytest.raises(ValueError, match="of the type 'spiral' are not there"):
        LlamaConfig(rope_scaling={"rope_type": "spiral"})
    with pytest.raises(ValueError, match="needs `factor`"):
        LlamaConfig(rope_scaling={"type": "linear"})
    with pytest.raises(ValueError, match="use_sliding_window"):
        Qwen2Config(use_sliding_window=True)
    with pytest.raises(ValueError, match="activation 'snake'"):
        GPT2Model(GPT2Config(activation_function="snake", n_layer=1, n_embd=8, n_head=2, vocab_size=9))


def test_steps_of_fit_are_captured():
    corten.utils.set_random_seed(0)
    config = LlamaConfig(
        vocab_size=20, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    for model in (LlamaForCausalLM(config), tiny(resid_pdrop=0.1)):
        ids = np.random.default_rng(0).integers(0, 20, (32, 6))
        model.compile("adam")
        history = model.fit({"input_ids": ids}, ids, epochs=4, batch_size=8, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0]
        assert model._training_state.capture.replayed > 0


def test_layers_computed_again_give_the_same_gradients():
    corten.utils.set_random_seed(0)
    small = {"vocab_size": 20, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 2}
    ids = np.random.default_rng(0).integers(1, 20, (2, 6))
    for model in (tiny(), stored.model("qwen3"), T5ForConditionalGeneration(T5Config(**small))):

        def gradients(model=model):
            with corten.GradientTape() as tape:
                loss = model(input_ids=ids, labels=ids).loss
            return [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]

        wanted = gradients()
        model.gradient_checkpointing_enable()
        try:
            for found, gradient in zip(gradients(), wanted, strict=True):
                np.testing.assert_allclose(found, gradient, atol=1e-6)
        finally:
            model.gradient_checkpointing_disable()


@pytest.mark.parametrize("name", ["gpt2", "qwen3"])
def test_exported_to_onnx(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    config = json.loads(str(stored.values(name)["config"]))
    for limit in ("n_positions", "max_position_embeddings"):
        config[limit] = 128
    cls = {"gpt2": GPT2LMHeadModel, "qwen3": Qwen3ForCausalLM}[name]
    model = cls(cls.config_class(**config))
    model.export(tmp_path / "model.onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for tokens in (4, 90):
        ids = np.random.default_rng(0).integers(4, 41, (2, tokens))
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        found = session.run(["logits"], given)[0]
        assert stored.relative(found, model(**given).logits) <= 1e-5
