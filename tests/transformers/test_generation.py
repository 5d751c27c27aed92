"""Generation: the tokens of transformers, sampling, stopping, streaming, and what is refused."""

import threading

import numpy as np
import pytest
from tests.transformers import decoder_values as stored
from tests.transformers.generation_settings import GENERATIONS

import corten
from corten.transformers import (
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    StoppingCriteria,
    TextIteratorStreamer,
    TextStreamer,
)
from corten.transformers.generation.decode_capture import capture_of


def prompts(name):
    return stored.part(name, "prompt") or {
        key: value for key, value in stored.part(name, "input").items() if key != "labels"
    }


@pytest.mark.parametrize("case", GENERATIONS)
@pytest.mark.parametrize("name", stored.DECODERS)
def test_tokens_are_those_of_transformers(name, case):
    settings = {**GENERATIONS[case], "return_dict_in_generate": True, "output_scores": True}
    found = stored.model(name).generate(**prompts(name), **settings)
    assert found.sequences.tolist() == stored.part(name, "ids")[case].tolist()
    if "num_beams" in settings:
        np.testing.assert_allclose(
            found.sequences_scores.numpy(), stored.part(name, "scores")[case], rtol=1e-5
        )


@pytest.mark.parametrize("name", ["gpt2", "qwen3"])
@pytest.mark.parametrize("case", ["greedy_ends", "beams_ends"])
def test_without_cache_the_same_tokens(name, case):
    found = stored.model(name).generate(**prompts(name), **GENERATIONS[case], use_cache=False)
    assert found.tolist() == stored.part(name, "ids")[case].tolist()


@pytest.mark.parametrize("name", stored.DECODERS)
def test_left_padding_changes_nothing(name):
    model, given = stored.model(name), prompts(name)
    batch = model.generate(**given, max_new_tokens=8, eos_token_id=[]).numpy()
    for row, mask in enumerate(given["attention_mask"]):
        alone = model.generate(
            given["input_ids"][row : row + 1, mask == 1], max_new_tokens=8, eos_token_id=[]
        )
        assert alone.numpy()[0, -8:].tolist() == batch[row, -8:].tolist()
    # Where no mask is given, padding is told by its id.
    assert np.array_equal(
        model.generate(given["input_ids"], max_new_tokens=8, eos_token_id=[]).numpy(), batch
    )


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_lookup_gives_what_greedy_search_gives(name):
    model = stored.model(name)
    text = np.tile(stored.part(name, "input")["input_ids"][:1], (1, 2))
    settings = {"max_new_tokens": 20, "repetition_penalty": 0.9}
    plain = model.generate(text, **settings)
    for count in (1, 4):
        assert model.generate(text, **settings, prompt_lookup_num_tokens=count).tolist() == plain.tolist()


@pytest.fixture(scope="module")
def tiny():
    corten.utils.set_random_seed(3)
    config = GPT2Config(
        vocab_size=30, n_positions=40, n_embd=8, n_layer=1, n_head=2, initializer_range=0.5, eos_token_id=1
    )
    return GPT2LMHeadModel(config)


def test_samples_repeat_with_their_seed(tiny):
    def sample(seed, **settings):
        return tiny.generate(
            [[2, 3, 4]], max_new_tokens=12, do_sample=True, seed=seed, eos_token_id=[], **settings
        )

    first = sample(1).tolist()
    assert sample(1).tolist() == first
    assert sample(2).tolist() != first
    several = sample(1, num_return_sequences=3).tolist()
    assert len({tuple(row) for row in several}) == 3
    generator = corten.random.SeedGenerator(5)
    assert sample(generator).tolist() != sample(generator).tolist()
    corten.utils.set_random_seed(7)
    drawn = sample(None).tolist()
    corten.utils.set_random_seed(7)
    assert sample(None).tolist() == drawn != sample(None).tolist()
    beams = sample(1, num_beams=3, num_return_sequences=2)
    assert beams.shape == (2, 15)
    assert beams.tolist() == sample(1, num_beams=3, num_return_sequences=2).tolist()


def test_samples_follow_the_distribution(tiny):
    scores = tiny(input_ids=[[2, 3, 4]]).logits.numpy()[0, -1] / 1.5
    chances = np.exp(scores - scores.max())
    chances[chances < np.sort(chances)[-6]] = 0
    chances /= chances.sum()
    found = tiny.generate(
        np.repeat([[2, 3, 4]], 4000, 0), max_new_tokens=1, do_sample=True, temperature=1.5, top_k=6, seed=0
    )
    shares = np.bincount(found.numpy()[:, -1], minlength=30) / 4000
    assert np.abs(shares - chances).max() < 0.03
    assert shares[chances == 0].max() == 0


