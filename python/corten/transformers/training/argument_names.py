"""Which arguments of transformers' `TrainingArguments` have other names, no effect, or no place here."""

from __future__ import annotations

from typing import Any

#: Names of earlier versions, and what they are called now.
OLD_NAMES = {
    "evaluation_strategy": "eval_strategy",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
}
#: What cannot change the result of a training in one process on one CPU: accepted, with a warning where it is
#: set to something else than here.
WITHOUT_EFFECT: dict[str, Any] = {
    "average_tokens_across_devices": True,
    "dataloader_in_order": True,
    "dataloader_multiprocessing_context": None,
    "dataloader_num_workers": 0,
    "dataloader_persistent_workers": False,
    "dataloader_pin_memory": True,
    "dataloader_prefetch_factor": None,
    "ddp_backend": None,
    "ddp_broadcast_buffers": None,
    "ddp_bucket_cap_mb": None,
    "ddp_find_unused_parameters": None,
    "ddp_static_graph": None,
    "ddp_timeout": 1800,
    "eval_accumulation_steps": None,
    "eval_do_concat_batches": True,
    "eval_use_gather_object": False,
    "full_determinism": False,
    "gradient_checkpointing_kwargs": None,
    "local_rank": -1,
    "log_level": "passive",
    "log_level_replica": "warning",
    "log_on_each_node": True,
    "no_cuda": True,
    "overwrite_output_dir": None,
    "save_on_each_node": False,
    "save_safetensors": True,
    "skip_memory_metrics": True,
    "tf32": None,
    "torch_compile": False,
    "torch_compile_backend": None,
    "torch_compile_mode": None,
    "torch_empty_cache_steps": None,
    "tpu_num_cores": None,
    "use_cache": False,
    "use_cpu": True,
}
#: Said silently: users write these for other machines, and nothing is lost.
SILENT = frozenset(
    {"dataloader_num_workers", "dataloader_pin_memory", "full_determinism", "no_cuda", "overwrite_output_dir",
     "use_cpu", "log_level", "ddp_find_unused_parameters", "dataloader_persistent_workers"}
)  # fmt: skip
#: What would change the result and is not there, with what to do instead.
REFUSED = {
    "accelerator_config": "Corten trains in one process, without accelerate",
    "activation_checkpointing": "use gradient_checkpointing=True",
    "auto_find_batch_size": "choose per_device_train_batch_size, and gradient_accumulation_steps to go with "
    "it",
    "deepspeed": "Corten trains in one process",
    "enable_jit_checkpoint": "set save_steps: a training that is killed goes on from its last checkpoint",
    "fp16": "16-bit floats with few exponent bits need loss scaling, and CPUs have no fast way for them; use "
    "bf16=True",
    "fp16_full_eval": "use bf16_full_eval=True",
    "fsdp": "Corten trains in one process",
    "hub_model_id": "save with trainer.save_model and upload the folder with the huggingface_hub package",
    "include_num_input_tokens_seen": "count in a TrainerCallback",
    "liger_kernel_config": "Corten's own kernels are fused",
    "neftune_noise_alpha": "add noise in a model of your own",
    "optim_target_modules": "freeze layers with layer.trainable = False",
    "parallelism_config": "Corten trains in one process",
    "push_to_hub": "save with trainer.save_model and upload the folder with the huggingface_hub package",
    "torchdynamo": "Corten captures the training step by itself",
    "use_liger_kernel": "Corten's own kernels are fused",
}
REFUSED_UNLESS = {"include_num_input_tokens_seen": ("no", False, None)}
#: What can show logs, besides "none" and "all".
REPORTERS = ("csv", "tensorboard")
OPTIMIZERS = {
    "adamw": "adamw",
    "adamw_torch": "adamw",
    "adamw_torch_fused": "adamw",
    "adamw_hf": "adamw",
    "adafactor": "adafactor",
    "adagrad": "adagrad",
    "lion": "lion",
    "lion_32bit": "lion",
    "rmsprop": "rmsprop",
    "sgd": "sgd",
}
