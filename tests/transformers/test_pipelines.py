"""Pipelines: the answers of transformers, every kind of input, batches, files, and what is refused."""

import gzip
import itertools
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.transformers.pipeline_cases import CASES, FORMER, LONG, MODELS, TEMPLATE, TEXTS, plain

import corten
from corten import transformers
from corten.transformers import KeyDataset, KeyPairDataset, Pipeline, pipeline
from corten.transformers.pretrained_files import assign_weights

pytest.importorskip("tokenizers", reason="needs corten[text]")

FOLDER = Path(__file__).parent
VALUES = FOLDER / "reference_values" / "pipelines.json.gz"


@cache
def values():
    return json.loads(gzip.decompress(VALUES.read_bytes()))


@cache
def weights():
    with np.load(FOLDER / "reference_values" / "pipelines.npz") as stored:
        return dict(stored)


@cache
def tokenizer_of(name):
    found = transformers.AutoTokenizer.from_pretrained(FOLDER / "tokenizers" / MODELS[name][0])
    if name == "chat":
        found.chat_template = TEMPLATE
    return found


@cache
def model_of(name):
    cls = getattr(transformers, MODELS[name][1])
    model = cls(cls.config_class(**MODELS[name][2], vocab_size=len(tokenizer_of(name))))
    prefix = f"{name}:"
    arrays = {key.removeprefix(prefix): value for key, value in weights().items() if key.startswith(prefix)}
    info = assign_weights(model, arrays, "reference values")
    assert not any(info.values()), info
    return model


def make(task, name, **settings):
    return pipeline(task, model_of(name), tokenizer_of(name), **settings)