def test_processors_and_criteria_of_ones_own(tiny):
    class OnlyEven(LogitsProcessor):
        def __call__(self, input_ids, scores):
            scores = scores.copy()
            scores[:, 1::2] = -np.inf
            return scores

    class FourNew(StoppingCriteria):
        def __call__(self, input_ids, scores, **kwargs):
            return input_ids.shape[1] >= 7

    found = tiny.generate(
        [[2, 3, 4]], max_new_tokens=20, logits_processor=[OnlyEven()], stopping_criteria=[FourNew()]
    ).numpy()
    assert found.shape == (1, 7)
    assert (found[0, 3:] % 2 == 0).all()
    allowed = tiny.generate(
        [[2, 3, 4]], max_new_tokens=5, prefix_allowed_tokens_fn=lambda row, ids: [len(ids)]
    )
    assert allowed.tolist() == [[2, 3, 4, 3, 4, 5, 6, 7]]
    with pytest.raises(ValueError, match="must return scores of the shape"):
        tiny.generate([[2]], max_new_tokens=2, logits_processor=[lambda ids, scores: scores[:, :3]])
    with pytest.raises(ValueError, match="returned no token for prompt 0"):
        tiny.generate([[2]], max_new_tokens=2, prefix_allowed_tokens_fn=lambda row, ids: [])


class Letters:
    """A tokenizer of single characters."""

    def decode(self, ids, **kwargs):
        return "".join(" abcdefghijklmnopqrstuvwxyz.,\n"[int(i)] for i in ids)


def test_stop_strings(tiny):
    long = tiny.generate([[2, 3, 4]], max_new_tokens=20, eos_token_id=[], repetition_penalty=1.5)
    text = Letters().decode(long.tolist()[0][3:])
    stop = text[6:9]
    found = tiny.generate(
        [[2, 3, 4]],
        max_new_tokens=20,
        eos_token_id=[],
        repetition_penalty=1.5,
        stop_strings=["never seen", stop],
        tokenizer=Letters(),
    )
    assert Letters().decode(found.tolist()[0][3:]) == text[: text.index(stop) + 3]
    with pytest.raises(ValueError, match="pass the tokenizer too"):
        tiny.generate([[2]], max_new_tokens=3, stop_strings="x")


def test_streamers(tiny, capsys):
    settings = {"max_new_tokens": 9, "do_sample": True, "seed": 4, "eos_token_id": []}
    whole = tiny.generate([[2, 3, 4]], **settings).tolist()[0]
    streamer = TextIteratorStreamer(Letters(), skip_prompt=True, timeout=10)
    thread = threading.Thread(
        target=tiny.generate, args=([[2, 3, 4]],), kwargs={**settings, "streamer": streamer}
    )
    thread.start()
    pieces = list(streamer)
    thread.join()
    assert "".join(pieces) == Letters().decode(whole[3:])
    tiny.generate([[2, 3, 4]], **settings, streamer=TextStreamer(Letters()))
    assert capsys.readouterr().out.rstrip("\n") == Letters().decode(whole).rstrip("\n")
    with pytest.raises(ValueError, match="a streamer takes one sequence"):
        tiny.generate([[2], [3]], max_new_tokens=2, streamer=TextStreamer(Letters()))


def test_scores_and_logits_are_returned(tiny):
    found = tiny.generate(
        [[2, 3, 4]],
        max_new_tokens=3,
        temperature=2.0,
        do_sample=True,
        top_k=None,
        seed=0,
        eos_token_id=[],
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
    )
    assert len(found.scores) == len(found.logits) == 3
    for step in range(3):
        wanted = tiny(input_ids=found.sequences[:, : 3 + step]).logits[:, -1].numpy()
        np.testing.assert_allclose(found.logits[step].numpy(), wanted, atol=1e-5)
    assert found.past_key_values.get_seq_length() == 5


def test_settings_come_from_call_argument_config_and_model(tiny):
    assert tiny.generation_config.eos_token_id == 1
    config = GenerationConfig(max_new_tokens=2)
    assert tiny.generate([[2, 3]], config).shape[1] <= 4
    assert tiny.generate([[2, 3]], config, max_new_tokens=3, min_new_tokens=3).shape == (1, 5)
    assert tiny.generate([[2, 3]], eos_token_id=[]).shape == (1, 22)
    assert tiny.generate(
        {"input_ids": [[2, 3]], "attention_mask": [[1, 1]]}, max_length=4, min_length=4
    ).shape == (1, 4)
    with pytest.warns(UserWarning, match="temperature=0.5: has no effect without `do_sample=True`"):
        tiny.generate([[2]], max_new_tokens=1, temperature=0.5)


