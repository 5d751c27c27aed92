"""Modes, dtypes and devices of models, and what a Trainer leaves of an earlier `compile`."""

import numpy as np
import pytest

import corten
from corten.transformers import (
    BertConfig,
    BertForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainingArguments,
    add_lora,
)
from corten.transformers.lora.adapters import adapters_of

IDS = np.random.default_rng(4).integers(1, 30, (16, 6))
LABELS = (IDS[:, 0] > 15).astype("int64")
DATA = {"input_ids": IDS, "labels": LABELS}


def bert(**options):
    corten.utils.set_random_seed(1)
    config = BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
        initializer_range=0.3,
    )
    return BertForSequenceClassification(config, **options)


def logits(model, **options):
    return model(input_ids=IDS, **options).logits.numpy().astype("float32")


def test_modes_are_those_of_calls_that_say_nothing():
    model = bert()
    calm = logits(model)
    assert not model.training
    assert model.train() is model
    assert model.training
    assert np.abs(logits(model) - logits(model)).max() > 0
    np.testing.assert_array_equal(logits(model, training=False), calm)
    # Whoever says what it does is not changed by the mode.
    np.testing.assert_allclose(model.predict({"input_ids": IDS}, verbose=0)["logits"], calm, atol=1e-6)
    assert model.eval() is model
    np.testing.assert_array_equal(logits(model), calm)
    assert np.abs(logits(model, training=True) - calm).max() > 0
    with pytest.raises(TypeError, match=r"To train a model on data use `fit`, or a Trainer"):
        model.train(DATA)


def test_a_training_loop_of_ones_own_uses_dropout():
    model = bert().train()
    optimizer = corten.optimizers.Adam(0.01)
    losses = []
    for _ in range(30):
        with corten.GradientTape() as tape:
            loss = model(**DATA).loss
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    assert float(model.eval()(**DATA).loss) < 0.6


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16"])
def test_a_dtype_set_later_gives_what_one_at_first_gives(dtype, tmp_path):
    bert().save_pretrained(tmp_path)
    early = BertForSequenceClassification.from_pretrained(tmp_path, dtype=dtype)
    late = BertForSequenceClassification.from_pretrained(tmp_path)
    assert late.to(dtype) is late
    assert (late.variable_dtype, late.compute_dtype) == (early.variable_dtype, early.compute_dtype)
    assert {variable._dtype for variable in late.weights} == {variable._dtype for variable in early.weights}
    np.testing.assert_array_equal(logits(late), logits(early))
    late.to(dtype="float32")
    assert logits(late).dtype == "float32"
    assert {variable._dtype for variable in late.weights} == {"float32"}
    late.compile("sgd")
    late.fit(DATA, epochs=1, verbose=0)


def test_dtypes_and_devices_by_their_names():
    model = T5ForConditionalGeneration(
        T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2, pad_token_id=0)
    )
    assert model.half().dtype == "float16"
    assert model.bfloat16().dtype == "bfloat16"
    assert model.float().dtype == "float32"
    assert model.to("cpu", "bfloat16").dtype == "bfloat16"
    assert model.to("torch.float32").cpu().dtype == "float32"
    assert model.device == "cpu"
    ids = np.array([[3, 4]])
    assert model(input_ids=ids, decoder_input_ids=ids).logits.shape == (1, 2, 30)
    for ask in (lambda: model.cuda(1), lambda: model.to("cuda:1")):
        with pytest.raises((ValueError, RuntimeError), match="gpu:1"):
            ask()
    with pytest.raises(ValueError, match="int7"):
        model.to("int7")


def test_adapters_stay_float32():
    model = add_lora(bert(), r=2).to("bfloat16")
    assert {variable._dtype for variable in adapters_of(model).variables()} == {"float32"}
    assert model.classifier._kernel._dtype == "bfloat16"
    model.compile("sgd")
    model.fit(DATA, epochs=1, verbose=0)


def test_weights_in_training_or_of_integers_keep_their_dtype():
    model = bert()
    model.compile("adam")
    model.fit(DATA, epochs=1, verbose=0)
    with pytest.raises(ValueError, match="optimizer holds the state of weights of float32"):
        model.to("bfloat16")
    model.to("mixed_bfloat16")
    quantized = bert()
    quantized.quantize("int8")
    with pytest.raises(ValueError, match="integers have no other dtype"):
        quantized.to("bfloat16")
    with pytest.raises(ValueError, match="integers have no other dtype"):
        bert().to("int8_from_float32")


def test_parameters_are_counted_and_printed():
    lines = []
    model = bert()
    model.bert.trainable = False
    model.print_trainable_parameters(lines.append)
    assert lines[0].startswith(f"trainable params: 18 || all params: {model.num_parameters():,} || ")


def test_a_trainer_keeps_the_loss_and_metrics_of_compile(tmp_path):
    model = bert()
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
    args = TrainingArguments(tmp_path, num_train_epochs=1, learning_rate=1e-2, save_strategy="no")
    trainer = Trainer(
        model, args, train_dataset=[{"input_ids": x, "labels": y} for x, y in zip(IDS, LABELS, strict=True)]
    )
    trainer.remove_callback(trainer.printer)
    trainer.train()
    assert (model.loss, model.optimizer, model.run_eagerly) == (loss, trainer.optimizer, True)
    found = model.evaluate(DATA, LABELS, verbose=0, return_dict=True)
    assert set(found) == {"loss", "accuracy"}
    wanted = float(loss(LABELS, logits(model)))
    np.testing.assert_allclose(found["loss"], wanted, rtol=1e-5)
    model.fit(DATA, LABELS, epochs=1, verbose=0)
