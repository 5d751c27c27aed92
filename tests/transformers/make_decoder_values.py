"""Makes the values that decoders and generation are tested against, once: `python make_decoder_values.py`.

Needs transformers (5 or later) and PyTorch, which the tests do not. Models are tiny and randomly
initialised; losses and gradients are computed in float64 from float32 weights.
"""

import json
from pathlib import Path

import numpy as np
import torch
from generation_settings import GENERATIONS

import transformers

FOLDER = Path(__file__).parent / "reference_values"
# Not 0: the beam search of transformers takes 0 for "no padding".
PAD, BOS, EOS = 3, 1, 2

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 500.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
COMMON = {
    "vocab_size": 41,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.4,
    "pad_token_id": PAD,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
}
MODELS = {
    "gpt2": (
        "GPT2",
        "GPT2LMHeadModel",
        {
            "vocab_size": 41,
            "n_positions": 48,
            "n_embd": 16,
            "n_layer": 2,
            "n_head": 2,
            "initializer_range": 0.4,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "pad_token_id": PAD,
            "bos_token_id": BOS,
            "eos_token_id": EOS,
        },
    ),
    "llama": ("Llama", "LlamaForCausalLM", {**COMMON, "rope_parameters": LLAMA3}),
    "qwen2": ("Qwen2", "Qwen2ForCausalLM", {**COMMON, "rope_parameters": YARN, "tie_word_embeddings": False}),
    "qwen3": ("Qwen3", "Qwen3ForCausalLM", {**COMMON, "head_dim": 8, "tie_word_embeddings": True}),
}
T5 = {
    "vocab_size": 41,
    "d_model": 16,
    "d_kv": 6,
    "d_ff": 24,
    "num_layers": 2,
    "num_heads": 2,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 16,
    "dropout_rate": 0.0,
    "initializer_factor": 1.0,
    "pad_token_id": PAD,
    "eos_token_id": EOS,
    "decoder_start_token_id": PAD,
}
SEQ2SEQ = {
    "t5": {**T5, "feed_forward_proj": "relu", "tie_word_embeddings": True},
    "t5_gated": {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}


def model_of(kind, name, settings, seed):
    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(**settings)
    config._attn_implementation = "eager"
    model = getattr(transformers, name)(config).eval()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                # Norms and biases begin as ones and zeros, which would hide what they do.
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
        if kind == "T5":
            if not settings["tie_word_embeddings"]:
                model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
            # As it is made, a small T5 repeats one token for ever.
            for parameter in (model.shared.weight, model.lm_head.weight):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 3)
    return model


def values_of(model, inputs):
    """Logits, loss and gradients in float64."""
    weights = {name: value.detach().numpy().copy() for name, value in model.named_parameters()}
    double = model.double()
    output = double(**inputs)
    output.loss.backward()
    found = {f"weight:{name}": value for name, value in weights.items()}
    for name, value in double.named_parameters():
        found[f"gradient:{name}"] = value.grad.numpy().astype(np.float32)
    found["logits"] = output.logits.detach().numpy().astype(np.float32)
    found["loss"] = np.float32(output.loss.item())
    for name, value in inputs.items():
        found[f"input:{name}"] = value.numpy()
    model.float()
    return found


def generated(model, inputs, found):
    for name, settings in GENERATIONS.items():
        output = model.generate(
            **inputs, **settings, do_sample=False, return_dict_in_generate=True, output_scores=True
        )
        found[f"ids:{name}"] = output.sequences.numpy().astype(np.int32)
        if settings.get("num_beams", 1) > 1:
            found[f"scores:{name}"] = output.sequences_scores.numpy()


def save(name, settings, found):
    FOLDER.mkdir(exist_ok=True)
    found["config"] = np.array(json.dumps(settings))
    path = FOLDER / f"{name}.npz"
    np.savez_compressed(path, **found)
    assert path.stat().st_size < 200_000, path.stat().st_size


def main():
    generator = np.random.default_rng(0)
    ids = torch.tensor(generator.integers(4, 41, (3, 9)))
    mask = torch.ones_like(ids)
    labels = torch.tensor(generator.integers(4, 41, (3, 9)))
    labels[0, 4] = -100
    mask[1, 6:] = 0
    ids[1, 6:] = PAD
    labels[1, 6:] = -100
    # Prompts are filled up at the begin.
    prompts, prompt_mask = ids.clone(), mask.clone()
    prompts[1], prompt_mask[1] = ids[1].roll(3), mask[1].roll(3)
    for seed, (name, (kind, cls, settings)) in enumerate(MODELS.items()):
        model = model_of(kind, cls, settings, seed)
        found = values_of(model, {"input_ids": ids, "attention_mask": mask, "labels": labels})
        found["prompt:input_ids"], found["prompt:attention_mask"] = prompts.numpy(), prompt_mask.numpy()
        generated(model, {"input_ids": prompts, "attention_mask": prompt_mask}, found)
        save(name, settings, found)
    targets = labels[:, :6].clone()
    source_mask = torch.ones_like(ids)
    source_mask[2, 6:] = 0
    ids = torch.tensor(generator.integers(4, 41, (3, 9)))
    ids[2, 6:] = PAD
    for seed, (name, settings) in enumerate(SEQ2SEQ.items()):
        model = model_of("T5", "T5ForConditionalGeneration", settings, 10 + seed)
        found = values_of(model, {"input_ids": ids, "attention_mask": source_mask, "labels": targets})
        generated(model, {"input_ids": ids, "attention_mask": source_mask}, found)
        save(name, settings, found)


if __name__ == "__main__":
    main()
