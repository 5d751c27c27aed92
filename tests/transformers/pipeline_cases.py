"""What pipelines are asked, the same of Corten and of transformers.

A case is a function of `make(task, model, **settings)`, which gives a pipeline of a model of `MODELS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 80,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.4,
}
ROBERTA = {**ENCODER, "type_vocab_size": 1, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
PLACES = {"id2label": {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}}
PLACES["label2id"] = {label: number for number, label in PLACES["id2label"].items()}
NLI = {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"}}
NLI["label2id"] = {label: number for number, label in NLI["id2label"].items()}

#: Name to the tokenizer's folder, the class, and its configuration without `vocab_size`.
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "classes": ("bert", "BertForSequenceClassification", {**ENCODER, "num_labels": 3}),
    "one class": ("bert", "BertForSequenceClassification", {**ENCODER, "num_labels": 1}),
    "several classes": (
        "distilbert",
        "DistilBertForSequenceClassification",
        {
            "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 80,
            "dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0, "initializer_range": 0.4,
            "num_labels": 3, "problem_type": "multi_label_classification",
        },
    ),
    "entailment": ("bert", "BertForSequenceClassification", {**ENCODER, **NLI}),
    "states": ("bert", "BertModel", ENCODER),
    "masks": ("bert", "BertForMaskedLM", ENCODER),
    "masks of bytes": ("roberta", "RobertaForMaskedLM", ROBERTA),
    "places": ("bert", "BertForTokenClassification", {**ENCODER, **PLACES}),
    "places of bytes": ("roberta", "RobertaForTokenClassification", {**ROBERTA, **PLACES}),
    "questions": ("bert", "BertForQuestionAnswering", ENCODER),
    "questions of bytes": ("roberta", "RobertaForQuestionAnswering", ROBERTA),
    "text": (
        "gpt2",
        "GPT2LMHeadModel",
        {
            "n_positions": 96, "n_embd": 16, "n_layer": 2, "n_head": 2, "initializer_range": 0.4,
            "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0,
        },
    ),
    "chat": (
        "qwen2",
        "Qwen2ForCausalLM",
        {
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "max_position_embeddings": 128, "initializer_range": 0.4,
            "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
        },
    ),
    "text to text": (
        "t5",
        "T5ForConditionalGeneration",
        {
            "d_model": 16, "d_kv": 6, "d_ff": 24, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0,
            "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0,
            "task_specific_params": {
                "summarization": {
                    "prefix": "talk: ", "max_length": 12, "num_beams": 2, "length_penalty": 2.0,
                },
                "translation_en_to_de": {"prefix": "walk: ", "max_length": 9, "num_beams": 1},
            },
        },
    ),
}  # fmt: skip

TEXTS = [
    "Hello, world! The cats don't sleep in the garden.",
    "The river runs below the old bridge",
    "unhappiness",
]
LONG = (
    "Hello, world! The cats don't sleep in the garden; the dogs of the house do. It isn't a question of "
    "happiness or unhappiness: tokenization cuts very long compound words into pieces, and a vocabulary has "
    "only so many. Where is the bridge? The river runs below it, and the old town lies beyond. People walk "
    "there in the evening, talk about the weather, and look at the water."
)
CHAT = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Hello world"}]
BEGUN = [*CHAT, {"role": "assistant", "content": "The cats"}]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = ["Hello", "world", "unhappiness", "garden"]
GREEDY = {"do_sample": False, "max_new_tokens": 8}

Case = Callable[[Any], Any]


def _classes(make: Any, **settings: Any) -> Any:
    return make("text-classification", "classes", **settings)


CASES: dict[str, Case] = {
    # Classes of texts.
    "classes of one": lambda make: _classes(make)(TEXTS[0]),
    "classes of several": lambda make: _classes(make)(TEXTS),
    "classes, the two best": lambda make: _classes(make)(TEXTS[0], top_k=2),
    "classes, the best": lambda make: _classes(make)(TEXTS[0], top_k=1),
    "classes, all": lambda make: _classes(make, top_k=None)(TEXTS[0]),
    "classes of several, all": lambda make: _classes(make)(TEXTS, top_k=None),
    "classes of a pair": lambda make: _classes(make)({"text": TEXTS[0], "text_pair": TEXTS[1]}),
    "classes of pairs": lambda make: _classes(make)(
        [{"text": TEXTS[0], "text_pair": TEXTS[1]}, {"text": TEXTS[2], "text_pair": TEXTS[0]}]
    ),
    "classes by sigmoid": lambda make: _classes(make)(TEXTS, function_to_apply="sigmoid", top_k=None),
    "classes by softmax": lambda make: _classes(make)(TEXTS, function_to_apply="softmax"),
    "classes by nothing": lambda make: _classes(make, function_to_apply="none")(TEXTS),
    "classes of a cut text": lambda make: _classes(make)(LONG, truncation=True, max_length=20),
    "classes in batches": lambda make: _classes(make, batch_size=2)(TEXTS),
    "one class": lambda make: make("text-classification", "one class")(TEXTS),
    "several classes": lambda make: make("text-classification", "several classes")(TEXTS, top_k=None),
    "sentiment": lambda make: make("sentiment-analysis", "classes")([TEXTS[1]]),
    "classes of a stream": lambda make: list(_classes(make)(text for text in TEXTS)),
    "all classes of a stream": lambda make: list(_classes(make, top_k=2)(text for text in TEXTS)),
    # Classes that are named later.
    "labels": lambda make: make("zero-shot-classification", "entailment")(
        TEXTS[0], candidate_labels=["garden", "weather", "water"]
    ),
    "labels of several texts": lambda make: make("zero-shot-classification", "entailment")(
        TEXTS, candidate_labels="garden, weather", hypothesis_template="It isn't {}."
    ),
    "labels, each by itself": lambda make: make("zero-shot-classification", "entailment")(
        TEXTS[:2], ["garden", "weather", "water"], multi_label=True
    ),
    "one label": lambda make: make("zero-shot-classification", "entailment")(TEXTS[1], ["bridge"]),
    # States.
    "states of one": lambda make: make("feature-extraction", "states")(TEXTS[2]),
    "states of several": lambda make: make("feature-extraction", "states")(TEXTS[1:]),
    "states of a cut text": lambda make: make(
        "feature-extraction", "states", tokenize_kwargs={"truncation": True, "max_length": 5}
    )(TEXTS[0]),
    # Masks.
    "mask": lambda make: make("fill-mask", "masks")("The cats [MASK] in the garden."),
    "masks of several": lambda make: make("fill-mask", "masks")(["The [MASK]", "Hello [MASK]!"]),
    "mask, two best": lambda make: make("fill-mask", "masks", top_k=2)("The cats [MASK]."),
    "two masks": lambda make: make("fill-mask", "masks")("The [MASK] sleep in the [MASK].", top_k=2),
    "targets": lambda make: make("fill-mask", "masks")("The [MASK] sleep.", targets=["the", "##s", "of"]),
    "target": lambda make: make("fill-mask", "masks")("The [MASK] sleep.", targets="the"),
    "target that is no token": lambda make: make("fill-mask", "masks")(
        "The [MASK] sleep.", targets=["unhappinessunhappiness", "of"]
    ),
    "mask of bytes": lambda make: make("fill-mask", "masks of bytes")("The cats <mask> in the garden."),
    "two masks of bytes": lambda make: make("fill-mask", "masks of bytes")("<mask> the <mask>", top_k=1),
    # Classes of tokens.
    **{
        f"places, {strategy}{', of bytes' if kind else ''}": (
            lambda make, strategy=strategy, kind=kind: make(
                "ner", f"places{kind}", aggregation_strategy=strategy
            )(TEXTS)
        )
        for strategy in ("none", "simple", "first", "average", "max")
        for kind in ("", " of bytes")
    },
    "places of one": lambda make: make("token-classification", "places")(TEXTS[0]),
    "places with unknown words": lambda make: make("ner", "places", aggregation_strategy="max")(
        "Hello \u4f60 \U0001f642 the \U0001f642"
    ),
    "places, none ignored": lambda make: make("ner", "places", ignore_labels=[])(TEXTS[1]),
    "places, some ignored": lambda make: make(
        "ner", "places", aggregation_strategy="simple", ignore_labels=["PER", "O"]
    )(TEXTS),
    "places of a long text": lambda make: make("ner", "places", aggregation_strategy="simple", stride=8)(
        LONG
    ),
    "places of long texts": lambda make: make("ner", "places", aggregation_strategy="first", stride=20)(
        [LONG, TEXTS[0]]
    ),
    "places of words": lambda make: make("ner", "places")(WORDS, is_split_into_words=True),
    "places of joined words": lambda make: make("ner", "places", aggregation_strategy="average")(
        WORDS, is_split_into_words=True
    ),
    # Text that goes on.
    "text": lambda make: make("text-generation", "text")(TEXTS[1], **GREEDY),
    "texts": lambda make: make("text-generation", "text")(TEXTS, **GREEDY),
    "new text": lambda make: make("text-generation", "text", return_full_text=False)(TEXTS[1], **GREEDY),
    "text as numbers": lambda make: make("text-generation", "text")(TEXTS[2], return_tensors=True, **GREEDY),
    "text with beams": lambda make: make("text-generation", "text")(
        TEXTS[1], num_beams=3, num_return_sequences=2, **GREEDY
    ),
    "text with a prefix": lambda make: make("text-generation", "text")(TEXTS[2], prefix="The ", **GREEDY),
    "chat": lambda make: make("text-generation", "chat")(CHAT, **GREEDY),
    "chat, the answer": lambda make: make("text-generation", "chat")(CHAT, return_full_text=False, **GREEDY),
    "chat gone on with": lambda make: make("text-generation", "chat")(BEGUN, **GREEDY),
    "chat not gone on with": lambda make: make("text-generation", "chat")(
        BEGUN, continue_final_message=False, **GREEDY
    ),
    "chats": lambda make: make("text-generation", "chat")([CHAT, BEGUN], **GREEDY),
    "texts in a batch": lambda make: make("text-generation", "chat", batch_size=3)(TEXTS, **GREEDY),
}


def _answer(make: Any, kind: str = "", **settings: Any) -> Any:
    return make("question-answering", f"questions{kind}")(**settings)


#: Cases of tasks that transformers had until version 5.
FORMER: dict[str, Case] = {
    "answer": lambda make: _answer(make, question="Where is the bridge?", context=TEXTS[1]),
    "answer of bytes": lambda make: _answer(
        make, " of bytes", question="Where is the bridge?", context=TEXTS[0]
    ),
    "answers": lambda make: _answer(make, question="Where is it?", context=TEXTS[0], top_k=3),
    "answer by pieces of words": lambda make: _answer(
        make, question="Where is it?", context=TEXTS[0], align_to_words=False
    ),
    "short answer": lambda make: _answer(
        make, question="Where is it?", context=TEXTS[0], max_answer_len=2, top_k=2
    ),
    "answer or none": lambda make: _answer(
        make, question="Where is it?", context=TEXTS[0], handle_impossible_answer=True, top_k=4
    ),
    "answer in a long text": lambda make: _answer(
        make, question="Where is the bridge?", context=LONG, max_seq_len=60, doc_stride=16
    ),
    "answer in a long text of bytes": lambda make: _answer(
        make, " of bytes", question="Where is the bridge?", context=LONG, max_seq_len=64, doc_stride=20
    ),
    "answers to several": lambda make: _answer(
        make, question=["Where is it?", "Hello?"], context=[TEXTS[0], TEXTS[1]]
    ),
    "answers in one text": lambda make: _answer(make, question=["Where is it?", "Hello?"], context=TEXTS[0]),
    "answers to dicts": lambda make: make("question-answering", "questions")(
        [{"question": "Where is it?", "context": text} for text in TEXTS[:2]]
    ),
    "text to text": lambda make: make("text2text-generation", "text to text")(
        TEXTS[1], num_beams=1, max_new_tokens=8
    ),
    "texts to texts": lambda make: make("text2text-generation", "text to text")(TEXTS, max_new_tokens=8),
    "text to numbers": lambda make: make("text2text-generation", "text to text")(
        TEXTS[1], return_tensors=True, max_new_tokens=6
    ),
    "text to several texts": lambda make: make("text2text-generation", "text to text")(
        TEXTS[:2], num_beams=3, num_return_sequences=2, max_new_tokens=6
    ),
    "summary": lambda make: make("summarization", "text to text")(TEXTS[1]),
    "translation": lambda make: make("translation_en_to_de", "text to text")(TEXTS[:2]),
}


def plain(value: Any) -> Any:
    """What JSON holds in place of arrays and tensors."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value
