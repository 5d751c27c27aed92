"""Stores what the package peft computes and writes for small models with LoRA, once.

    PYTHONPATH=python python tests/transformers/make_lora_values.py

Needs peft, transformers (5 or later) and PyTorch, which the tests do not. The models are those of the other
reference values. Each is trained for a few steps in float64; adapters are stored as peft writes them before
and after. At the end peft reads what Corten writes, and must compute the same.
"""

import copy
import json
import tempfile
from pathlib import Path

import numpy as np
import peft
import torch
from safetensors.numpy import load_file

import transformers

FOLDER = Path(__file__).parent / "reference_values"
STEPS, RATE = 4, 0.05
# By name: the values with the model, its class, the arguments of peft's LoraConfig.
CASES = {
    "bert": (
        "bert_sequence_classification",
        "BertForSequenceClassification",
        {"task_type": "SEQ_CLS", "r": 4, "lora_alpha": 8},
    ),
    "bert_embeddings": (
        "bert_sequence_classification",
        "BertForSequenceClassification",
        {
            "task_type": "SEQ_CLS",
            "r": 3,
            "lora_alpha": 6,
            "target_modules": ["word_embeddings", "query", "intermediate.dense"],
            "modules_to_save": ["classifier", "pooler"],
        },
    ),
    "gpt2": (
        "gpt2",
        "GPT2LMHeadModel",
        {
            "task_type": "CAUSAL_LM",
            "r": 4,
            "lora_alpha": 8,
            "target_modules": ["c_attn", "c_fc", "mlp.c_proj"],
            "rank_pattern": {"h.0.attn.c_attn": 2},
            "alpha_pattern": {"h.1.mlp.c_fc": 5},
            "use_rslora": True,
            "fan_in_fan_out": True,
        },
    ),
    "llama": ("llama", "LlamaForCausalLM", {"task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4}),
    "t5": ("t5", "T5ForConditionalGeneration", {"task_type": "SEQ_2_SEQ_LM", "r": 2, "lora_alpha": 4}),
}


def stored_model(name, class_name):
    with np.load(FOLDER / f"{name}.npz") as stored:
        arrays = dict(stored)
    config = transformers.AutoConfig.for_model(**{"model_type": name, **json.loads(str(arrays["config"]))})
    config._attn_implementation = "eager"
    model = getattr(transformers, class_name)(config)
    weights = {key[7:]: torch.tensor(value) for key, value in arrays.items() if key.startswith("weight:")}
    info = model.load_state_dict(weights, strict=False)
    assert not info.unexpected_keys, info
    model.tie_weights()
    inputs = {key[6:]: torch.tensor(value) for key, value in arrays.items() if key.startswith("input:")}
    return model.eval(), inputs


def written(model):
    """The files that peft writes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / "adapter_config.json").read_text())
        return config, load_file(str(Path(folder) / "adapter_model.safetensors"))


def train(name, class_name, arguments, seed):
    base, inputs = stored_model(name, class_name)
    torch.manual_seed(seed)
    model = peft.get_peft_model(base, peft.LoraConfig(**copy.deepcopy(arguments))).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_(torch.randn(parameter.shape) * 0.3)
    config, before = written(model)
    model = model.double()
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=RATE)
    losses = []
    for _ in range(STEPS):
        output = model(**inputs)
        if not losses:
            logits = output.logits.detach().numpy()
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        losses.append(output.loss.item())
    after = written(model.float())[1]
    found = {"logits": logits.astype("float32"), "losses": np.array(losses)}
    found |= {f"before:{key}": value for key, value in before.items()}
    found |= {f"after:{key}": value.astype("float32") for key, value in after.items()}
    return config, found


def check_files_of_corten():
    """peft must read what Corten writes, and compute the same with it."""
    from corten import transformers as ours
    from corten.transformers.pretrained_files import assign_weights

    for case, (name, class_name, arguments) in CASES.items():
        base, inputs = stored_model(name, class_name)
        with np.load(FOLDER / f"{name}.npz") as stored:
            weights = {key[7:]: stored[key] for key in stored.files if key.startswith("weight:")}
            config = json.loads(str(stored["config"]))
        cls = getattr(ours, class_name)
        model = cls(cls.config_class.from_dict(config))
        assign_weights(model, weights, "stored values")
        settings = {
            key: value for key, value in arguments.items() if key not in ("task_type", "fan_in_fan_out")
        }
        ours.add_lora(model, targets=settings.pop("target_modules", None), **settings)
        chance = np.random.default_rng(1)
        for variable in model.trainable_variables:
            variable.assign(chance.normal(size=variable.shape) * 0.3)
        with tempfile.TemporaryDirectory() as folder:
            ours.save_lora(model, folder)
            theirs = peft.PeftModel.from_pretrained(base, folder).eval()
            with torch.no_grad():
                wanted = theirs(**inputs).logits.numpy()
        found = model({key: value.numpy() for key, value in inputs.items()}, training=False).logits.numpy()
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        print(f"{case}: peft computes with Corten's files what Corten does to {error:.1e}")
        assert error <= 1e-5, case


def main():
    stored, described = {}, {"steps": STEPS, "rate": RATE, "peft": peft.__version__, "cases": {}}
    for seed, (case, (name, class_name, arguments)) in enumerate(CASES.items()):
        config, found = train(name, class_name, arguments, seed)
        described["cases"][case] = {"values": name, "class": class_name, "config": config}
        stored |= {f"{case}/{key}": value for key, value in found.items()}
    np.savez_compressed(FOLDER / "lora.npz", described=json.dumps(described), **stored)
    check_files_of_corten()


if __name__ == "__main__":
    main()
