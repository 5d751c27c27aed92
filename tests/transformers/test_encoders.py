"""BERT, RoBERTa and DistilBERT against transformers and PyTorch, and their heads in training."""

import numpy as np
import pytest
from tests.transformers.helpers import FOLDER, check_case, model_of, reference

import corten
from corten import transformers

CASES = sorted(path.stem for path in FOLDER.glob("*bert*.npz"))


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_pytorch(name):
    check_case(name)


@pytest.mark.parametrize("name", CASES)
def test_heads_are_trained_by_captured_steps(name):
    values = reference(name)
    model = model_of(values["config"]["architectures"][0], values)
    model.compile(corten.optimizers.AdamW(1e-2))
    data = {key: np.tile(value, (8,) + (1,) * (value.ndim - 1)) for key, value in values["input"].items()}
    history = model.fit(data, epochs=5, batch_size=4, verbose=0).history
    assert model._training_state.capture.replayed > 20
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert model.evaluate(data, verbose=0) < history["loss"][0]


@pytest.mark.parametrize("name", CASES)
def test_what_is_saved_is_what_was_loaded(name, tmp_path):
    values = reference(name)
    class_name = values["config"]["architectures"][0]
    model = model_of(class_name, values)
    model.save_pretrained(tmp_path)
    loaded = getattr(transformers, class_name).from_pretrained(tmp_path)
    for key, wanted in model(values["input"]).items():
        np.testing.assert_array_equal(loaded(values["input"])[key], wanted)


@pytest.mark.parametrize(
    "name", ["bert_token_classification", "roberta_masked_lm", "distilbert_question_answering"]
)
def test_exported_to_onnx(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    values = reference(name)
    cls = getattr(transformers, values["config"]["architectures"][0])
    model = cls(cls.config_class.from_dict(values["config"], max_position_embeddings=100))
    model.export(tmp_path / "model.onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    given = {}
    for entry in session.get_inputs():
        given[entry.name] = np.asarray(
            values["input"].get(entry.name, 0 * values["input"]["input_ids"]), "int64"
        )
    names = [entry.name for entry in session.get_outputs()]
    for length in (9, 5):
        cut = {key: value[:2, :length] for key, value in given.items()}
        for key, found in zip(names, session.run(None, cut), strict=True):
            np.testing.assert_allclose(found, model(cut)[key], atol=2e-5)


def test_metrics_leave_ignored_tokens_out():
    values = reference("bert_token_classification")
    model = model_of("BertForTokenClassification", values)
    labels = values["input"]["labels"]
    model.compile("adam", metrics=["accuracy"])
    _, accuracy = model.evaluate(values["input"], verbose=0)
    right = np.asarray(model(values["input"]).logits).argmax(-1) == labels
    assert 0 < (labels == -100).mean() < 1
    assert accuracy == pytest.approx(right[labels != -100].mean())
    model.fit(values["input"], epochs=6, batch_size=1, verbose=0)
    assert model._training_state.capture.replayed > 5


def test_weights_need_a_loss_that_takes_them():
    values = reference("bert_sequence_classification")
    model = model_of("BertForSequenceClassification", values)
    ids, labels = {"input_ids": values["input"]["input_ids"]}, values["input"]["labels"]
    model.compile("adam")
    for weights in ({"sample_weight": np.ones(3)}, {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}):
        with pytest.raises(ValueError, match="own loss takes no sample or class weights"):
            model.fit(ids, labels, verbose=0, **weights)
    model.compile("adam", corten.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(ids, labels, verbose=0, sample_weight=np.array([1.0, 0.0, 2.0])).history
    assert np.isfinite(history["loss"][0])
