"""LoRA adapters of language models, in files as the package peft has them."""