def assert_alike(found, wanted, where=""):
    """The same structure and texts, and numbers that differ by rounding."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict), where
        assert list(found) == list(wanted), where
        for name in wanted:
            assert_alike(found[name], wanted[name], f"{where}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), where
        assert len(found) == len(wanted), where
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_alike(one, other, f"{where}[{place}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=2e-4, abs=2e-5), where
    else:
        assert found == wanted, where


@pytest.mark.parametrize("case", [*CASES, *FORMER])
def test_answers_are_those_of_transformers(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = plain({**CASES, **FORMER}[case](make))
    assert values()[case] is not None
    assert_alike(found, values()[case], case)


# ---- batches and inputs of any kind -----------------------------------------------------------------------

TASKS = {
    "text-classification": ("classes", TEXTS, {}),
    "feature-extraction": ("states", TEXTS, {}),
    "fill-mask": ("masks", ["The [MASK]", "The [MASK] sleep in the [MASK].", "[MASK] hello world"], {}),
    "ner": ("places of bytes", TEXTS, {"aggregation_strategy": "simple"}),
    "question-answering": (
        "questions",
        [{"question": "Where is it?", "context": text} for text in (*TEXTS, LONG[:300])],
        {"max_seq_len": 50, "doc_stride": 8},
    ),
    "text-generation": ("text", TEXTS, {"do_sample": False, "max_new_tokens": 5}),
    "text2text-generation": ("text to text", TEXTS, {"max_new_tokens": 5}),
    "zero-shot-classification": ("entailment", TEXTS, {"candidate_labels": ["garden", "water", "a"]}),
}


@pytest.mark.parametrize("task", TASKS)
def test_batches_change_nothing(task):
    name, inputs, settings = TASKS[task]
    pipe = make(task, name, **settings)
    one_by_one = plain(pipe(inputs))
    for size in (2, 3, 16):
        assert_alike(plain(pipe(inputs, batch_size=size)), one_by_one, f"{size}")
    streamed = pipe((one for one in inputs), batch_size=2)
    assert iter(streamed) is streamed
    flat = [one[0] if task == "text2text-generation" else one for one in streamed]
    assert_alike(plain(flat), one_by_one)


def test_streams_are_computed_as_they_are_asked_for():
    asked = []

    def endless():
        for number in itertools.count():
            asked.append(number)
            yield TEXTS[number % 3]

    found = make("text-classification", "classes")(endless(), batch_size=2)
    assert asked == []
    first = [next(found) for _ in range(3)]
    assert asked == [0, 1, 2, 3]
    assert_alike(first, make("text-classification", "classes")(TEXTS))


def test_columns_of_tables_arrays_and_data_sets():
    pipe = make("text-classification", "classes")
    wanted = pipe(TEXTS)
    assert pipe(tuple(TEXTS)) == wanted
    assert pipe(np.array(TEXTS)) == wanted
    assert pipe(np.array(TEXTS, object)) == wanted
    labels = np.arange(3)
    data = corten.data.Dataset.from_tensor_slices(np.array(TEXTS))
    assert list(pipe(data)) == wanted
    labelled = corten.data.Dataset.from_tensor_slices((np.array(TEXTS), labels))
    assert list(pipe(labelled)) == wanted
    assert list(pipe(labelled.batch(2))) == wanted
    rows = [{"text": text, "other": other} for text, other in zip(TEXTS, reversed(TEXTS), strict=True)]
    assert list(pipe(KeyDataset(rows, "text"))) == wanted
    named = corten.data.Dataset.from_tensor_slices({"text": np.array(TEXTS), "label": labels})
    assert list(pipe(KeyDataset(named, "text"))) == wanted
    pairs = [{"text": row["text"], "text_pair": row["other"]} for row in rows]
    assert list(pipe(KeyPairDataset(rows, "text", "other"))) == pipe(pairs)
    assert len(KeyDataset(rows, "text")) == 3
    assert KeyDataset(rows, "text")[1] == TEXTS[1]
    with pytest.raises(KeyError, match="no column 'txt'; a row has text, other"):
        list(pipe(KeyDataset(rows, "txt")))
    assert pipe([]) == []


def test_streams_of_words():
    pipe = make("ner", "places", is_split_into_words=True)
    texts = [text.split() for text in TEXTS]
    wanted = pipe(texts)
    assert len(wanted) == 3
    assert list(pipe((words for words in texts), batch_size=2)) == wanted
    assert pipe(texts[0]) == wanted[:1]
    with pytest.raises(TypeError, match="a text is a list of words"):
        pipe([1.5])


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    pipe = make("text-classification", "classes")
    frame = pandas.DataFrame({"text": TEXTS, "label": [0, 1, 2]})
    assert pipe(frame["text"]) == pipe(TEXTS)
    with pytest.raises(TypeError, match=r"several columns \(text, label\)"):
        pipe(frame)
    answers = make("question-answering", "questions")(question=frame["text"], context=TEXTS[0])
    assert len(answers) == 3


def test_arguments_of_the_constructor_are_defaults():
    pipe = make("text-classification", "classes", top_k=None, batch_size=2)
    assert [len(one) for one in pipe(TEXTS[:2])] == [3, 3]
    assert len(pipe(TEXTS[0], top_k=1)) == 1
    assert pipe.predict(TEXTS) == pipe.transform(TEXTS) == pipe(TEXTS)


def test_dtypes():
    with corten.no_grad():
        cls = transformers.BertForSequenceClassification
        model = cls(cls.config_class(**MODELS["classes"][2], vocab_size=400), dtype="mixed_bfloat16")
    found = pipeline("text-classification", model, tokenizer_of("classes"))(TEXTS, top_k=None, batch_size=3)
    for one in found:
        assert sum(label["score"] for label in one) == pytest.approx(1, abs=1e-5)


# ---- questions --------------------------------------------------------------------------------------------


def test_windows_find_what_one_window_finds():
    """Of a text in windows, the answer is the best one of all windows."""
    pipe = make("question-answering", "questions")
    question = "Where is the bridge?"
    found = pipe(question=question, context=LONG, max_seq_len=60, doc_stride=16, top_k=50)
    assert found == sorted(found, key=lambda one: -one["score"])
    assert len({(one["start"], one["end"]) for one in found}) == len(found) == 50
    assert all(one["answer"] == LONG[one["start"] : one["end"]] for one in found)
    assert {one["start"] > len(LONG) // 2 for one in found} == {False, True}


def test_long_questions_are_cut():
    pipe = make("question-answering", "questions")
    question = "Where is the bridge of the town? " * 10
    offsets = pipe.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    cut = question[: offsets["offset_mapping"][5][1]]
    assert len(cut) < 30
    wanted = pipe(question=cut, context=TEXTS[0])
    assert pipe(question=question, context=TEXTS[0], max_question_len=6) == wanted
    with pytest.raises(ValueError, match="leaves no room for the text in 64 tokens"):
        pipe(question=question, context=TEXTS[0], max_question_len=100)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"question": "a"}, "`context` is missing"),
        ({"question": ["a", "b"], "context": ["c"] * 3}, "2 questions and 3 contexts"),
        ({"inputs": {"question": "a"}}, "a dict of 'question' and 'context'; got 'question'"),
        ({"inputs": "text"}, "a dict of 'question' and 'context'; got str"),
        ({"question": "a", "context": " "}, "the context is empty"),
        (
            {"question": "a", "context": "b", "doc_stride": 60, "max_seq_len": 60},
            "doc_stride=60 must be less",
        ),
        ({"question": "a", "context": "b", "top_k": 0}, "top_k must be a whole number from 1 on"),
    ],
)
def test_questions_that_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make("question-answering", "questions")(**settings)


# ---- generation -------------------------------------------------------------------------------------------


def test_sampling_and_its_settings():
    pipe = make("text-generation", "text")
    first = pipe(TEXTS[1], seed=3, max_new_tokens=8)
    assert first == pipe(TEXTS[1], seed=3, max_new_tokens=8)
    assert len({pipe(TEXTS[1], seed=seed, max_new_tokens=8)[0]["generated_text"] for seed in range(4)}) > 1
    three = pipe(TEXTS[:2], num_return_sequences=3, max_new_tokens=4, seed=1, batch_size=2)
    assert [len(one) for one in three] == [3, 3]
    # Without a length, as much as there are positions for.
    whole = pipe(TEXTS[2], do_sample=False, eos_token_id=[], return_tensors=True)[0]["generated_token_ids"]
    assert len(whole) == 96
    assert pipe("", do_sample=False, max_new_tokens=3)[0]["generated_text"] is not None


def test_a_stop_string_ends_the_text():
    pipe = make("text-generation", "text", return_full_text=False, do_sample=False)
    text = pipe(TEXTS[1], max_new_tokens=12)[0]["generated_text"]
    stop = text[4:6]
    for name in ("stop_strings", "stop_sequence"):
        found = pipe(TEXTS[1], max_new_tokens=12, **{name: stop})[0]["generated_text"]
        assert stop in found
        assert text.startswith(found)
        assert len(found) < len(text)


def test_a_streamer_hands_the_text_on(capsys):
    pipe = make("text-generation", "text", do_sample=False, max_new_tokens=6, return_full_text=False)
    streamer = transformers.TextStreamer(pipe.tokenizer, skip_prompt=True, skip_special_tokens=True)
    text = pipe(TEXTS[1], streamer=streamer)[0]["generated_text"]
    assert capsys.readouterr().out.rstrip("\n") == text.rstrip("\n")


@pytest.mark.filterwarnings("ignore:GPT2Tokenizer. a text has")
def test_long_prompts_are_cut_where_asked():
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        FOLDER / "tokenizers" / "gpt2", model_max_length=96
    )
    pipe = pipeline("text-generation", model_of("text"), tokenizer, do_sample=False)
    with pytest.raises(ValueError, match="more than the model has positions for"):
        pipe(LONG, max_new_tokens=10)
    found = pipe(LONG, max_new_tokens=10, handle_long_generation="hole", return_tensors=True)
    assert len(found[0]["generated_token_ids"]) <= 96
    with pytest.raises(ValueError, match="leave no room for the prompt"):
        pipe(LONG, max_new_tokens=100, handle_long_generation="hole")


def test_languages_choose_what_the_configuration_says():
    pipe = make("translation", "text to text")
    wanted = make("translation_en_to_de", "text to text")(TEXTS[1])
    assert pipe(TEXTS[1], src_lang="en", tgt_lang="de") == wanted
    assert pipe("walk: " + TEXTS[1], max_length=9, num_beams=1) == wanted
    with pytest.raises(ValueError, match="says nothing of 'translation_de_to_en'"):
        pipe(TEXTS[1], src_lang="de", tgt_lang="en")
    with pytest.raises(ValueError, match="both `src_lang` and `tgt_lang`"):
        pipe(TEXTS[1], src_lang="de")
    with pytest.raises(ValueError, match="has translation_en_to_de"):
        make("translation_en_to_fr", "text to text")
    assert make("translation_en_to_fr", "text to text", prefix="")(TEXTS[1], max_new_tokens=3)


# ---- making pipelines -------------------------------------------------------------------------------------


def test_folders(tmp_path):
    pipe = make("ner", "places")
    pipe.save_pretrained(tmp_path)
    again = pipeline("ner", str(tmp_path), aggregation_strategy="simple")
    assert again(TEXTS) == pipe(TEXTS, aggregation_strategy="simple")
    assert pipeline(model=tmp_path)(TEXTS) == pipe(TEXTS)
    assert pipeline("token-classification", tmp_path, tokenizer=tmp_path, dtype="float32")(TEXTS) == pipe(
        TEXTS
    )
    labels = dict(enumerate("abcde"))
    config = transformers.BertConfig.from_pretrained(tmp_path, id2label=labels, label2id=None)
    assert {one["entity"] for one in pipeline("ner", tmp_path, config=config)(TEXTS[0])} <= set("abcde")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        states = pipeline("feature-extraction", tmp_path)(TEXTS[2])
        assert np.shape(states)[2] == 16
        with pytest.raises(ValueError, match="answers of new weights would mean nothing"):
            pipeline("question-answering", tmp_path)


def test_the_encoder_of_t5_gives_features(tmp_path):
    make("text2text-generation", "text to text").save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = pipeline("feature-extraction", tmp_path)
    assert type(pipe.model).__name__ == "T5EncoderModel"
    assert np.shape(pipe(TEXTS[2]))[2] == 16


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("classes", "text-classification"), ("states", "feature-extraction"), ("masks of bytes", "fill-mask"),
        ("places", "token-classification"), ("questions", "question-answering"), ("text", "text-generation"),
        ("chat", "text-generation"), ("text to text", "text2text-generation"),
    ],
)  # fmt: skip
def test_the_head_says_the_task(name, task):
    found = pipeline(model=model_of(name), tokenizer=tokenizer_of(name))
    assert type(found) is type(make(task, name))


def test_what_is_refused():
    model, tokenizer = model_of("classes"), tokenizer_of("classes")
    with pytest.raises(KeyError, match=r"no task 'text-clasification'; there are text-classification, .*ner"):
        pipeline("text-clasification", model, tokenizer)
    with pytest.raises(ValueError, match=r"none is chosen or downloaded unasked.*sst-2"):
        pipeline("sentiment-analysis")
    with pytest.raises(ValueError, match="pass a task, a model"):
        pipeline()
    with pytest.raises(TypeError, match=r"the tokenizer is missing, and a BertForSequenceClassification"):
        pipeline("text-classification", model)
    with pytest.raises(TypeError, match=r"BertForSequenceClassification does not fit.*BertForMaskedLM"):
        pipeline("fill-mask", model, tokenizer)
    with pytest.raises(TypeError, match=r"a tokenizer is needed.*got BertConfig"):
        pipeline("text-classification", model, model.config)
    with pytest.raises(TypeError, match=r"must be a model of corten.transformers; got Sequential"):
        pipeline("text-classification", corten.Sequential([]), tokenizer)
    with pytest.raises(ValueError, match="device='cuda' is not there"):
        pipeline("text-classification", model, tokenizer, device="cuda")
    for device in (None, -1, "cpu", "auto"):
        assert pipeline("text-classification", model, tokenizer, device=device).device == "cpu"
    with pytest.raises(TypeError, match="pipeline_class must be a subclass of Pipeline"):
        pipeline("mine", model, tokenizer, pipeline_class=dict)
    with pytest.raises(TypeError, match=r"unknown argument 'topk'.*Did you mean 'top_k'"):
        make("fill-mask", "masks")("[MASK]", topk=2)
    with pytest.raises(TypeError, match="is a name or folder"):
        transformers.FillMaskPipeline("folder", tokenizer)
    with pytest.raises(ValueError, match="batch_size must be"):
        make("fill-mask", "masks", batch_size=0)


@pytest.mark.parametrize(
    ("task", "name", "inputs", "settings", "message"),
    [
        ("text-classification", "classes", 3, {}, "the input must be a text; got int"),
        ("text-classification", "classes", [["a", "b"]], {}, "a list within a list"),
        ("text-classification", "classes", {"text": "a", "pair": "b"}, {}, "'text' and 'text_pair'"),
        ("text-classification", "classes", "a", {"top_k": 0}, "top_k must be"),
        ("text-classification", "classes", "a", {"function_to_apply": "relu"}, "function_to_apply must be"),
        ("text-classification", "classes", "a", {"return_all_scores": True}, "pass top_k=None"),
        ("fill-mask", "masks", "no mask", {}, r"has no '\[MASK\]'"),
        ("fill-mask", "masks", "[MASK]", {"targets": []}, "has no word"),
        ("fill-mask", "masks", "[MASK]", {"top_k": "all"}, "top_k must be"),
        ("ner", "places", "a", {"aggregation_strategy": "best"}, "must be one of 'none', 'simple'"),
        ("ner", "places", "a", {"stride": 4}, "needs an aggregation_strategy other than 'none'"),
        ("ner", "places", "a", {"stride": 64, "aggregation_strategy": "max"}, "below tokenizer.model_max"),
        ("ner", "places of bytes", "a", {"ignore_labels": "O"}, "must be a list of labels"),
        ("zero-shot-classification", "entailment", "a", {}, "pass candidate_labels"),
        ("zero-shot-classification", "entailment", "a", {"candidate_labels": " , "}, "at least one label"),
        (
            "zero-shot-classification", "entailment", "a",
            {"candidate_labels": "a", "hypothesis_template": "It is."}, "where the label goes",
        ),
        ("text-generation", "text", "a", {"return_tensors": True, "return_full_text": True}, "one of them"),
        ("text-generation", "text", "a", {"handle_long_generation": "cut"}, "must be 'hole' or None"),
        ("text-generation", "text", "a", {"max_newtokens": 3}, "Did you mean 'max_new_tokens'"),
        ("text-generation", "text", [{"content": "a"}], {}, "must be a text; got dict"),
        ("text2text-generation", "text to text", ["a", 1], {}, "must be a text; got int"),
        ("feature-extraction", "states", 1.5, {}, "must be a text"),
    ],
)  # fmt: skip
def test_inputs_and_arguments_that_are_refused(task, name, inputs, settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(task, name)(inputs, **settings)


@pytest.mark.filterwarnings("ignore:BertTokenizer. a text has")
def test_texts_that_are_too_long():
    with pytest.raises(ValueError, match="truncation=True"):
        make("text-classification", "classes")(LONG * 2)
    with pytest.warns(UserWarning, match="what follows is left out. Pass stride"):
        cut = make("ner", "places")(LONG)
    assert cut
    assert max(one["end"] for one in cut) < len(LONG) // 2 * 2
    long = make("ner", "places", aggregation_strategy="simple", stride=8)(LONG)
    assert max(one["end"] for one in long) > max(one["end"] for one in cut)
    starts = [one["start"] for one in long]
    assert starts == sorted(starts)


def test_labels_without_entailment_warn():
    with pytest.warns(UserWarning, match="begins with 'entail'"):
        make("zero-shot-classification", "classes")


def test_a_pipeline_of_ones_own():
    class Lengths(Pipeline):
        needs_tokenizer = False

        def _sanitize_parameters(self, factor=None):
            return {}, {}, {} if factor is None else {"factor": factor}

        def preprocess(self, inputs):
            for part in inputs.split("."):
                yield {"values": np.array([[float(len(part))]]), "part": part}

        def _forward(self, model_inputs):
            return {"doubled": self.model(model_inputs["values"]), "part": model_inputs["part"]}

        def postprocess(self, model_outputs, factor=1):
            return {one["part"]: float(one["doubled"][0, 0]) * factor for one in model_outputs}

    pipe = pipeline("lengths", lambda values: values * 2, pipeline_class=Lengths)
    assert pipe("ab.c") == {"ab": 4, "c": 2}
    assert pipe(["ab.c.def", "a"], factor=2, batch_size=3) == [{"ab": 8, "c": 4, "def": 12}, {"a": 4}]
    with pytest.raises(TypeError, match="unknown argument 'fact'"):
        pipe("a", fact=1)
