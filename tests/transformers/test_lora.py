"""LoRA adapters: values and files of peft, training, merging, saving, other ways to compute."""

import json

import numpy as np
import pytest
from tests.transformers.helpers import FOLDER, model_of, relative_error

import corten
from corten.transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    add_lora,
    load_lora,
    merge_lora,
    print_trainable_parameters,
    remove_lora,
    save_lora,
    unmerge_lora,
)
from corten.transformers.lora.adapters import adapters_of
from corten.transformers.weight_names import named_weights

VALUES = np.load(FOLDER / "lora.npz")
DESCRIBED = json.loads(str(VALUES["described"]))
CASES = DESCRIBED["cases"]

CHANCE = np.random.default_rng(4)
IDS = CHANCE.integers(1, 30, (22, 6))
LABELS = (IDS[:, 0] > 15).astype("int64")
IDS[:, 0] = np.where(LABELS, 7, 3)
ROWS = [{"input_ids": ids, "labels": int(label)} for ids, label in zip(IDS, LABELS, strict=True)]


def bert(dropout=0.0, seed=1, cls=BertForSequenceClassification, **options):
    corten.utils.set_random_seed(seed)
    config = BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
        initializer_range=0.3,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return cls(config, **options)


def gpt2(**options):
    corten.utils.set_random_seed(2)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=2, n_head=2, **options)
    )


def llama(**options):
    corten.utils.set_random_seed(3)
    config = LlamaConfig(
        vocab_size=30,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config, **options)


def shake(model, seed=0):
    """Give the trained weights values at random, so that adapters do something."""
    chance = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(chance.normal(size=variable.shape) * 0.3)
    return model


def logits(model, ids=IDS[:4]):
    return model(input_ids=ids, training=False).logits.numpy()


def weights_of(model):
    return {weight.name: weight.to_file() for weight in named_weights(model)}


def case_arrays(case, kind):
    prefix = f"{case}/{kind}:"
    return {key.removeprefix(prefix): VALUES[key] for key in VALUES.files if key.startswith(prefix)}


