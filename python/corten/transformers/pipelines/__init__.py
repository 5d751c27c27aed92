"""Pipelines: from texts to answers, one class for each task, with Hugging Face's names and results."""
