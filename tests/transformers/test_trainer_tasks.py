"""The Trainer on tasks of every kind: language models, question answering, tokens, sequence to sequence."""

import numpy as np
import pytest

import corten
from corten.transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForTokenClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainingArguments,
)

SMALL = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
CHANCE = np.random.default_rng(0)


def quiet(made):
    made.pop_callback(made.printer)
    return made


def arguments(folder, kind=TrainingArguments, **more):
    settings = {"learning_rate": 0.01, "save_strategy": "no", "num_train_epochs": 5, **more}
    return kind(folder, **settings)


def losses(made):
    return [log["loss"] for log in made.state.log_history if "loss" in log]


def test_a_language_model_learns_what_comes_next(tmp_path):
    corten.utils.set_random_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=20, n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0
        )
    )
    texts = [(np.arange(start, start + 8) % 20).tolist() for start in CHANCE.integers(0, 20, 64)]
    rows = {"input_ids": texts, "labels": texts}
    args = arguments(tmp_path, num_train_epochs=12, logging_strategy="epoch", weight_decay=0.01)
    made = quiet(Trainer(model, args, train_dataset=rows, eval_dataset=rows))
    made.train()
    assert losses(made)[0] > 2.0
    assert made.evaluate()["eval_loss"] < 0.6
    following = model.generate(np.array([[4, 5, 6]]), max_new_tokens=3, do_sample=False)
    assert np.asarray(following).tolist() == [[4, 5, 6, 7, 8, 9]]


def test_updates_of_a_language_model_count_tokens(tmp_path):
    """Batches of an update weigh as many tokens as they have, and labels of -100 do not count."""

    def train(batch, accumulation, smoothing):
        corten.utils.set_random_seed(0)
        config = GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1, n_positions=16)
        config.attn_pdrop = config.embd_pdrop = config.resid_pdrop = 0.0
        args = arguments(
            tmp_path,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
            max_steps=3,
            label_smoothing_factor=smoothing,
        )
        made = quiet(
            Trainer(GPT2LMHeadModel(config), args, train_dataset={"input_ids": ids, "labels": labels})
        )
        return made.train().training_loss, np.concatenate([w.ravel() for w in made.model.get_weights()])

    ids = CHANCE.integers(0, 20, (16, 8))
    labels = np.where(CHANCE.random(ids.shape) < 0.5, -100, ids)
    for smoothing in (0.0, 0.1):
        whole, parts = train(8, 1, smoothing), train(2, 4, smoothing)
        assert whole[0] == pytest.approx(parts[0], abs=1e-5)
        np.testing.assert_allclose(whole[1], parts[1], atol=1e-4)


def test_words_that_were_hidden_are_found(tmp_path):
    pytest.importorskip("tokenizers")
    from corten.transformers import BertTokenizer, DataCollatorForLanguageModeling

    corten.utils.set_random_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmno"]
    tokenizer = BertTokenizer({word: number for number, word in enumerate(words)}, model_max_length=8)
    rows = [{"input_ids": [2, 5 + k % 5, 10 + k % 5, 3]} for k in range(64)]
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.3, seed=1)
    model = BertForMaskedLM(BertConfig(**SMALL, intermediate_size=32, max_position_embeddings=8))
    args = arguments(tmp_path, num_train_epochs=12, logging_strategy="epoch")
    made = quiet(Trainer(model, args, collator, rows, processing_class=tokenizer))
    made.train()
    assert losses(made)[-1] < 0.6 * losses(made)[0]


def test_answers_have_a_begin_and_an_end(tmp_path):
    corten.utils.set_random_seed(0)
    model = BertForQuestionAnswering(BertConfig(**SMALL, intermediate_size=32, max_position_embeddings=8))
    ids = CHANCE.integers(2, 20, (64, 6))
    begins = CHANCE.integers(1, 5, 64)
    ids[np.arange(64), begins] = 1  # The answer is marked.
    rows = {"input_ids": ids, "start_positions": begins, "end_positions": begins + 1}
    args = arguments(tmp_path, num_train_epochs=25)

    def exact(found):
        starts, ends = (logits.argmax(-1) for logits in found.predictions)
        return {"exact": ((starts == found.label_ids[0]) & (ends == found.label_ids[1])).mean()}

    made = quiet(Trainer(model, args, train_dataset=rows, eval_dataset=rows, compute_metrics=exact))
    assert made.label_names == ["start_positions", "end_positions"]
    made.train()
    assert made.evaluate()["eval_exact"] > 0.9


def test_tokens_are_tagged_and_rows_of_other_lengths_filled_up(tmp_path):
    corten.utils.set_random_seed(0)
    model = BertForTokenClassification(
        BertConfig(**SMALL, intermediate_size=32, max_position_embeddings=8, num_labels=2)
    )
    rows = []
    for count in (3, 5, 4) * 10:
        ids = CHANCE.integers(1, 20, count)
        rows.append({"input_ids": ids, "labels": (ids > 10).astype("int64")})

    def padded(rows):
        length = max(len(row["input_ids"]) for row in rows)

        def fill(name, value):
            return np.stack(
                [np.pad(row[name], (0, length - len(row[name])), constant_values=value) for row in rows]
            )

        ids = fill("input_ids", 0)
        return {"input_ids": ids, "attention_mask": (ids > 0).astype("int64"), "labels": fill("labels", -100)}

    def accuracy(found):
        counted = found.label_ids != -100
        assert counted.sum() == sum(len(row["labels"]) for row in rows)
        return {"accuracy": (found.predictions.argmax(-1) == found.label_ids)[counted].mean()}

    args = arguments(tmp_path, num_train_epochs=10, per_device_eval_batch_size=1)
    made = quiet(
        Trainer(model, args, padded, train_dataset=rows, eval_dataset=rows, compute_metrics=accuracy)
    )
    made.train()
    output = made.predict(rows)
    assert output.predictions.shape == (30, 5, 2)
    assert output.metrics["test_accuracy"] > 0.95


def test_an_encoder_decoder_generates_in_evaluations(tmp_path):
    corten.utils.set_random_seed(0)
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=12,
            d_model=32,
            d_kv=16,
            d_ff=64,
            num_layers=1,
            num_decoder_layers=1,
            num_heads=2,
            dropout_rate=0.0,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )
    rows = [{"input_ids": [word, 1], "labels": [word, 13 - word, 1]} for word in range(2, 12)] * 6

    def exact(found):
        assert found.predictions.dtype.kind == "i"
        assert found.predictions.shape[1] == 5
        return {"exact": (found.predictions[:, 1:4] == found.label_ids).all(-1).mean()}

    args = arguments(
        tmp_path,
        Seq2SeqTrainingArguments,
        num_train_epochs=15,
        lr_scheduler_type="constant_with_warmup",
        warmup_ratio=0.1,
        predict_with_generate=True,
        generation_max_length=5,
        per_device_eval_batch_size=32,
    )
    made = quiet(Seq2SeqTrainer(model, args, train_dataset=rows, eval_dataset=rows, compute_metrics=exact))
    made.train()
    found = made.evaluate()
    assert found["eval_exact"] > 0.9
    assert found["eval_loss"] < 0.3
    assert made.predict(rows[:4], num_beams=2).predictions.shape == (4, 5)
    with pytest.raises(TypeError, match="BertForMaskedLM does not generate"):
        Seq2SeqTrainer(BertForMaskedLM(BertConfig(**SMALL, intermediate_size=8)), args)