def test_generation_config_files(tmp_path):
    config = GenerationConfig(max_new_tokens=5, eos_token_id=[1, 2], suppress_tokens=[3], made_by="me")
    config.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path, top_p=0.5)
    assert again.to_diff_dict() == {**config.to_diff_dict(), "top_p": 0.5}
    assert again.eos_token_ids == [1, 2]
    (tmp_path / "generation_config.json").write_text("[1]")
    with pytest.raises(ValueError, match="expected the names and values"):
        GenerationConfig.from_pretrained(tmp_path)
    with pytest.raises(OSError, match="none"):
        GenerationConfig.from_pretrained(tmp_path / "none")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0, "do_sample": True}, "above 0; got 0.0. For the most probable token"),
        ({"top_p": 1.5}, "from 0 to 1; got 1.5"),
        ({"num_beams": 0}, "`num_beams` must be an integer from 1 on; got 0"),
        ({"max_new_tokens": 0}, "`max_new_tokens` must be an integer from 1 on"),
        ({"num_return_sequences": 2}, "needs `do_sample=True`"),
        ({"penalty_alpha": 0.6}, "a way to generate that is not there"),
        ({"early_stopping": "maybe"}, "True, False or 'never'"),
        ({"max_length": 3}, "the prompt has 3 tokens, and max_length=3 counts them too"),
        ({"max_new_tokens": 60}, "63 tokens are more than the model has positions for, 40"),
        ({"max_new_tokens": 4, "min_new_tokens": 5}, "do not fit into 7 tokens"),
        ({"attention_mask": [[1, 1]]}, r"the shape of the tokens, \(1, 3\); got \(1, 2\)"),
        ({"prompt_lookup_num_tokens": 3, "do_sample": True}, "needs one prompt, greedy search"),
    ],
)
def test_bad_settings(tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        tiny.generate([[2, 3, 4]], **settings)


def test_bad_prompts(tiny):
    with pytest.raises(ValueError, match=r"token ids must be 0 to 29.*got 2 to 30"):
        tiny.generate([[2, 30]])
    with pytest.raises(ValueError, match="prompts have different lengths"):
        tiny.generate([[2, 3], [4]])
    with pytest.raises(ValueError, match="integers of the shape"):
        tiny.generate([[0.5]])
    with pytest.raises(ValueError, match="is empty"):
        tiny.generate(np.zeros((1, 0), int))
    with pytest.raises(TypeError, match=r"'max_new_token' is neither.*Did you mean 'max_new_tokens'"):
        tiny.generate([[2]], max_new_token=3)
    with pytest.raises(TypeError, match="must be a GenerationConfig; got dict"):
        tiny.generate([[2]], {"max_length": 5})
    with pytest.warns(UserWarning, match="padding_side = 'left'"):
        tiny.generate([[2, 3], [4, 0]], attention_mask=[[1, 1], [1, 0]], max_new_tokens=1)
    with pytest.raises(ValueError, match="has no token"):
        tiny.generate([[2, 3]], attention_mask=[[0, 0]], max_new_tokens=1)


def plain_steps(model, ids, count):
    """Greedy search in the plainest way: the whole text, again for each token."""
    ids = np.array(ids)
    for _ in range(count):
        token = model(input_ids=ids).logits.numpy()[:, -1].argmax(1)
        ids = np.concatenate([ids, token[:, None]], 1)
    return ids.tolist()


def test_decoding_steps_run_without_python(tiny):
    capture = capture_of(tiny)
    before = capture.replayed
    wanted = plain_steps(tiny, [[2, 3, 4], [5, 6, 7]], 20)
    assert tiny.generate([[2, 3, 4], [5, 6, 7]], max_new_tokens=20, eos_token_id=[]).tolist() == wanted
    assert capture.refusal is None
    assert capture.replayed >= before + 17
    # New weights are seen by the steps that are known.
    weight = tiny.transformer.h[0].mlp.c_fc.kernel
    kept = weight.numpy()
    weight.assign(kept[::-1].copy())
    replayed = capture.replayed
    wanted = plain_steps(tiny, [[2, 3, 4], [5, 6, 7]], 20)
    assert tiny.generate([[2, 3, 4], [5, 6, 7]], max_new_tokens=20, eos_token_id=[]).tolist() == wanted
    assert capture.replayed == replayed + 19
    weight.assign(kept)


def test_room_for_keys_grows():
    corten.utils.set_random_seed(0)
    config = LlamaConfig(
        vocab_size=30,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        initializer_range=0.5,
    )
    model = LlamaForCausalLM(config)
    prompt = np.random.default_rng(0).integers(3, 30, (1, 120))
    found = model.generate(prompt, max_new_tokens=20, eos_token_id=[])
    assert found.tolist() == plain_steps(model, prompt, 20)
    # What users change in a model is seen too.
    model.model.decoder_layers[0].input_layernorm.epsilon = 5.0
    assert model.generate(prompt, max_new_tokens=5, eos_token_id=[]).tolist() == plain_steps(model, prompt, 5)


def test_models_of_ones_own_run_as_python(tiny):
    class Reversed(GPT2LMHeadModel):
        def _scores(self, hidden_states):
            return -super()._scores(hidden_states)

    model = Reversed(tiny.config)
    found = model.generate([[2, 3]], max_new_tokens=6, eos_token_id=[])
    assert capture_of(model).refusal is not None
    assert found.tolist() == plain_steps(model, [[2, 3]], 6)


def test_quantized_models_generate():
    corten.utils.set_random_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    whole = model(input_ids=[[3, 4, 5]]).logits.numpy()
    model.quantize("int8")
    rounded = model(input_ids=[[3, 4, 5]]).logits.numpy()
    assert 0 < np.abs(rounded - whole).max() < 0.05 * np.abs(whole).max()
    capture = capture_of(model)
    found = model.generate([[3, 4, 5]], max_new_tokens=8, eos_token_id=[])
    assert found.tolist() == plain_steps(model, [[3, 4, 5]], 8)
    assert capture.replayed > 0