def write_adapters(folder, config, arrays):
    """A folder as peft writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    data = corten.saving.safetensors.dump(arrays, {"format": "pt"})
    (folder / "adapter_model.safetensors").write_bytes(data)
    return folder


def case_model(case):
    stored = {"weight": {}, "input": {}}
    with np.load(FOLDER / f"{CASES[case]['values']}.npz") as found:
        stored["config"] = json.loads(str(found["config"]))
        for key in found.files:
            kind, _, name = key.partition(":")
            if kind in ("weight", "input"):
                stored[kind][name] = found[key]
    return model_of(CASES[case]["class"], stored), stored["input"]


# -- values and files of peft ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_adapters_of_peft_compute_and_train_as_there(case, tmp_path):
    model, inputs = case_model(case)
    write_adapters(tmp_path, CASES[case]["config"], case_arrays(case, "before"))
    load_lora(model, tmp_path, is_trainable=True)
    assert relative_error(model(inputs, training=False).logits, VALUES[f"{case}/logits"]) <= 1e-5
    variables = model.trainable_variables
    losses = []
    for _ in range(DESCRIBED["steps"]):
        with corten.GradientTape() as tape:
            loss = model(inputs, training=False).loss
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(gradient * DESCRIBED["rate"])
        losses.append(float(loss))
    np.testing.assert_allclose(losses, VALUES[f"{case}/losses"], rtol=2e-5)
    save_lora(model, tmp_path / "after")
    found = corten.saving.safetensors.parse((tmp_path / "after" / "adapter_model.safetensors").read_bytes())
    wanted = case_arrays(case, "after")
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        np.testing.assert_allclose(
            found[key], value, rtol=0, atol=2e-5 * max(np.abs(value).max(), 1), err_msg=key
        )


@pytest.mark.parametrize("case", CASES)
def test_files_have_the_names_shapes_and_entries_of_peft(case, tmp_path):
    model, _ = case_model(case)
    config = CASES[case]["config"]
    settings = {
        name: config[name] for name in ("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern")
    }
    # peft names "score" for all classifiers; of those of BERT none has it.
    saved = [name for name in config["modules_to_save"] or [] if name != "score"]
    add_lora(model, targets=config["target_modules"], modules_to_save=saved, **settings)
    save_lora(model, tmp_path)
    found = corten.saving.safetensors.parse((tmp_path / "adapter_model.safetensors").read_bytes())
    wanted = case_arrays(case, "before")
    assert {key: value.shape for key, value in found.items()} == {key: v.shape for key, v in wanted.items()}
    entries = json.loads((tmp_path / "adapter_config.json").read_text())
    for name, value in entries.items():
        if name == "modules_to_save":
            assert (value or []) == saved
        elif name == "target_modules":
            assert sorted(value) == sorted(config[name])
        elif name != "base_model_name_or_path":
            assert config[name] == value, name


# -- adding and taking away -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bert, gpt2, llama])
def test_nothing_changes_at_first_and_only_adapters_are_trained(make):
    model = make()
    before, weights = logits(model), weights_of(model)
    assert add_lora(model, r=3, lora_alpha=6) is model
    np.testing.assert_array_equal(logits(model), before)
    trained = [variable.path for variable in model.trainable_variables]
    adapted = {"bert": 4, "gpt2": 2, "llama": 4}[model.config.model_type]
    assert sum("lora_kernel_" in path for path in trained) == 2 * adapted
    assert [path for path in trained if "lora_" not in path] == [
        variable.path for variable in (model.classifier.weights if make is bert else [])
    ]
    assert {name: value.shape for name, value in weights_of(model).items()} == {
        name: value.shape for name, value in weights.items()
    }
    assert remove_lora(model).num_parameters(only_trainable=True) == model.num_parameters()
    np.testing.assert_array_equal(logits(model), before)


def test_layers_compute_the_sum_of_both_products():
    model = shake(add_lora(gpt2(), r=3, lora_alpha=6))
    layer = model.transformer.h[0].attn.c_attn
    x = CHANCE.normal(size=(5, 8)).astype("float32")
    a, b = layer.lora_kernel_a.numpy(), layer.lora_kernel_b.numpy()
    assert (a.shape, b.shape) == ((8, 3), (3, 24))
    wanted = x @ layer._kernel.numpy() + layer.bias.numpy() + 2.0 * (x @ a) @ b
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-5, atol=1e-6)
    rooted = shake(add_lora(gpt2(), r=4, lora_alpha=6, use_rslora=True)).transformer.h[0].attn.c_attn
    assert rooted._lora_strength == 3.0


def test_merging_and_taking_away():
    model = shake(add_lora(bert(), r=2))
    weights, with_adapters = weights_of(model), logits(model)
    assert merge_lora(model) is model
    np.testing.assert_allclose(logits(model), with_adapters, atol=2e-6)
    query = model.bert.encoder.layer[0].attention.self_attention.query
    assert not query.lora_enabled
    assert [variable.path.rpartition("/")[0] for variable in model.trainable_variables] == [
        model.classifier._path
    ] * 2
    unmerge_lora(model)
    np.testing.assert_array_equal(logits(model), with_adapters)
    for name, value in weights_of(model).items():
        np.testing.assert_array_equal(value, weights[name])
    assert len(model.trainable_variables) == 10
    remove_lora(merge_lora(model))
    np.testing.assert_allclose(logits(model), with_adapters, atol=2e-6)
    assert len(model.trainable_variables) == len(model.weights)
    assert query.get_config().get("lora_rank") is None
    # What was taken away can be given again.
    add_lora(model, r=1)
    assert query.lora_rank == 1


def test_what_was_frozen_before_is_frozen_afterwards():
    model = bert()
    model.bert.embeddings.trainable = False
    model.bert.encoder.trainable = False
    before = [variable.path for variable in model.trainable_variables]
    add_lora(model)
    assert sum("lora_" in variable.path for variable in model.trainable_variables) == 8
    assert [variable.path for variable in remove_lora(model).trainable_variables] == before


def test_targets_by_ends_expressions_and_all_linear():
    names = lambda model: [name for name, _ in adapters_of(model).layers]  # noqa: E731
    assert len(names(add_lora(bert(), targets=["attention.output.dense"]))) == 2
    only = add_lora(bert(), targets=r".*layer\.1\..*\.(query|key)")
    assert [name.rpartition(".")[2] for name in names(only)] == ["query", "key"]
    everything = names(add_lora(bert(), targets="all-linear"))
    assert len(everything) == 2 * 6 + 1  # Also the pooler; the classifier is trained as a whole.
    assert "lm_head" not in names(add_lora(llama(), targets="all-linear"))
    ranks = add_lora(bert(), r=4, rank_pattern={"0.attention.self.query": 2}, alpha_pattern={"value": 1})
    layers = [layer.attention.self_attention for layer in ranks.bert.encoder.layer]
    assert [layer.query.lora_rank for layer in layers] == [2, 4]
    assert [layer.value.lora_alpha for layer in layers] == [1, 1]


def test_a_seed_gives_the_same_adapters():
    first, second = (add_lora(bert(seed=seed), seed=7, modules_to_save=[]) for seed in (1, 2))
    for one, other in zip(first.trainable_variables, second.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)
    a = first.bert.encoder.layer[0].attention.self_attention.query.lora_kernel_a.numpy()
    assert 0.2 < np.abs(a).max() <= 8**-0.5


def test_new_heads_are_trained_as_a_whole(tmp_path):
    bert(cls=BertModel).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    arrays = {name: np.array(v) for name, v in corten.saving.safetensors.parse(path.read_bytes()).items()}
    path.write_bytes(
        corten.saving.safetensors.dump({name: v for name, v in arrays.items() if "pooler" not in name})
    )
    with pytest.warns(UserWarning, match="newly initialised"):
        model = BertForSequenceClassification.from_pretrained(tmp_path)
    add_lora(model)
    assert adapters_of(model).settings.modules_to_save == ["classifier", "bert.pooler.dense"]
    assert model.bert.pooler.dense._kernel.trainable
    save_lora(model, tmp_path / "adapters")
    config = json.loads((tmp_path / "adapters" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path)


def test_trainable_parameters_are_counted():
    lines = []
    print_trainable_parameters(add_lora(gpt2(), r=1), lines.append)
    total = gpt2().num_parameters() + 2 * (8 + 24)
    assert lines == [f"trainable params: 64 || all params: {total:,} || trainable%: {6400 / total:.4f}"]


# -- dropout, fit, precision ----------------------------------------------------------------------------


def test_dropout_is_of_the_adapters_inputs_alone():
    layer = shake(add_lora(bert(), r=2, lora_dropout=0.5, seed=3)).bert.encoder.layer[0]
    layer = layer.attention.self_attention.query
    x = np.ones((1, 8), "float32")
    plain = x @ layer._kernel.numpy() + layer.bias.numpy()
    calm = layer(x, training=False).numpy()
    np.testing.assert_allclose(
        calm,
        plain + 8.0 * x @ layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy(),
        rtol=1e-4,
        atol=1e-5,
    )
    drawn = np.stack([layer(x, training=True).numpy() for _ in range(400)])
    assert len(np.unique(drawn[:, 0, 0])) > 50
    # Kept cells count twice: the mean is that without dropout.
    np.testing.assert_allclose(drawn.mean(0), calm, atol=6 * drawn.std(0).max() / 20)


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_fit_trains_adapters_alone(dtype, checkpointing):
    model = bert(0.1, dtype=dtype)
    frozen = weights_of(model)
    add_lora(model, r=4, targets="all-linear", lora_dropout=0.1, seed=1)
    assert {variable._dtype for variable in adapters_of(model).variables()} == {"float32"}
    if checkpointing:
        model.gradient_checkpointing_enable()
    model.compile(corten.optimizers.Adam(0.02))
    history = model.fit({"input_ids": IDS, "labels": LABELS}, batch_size=11, epochs=20, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    for name, value in weights_of(model).items():
        if not name.startswith("classifier"):
            np.testing.assert_array_equal(value, frozen[name], err_msg=name)


def test_gradient_checkpointing_gives_the_same_bits():
    def trained(checkpointing):
        model = add_lora(bert(0.1), lora_dropout=0.2, seed=1)
        if checkpointing:
            model.gradient_checkpointing_enable()
        model.compile("sgd")
        corten.utils.set_random_seed(5)
        model.fit({"input_ids": IDS, "labels": LABELS}, epochs=2, verbose=0)
        return logits(model)

    np.testing.assert_array_equal(trained(True), trained(False))


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_adapters_beside_integers(mode, tmp_path):
    model = llama()
    exact = logits(model)
    model.quantize(mode)
    before = logits(model)
    add_lora(model, r=4, targets="all-linear")
    np.testing.assert_array_equal(logits(model), before)
    model.compile(corten.optimizers.Adam(0.01))
    history = model.fit({"input_ids": IDS, "labels": IDS}, epochs=10, verbose=0)
    assert history.history["loss"][-1] < 0.95 * history.history["loss"][0]
    assert model.model.decoder_layers[0].mlp.up_proj._kernel._dtype == "int8"
    after = logits(model)
    save_lora(model, tmp_path)
    again = llama()
    again.quantize(mode)
    np.testing.assert_array_equal(logits(load_lora(again, tmp_path)), after)
    merged = logits(merge_lora(model))
    # Rounded anew with the product in it, by as much as when the model was quantized.
    assert 0 < np.abs(merged - after).mean() < 2 * np.abs(before - exact).mean()
    np.testing.assert_array_equal(logits(unmerge_lora(model)), after)


def test_generation_with_adapters_and_merged():
    model = shake(add_lora(gpt2(), targets="all-linear"), 3)
    found = model.generate([[3, 4, 5]], max_new_tokens=6, do_sample=False, pad_token_id=0).tolist()
    ids = [3, 4, 5]
    for _ in range(6):
        ids.append(int(logits(model, np.array([ids]))[0, -1].argmax()))
    assert found == [ids]
    assert merge_lora(model).generate([[3, 4, 5]], max_new_tokens=6, pad_token_id=0).tolist() == [ids]


# -- files ----------------------------------------------------------------------------------------------


def test_adapters_are_saved_and_loaded(tmp_path):
    model = shake(add_lora(bert(), r=2, lora_dropout=0.1))
    save_lora(model, tmp_path)
    again = load_lora(bert(), tmp_path)
    np.testing.assert_array_equal(logits(again), logits(model))
    assert not again.trainable_variables
    assert again.__dict__["_adapters"].settings == adapters_of(model).settings.__class__(
        **{
            **adapters_of(model).settings.__dict__,
            "further": again.__dict__["_adapters"].settings.further,
        }
    )
    # What a model has gets the values of the file.
    other = load_lora(add_lora(bert(), r=2, lora_dropout=0.1), tmp_path, is_trainable=True)
    np.testing.assert_array_equal(logits(other), logits(model))
    assert len(other.trainable_variables) == len(model.trainable_variables)


def test_save_pretrained_writes_adapters_or_the_sum(tmp_path):
    model = shake(add_lora(bert(), r=2))
    model.save_pretrained(tmp_path / "adapters")
    assert sorted(path.name for path in (tmp_path / "adapters").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    found = logits(model)
    remove_lora(merge_lora(model)).save_pretrained(tmp_path / "sum")
    whole = BertForSequenceClassification.from_pretrained(tmp_path / "sum")
    np.testing.assert_allclose(logits(whole), found, atol=2e-6)
    # Of `enable_lora` of single layers the sum is written.
    query = whole.bert.encoder.layer[0].attention.self_attention.query
    query.enable_lora(2)
    query.lora_kernel_b.assign(np.ones((2, 8)))
    whole.save_pretrained(tmp_path / "layers")
    names = corten.saving.safetensors.parse((tmp_path / "layers" / "model.safetensors").read_bytes())
    assert not any("lora" in name for name in names)
    again = BertForSequenceClassification.from_pretrained(tmp_path / "layers")
    np.testing.assert_allclose(logits(again), logits(whole), atol=2e-6)


@pytest.mark.parametrize("merged", [False, True])
def test_corten_files_keep_adapters_apart(merged, tmp_path):
    model = add_lora(bert(), r=2, lora_dropout=0.3, use_rslora=True)
    model.compile("adam")
    data = {"input_ids": IDS, "labels": LABELS}
    model.fit(data, epochs=1, verbose=0, shuffle=False)
    if merged:
        merge_lora(model)
    model.save(tmp_path / "model.corten")
    again = corten.saving.load_model(tmp_path / "model.corten")
    if merged:
        unmerge_lora(model)
    np.testing.assert_array_equal(logits(again), logits(model))
    assert [v.path for v in again.trainable_variables] == [v.path for v in model.trainable_variables]
    if merged:
        return
    # The dropout goes on as well.
    for one in (model, again):
        one.fit(data, epochs=2, verbose=0, shuffle=False)
    np.testing.assert_array_equal(logits(again), logits(model))
    model.save_weights(tmp_path / "weights.safetensors")
    other = add_lora(bert(seed=8), r=2, lora_dropout=0.3, use_rslora=True)
    other.load_weights(tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(logits(other), logits(model))


# -- the Trainer ----------------------------------------------------------------------------------------


def trainer(folder, model, callbacks=(), **arguments):
    defaults = {"learning_rate": 0.01, "per_device_train_batch_size": 4, "num_train_epochs": 2}
    args = TrainingArguments(
        folder, **{**defaults, "save_strategy": "steps", "save_steps": 1, "seed": 5, **arguments}
    )
    made = Trainer(model, args, train_dataset=ROWS, eval_dataset=ROWS, callbacks=list(callbacks))
    made.pop_callback(made.printer)
    return made


@pytest.mark.parametrize("stop", [5, 6])
@pytest.mark.filterwarnings("ignore:save_lora")
def test_the_trainer_goes_on_with_the_same_bits(stop, tmp_path):
    def adapted(seed=1):
        model = add_lora(bert(0.1), r=2, lora_dropout=0.2, seed=seed)
        # Beyond the adapters, as when a layer is thawed by hand.
        model.bert.pooler.dense._kernel.trainable = True
        return model

    class Stop(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == stop:
                raise KeyboardInterrupt

    whole = trainer(tmp_path / "whole", adapted())
    with pytest.warns(UserWarning, match="no part of the adapters and are not saved with them"):
        whole.train()
    broken = trainer(tmp_path / "broken", adapted(), [Stop])
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    folder = tmp_path / "broken" / f"checkpoint-{stop}"
    assert not (folder / "model.safetensors").exists()
    again = trainer(tmp_path / "broken", adapted(9))
    again.train(resume_from_checkpoint=True)
    for one, other in zip(again.model.variables, whole.model.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)
    fresh = load_lora(bert(), folder)
    assert np.isfinite(logits(fresh)).all()


def test_a_checkpoint_beside_other_weights_is_refused(tmp_path):
    trainer(tmp_path, add_lora(bert())).train()
    other = trainer(tmp_path, add_lora(bert(seed=3)))
    with pytest.raises(ValueError, match=r"trained beside other weights: .* and \d+ more differ"):
        other.train(resume_from_checkpoint=True)


@pytest.mark.parametrize("only_model", [False, True])
def test_the_best_adapters_are_loaded(only_model, tmp_path):
    kept = {}

    class Keep(TrainerCallback):
        def on_evaluate(self, args, state, control, model=None, **kwargs):
            kept[state.global_step] = [variable.numpy() for variable in model.trainable_variables]

    made = trainer(
        tmp_path,
        add_lora(bert(), r=2),
        [Keep()],
        num_train_epochs=3,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_only_model=only_model,
        load_best_model_at_end=True,
        metric_for_best_model="score",
    )
    scores = iter((1.0, 3.0, 2.0))
    made.compute_metrics = lambda found: {"score": next(scores)}
    made.train()
    for found, wanted in zip(made.model.trainable_variables, kept[12], strict=True):
        np.testing.assert_array_equal(found, wanted)
    made.save_model(tmp_path / "best")
    np.testing.assert_array_equal(logits(load_lora(bert(), tmp_path / "best")), logits(made.model))


@pytest.mark.parametrize("resume", [False, True])
def test_adapters_of_layers_of_a_users_model_go_on(resume, tmp_path):
    class Line(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = corten.layers.Dense(8)
            self.out = corten.layers.Dense(1)

        def call(self, x, labels=None):
            y = self.out(self.dense(x))[:, 0]
            return {"loss": corten.ops.mean(corten.ops.square(y - labels)), "logits": y}

    rows = [{"x": [float(x), 1.0], "labels": 3.0 * x} for x in np.linspace(-1, 1, 20)]

    def train(folder, epochs, **more):
        corten.utils.set_random_seed(2)
        model = Line()
        model(np.ones((1, 2), "float32"), labels=np.ones(1, "float32"))
        model.dense.enable_lora(2)
        made = trainer(
            folder, model, num_train_epochs=epochs, save_strategy="epoch", lr_scheduler_type="constant"
        )
        made.train_dataset, made.eval_dataset = rows, None
        made.train(**more)
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    whole = train(tmp_path / "whole", 3)
    train(tmp_path / "parts", 2)
    found = train(tmp_path / "parts", 3, resume_from_checkpoint=resume)
    assert np.array_equal(found, whole)


def test_bfloat16_training_of_adapters(tmp_path):
    made = trainer(tmp_path, add_lora(bert(), r=4, targets="all-linear"), bf16=True, save_strategy="no")
    before = made.evaluate()["eval_loss"]
    made.train()
    assert made.evaluate()["eval_loss"] < 0.9 * before


# -- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"r": 0}, "ranks .* positive integers; got 0"),
        ({"lora_alpha": float("nan")}, "`lora_alpha` must be a number"),
        ({"lora_dropout": 1.0}, "`lora_dropout` must be a number from 0 to below 1"),
        ({"targets": ["q_proj"]}, "no layers that match .* last parts of names there are: query, key, value"),
        ({"targets": "("}, "no regular expression"),
        ({"targets": ["LayerNorm"]}, "is a LayerNormalization; adapters go beside dense layers"),
        ({"modules_to_save": ["head"]}, r"no layer 'head' .* outer layers are \['bert', 'classifier'"),
        ({"rank_pattern": {"(a+)+$": 2}}, "keys of `rank_pattern` must be names"),
        ({"use_rslora": 1}, "`use_rslora` must be True or False"),
    ],
)
def test_wrong_arguments_leave_the_model_as_it_was(arguments, message):
    model = bert()
    with pytest.raises(ValueError, match=message):
        add_lora(model, **arguments)
    assert len(model.trainable_variables) == len(model.weights)


def test_wrong_calls_are_refused(tmp_path):
    plain = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
    with pytest.raises(TypeError, match=r"expected a model of corten.transformers; .* `layer.enable_lora"):
        add_lora(plain)
    model = bert()
    for function in (merge_lora, unmerge_lora, remove_lora):
        with pytest.raises(ValueError, match=f"{function.__name__}: the model has no adapters"):
            function(model)
    with pytest.raises(ValueError, match="save_lora: the model has no adapters"):
        save_lora(model, tmp_path)
    add_lora(model)
    with pytest.raises(ValueError, match="has adapters already; take them away"):
        add_lora(model)
    with pytest.raises(ValueError, match="the adapters are not merged"):
        unmerge_lora(model)
    save_lora(model, tmp_path)
    merge_lora(model)
    with pytest.raises(ValueError, match="merged already"):
        merge_lora(model)
    with pytest.raises(ValueError, match=r"adapters are merged; call `unmerge_lora\(model\)` first"):
        load_lora(model, tmp_path)
    with pytest.raises(ValueError, match="is also the table that scores are computed with"):
        add_lora(gpt2(), targets=["wte"])
    with pytest.raises(ValueError, match="has an adapter of the old size; resize before `add_lora`"):
        add_lora(llama(), targets=["lm_head"]).resize_token_embeddings(40)
    with pytest.raises(OSError, match=r"has adapters but no .*load_lora\(model, folder\)"):
        BertForSequenceClassification.from_pretrained(tmp_path)
    with pytest.raises(TypeError, match="load_lora: unexpected argument 'trainable'"):
        load_lora(bert(), tmp_path, trainable=True)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"peft_type": "IA3"}, "an adapter of the type 'IA3'"),
        ({"use_dora": True}, "`use_dora` = True, which Corten does not compute. Merge"),
        ({"bias": "all"}, "`bias` = 'all'"),
        ({"init_lora_weights": "pissa_niter_4"}, "changes the weights of the model too"),
        ({"r": 3}, r"has the shape \(2, 8\), but \(3, 8\) by the rank 3"),
        ({"r": -1}, "positive integers"),
        ({"rank_pattern": {".*(": 4}}, "keys of `rank_pattern` must be names"),
        ({"modules_to_save": ["classifier", "pooler"]}, "lacks bert.pooler.dense.weight"),
        ({"modules_to_save": 3}, "`modules_to_save` must be a list"),
    ],
)
def test_strange_configurations_are_refused(entries, message, tmp_path):
    save_lora(add_lora(bert(), r=2), tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    model = bert()
    with pytest.raises(ValueError, match=message):
        load_lora(model, tmp_path)
    assert len(model.trainable_variables) == len(model.weights)


def change(name, value):
    def changed(arrays):
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value

    return changed


def zeros(*shape):
    return np.zeros(shape, "float32")


QUERY = "base_model.model.bert.encoder.layer.0.attention.self.query"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            change(f"{QUERY}.lora_B.weight", None),
            "lacks the matrix B of the adapter of 'bert.encoder.layer.0",
        ),
        (
            change(f"{QUERY}.lora_A.weight", np.zeros((2, 9), "float32")),
            r"has the shape \(2, 9\), but \(2, 8\)",
        ),
        (
            change(f"{QUERY}.lora_magnitude_vector", np.zeros(8, "float32")),
            "kind of adapter that Corten does not",
        ),
        (change("base_model.model.odd.weight", np.zeros(8, "float32")), "has no place for"),
        (change("base_model.model.classifier.weight", np.zeros((5, 8), "float32")), "`num_labels=`"),
        (lambda arrays: arrays.clear(), "has adapters for no layer"),
    ],
)
def test_damaged_adapters_are_refused(damage, message, tmp_path):
    save_lora(add_lora(bert(), r=2), tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    arrays = {name: np.array(v) for name, v in corten.saving.safetensors.parse(path.read_bytes()).items()}
    damage(arrays)
    path.write_bytes(corten.saving.safetensors.dump(arrays))
    model = bert()
    with pytest.raises(ValueError, match=message):
        load_lora(model, tmp_path)
    assert len(model.trainable_variables) == len(model.weights)


def test_adapters_of_other_models_and_pickles_are_refused(tmp_path):
    save_lora(add_lora(bert(), r=2), tmp_path)
    with pytest.raises(ValueError, match=r"which BertModel has not.*'SEQ_CLS'"):
        load_lora(bert(cls=BertModel), tmp_path)
    with pytest.raises(ValueError, match="has other adapters than the model"):
        load_lora(add_lora(bert(), r=2, targets=["key"]), tmp_path)
    with pytest.raises(ValueError, match="has other adapters than the model"):
        load_lora(add_lora(bert(), r=2, lora_alpha=3), tmp_path)
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(OSError, match="pickles run code"):
        load_lora(bert(), tmp_path)
    (tmp_path / "adapter_model.bin").unlink()
    with pytest.raises(OSError, match=r"adapter_model\.safetensors"):
        load_lora(bert(), tmp_path)
