"""What `generate` returns where more than tokens is asked for."""

from __future__ import annotations

from typing import Any

from corten.transformers.outputs import ModelOutput


class GenerateDecoderOnlyOutput(ModelOutput):
    """What greedy search and sampling give.

    Attributes:
        sequences: Tokens, `(rows, length)`, the prompts included.
        scores: For each new token the processed scores, `(rows, vocabulary)`, if asked for.
        logits: For each new token the model's scores, if asked for.
        past_key_values: The cache of keys and values.
    """

    sequences: Any
    scores: Any
    logits: Any
    past_key_values: Any


class GenerateEncoderDecoderOutput(GenerateDecoderOnlyOutput):
    """What greedy search and sampling give for an encoder-decoder: `sequences` are the decoder's tokens."""


class GenerateBeamDecoderOnlyOutput(ModelOutput):
    """What a beam search gives.

    Attributes:
        sequences: Tokens, `(rows, length)`, the prompts included.
        sequences_scores: The sum of log probabilities of each, divided by a power of its length.
        scores: For each step the processed log probabilities of the beams, if asked for.
        logits: For each step the model's scores, if asked for.
        beam_indices: For each new token the beam it went on from, -1 after the end.
        past_key_values: The cache of keys and values.
    """

    sequences: Any
    sequences_scores: Any
    scores: Any
    logits: Any
    beam_indices: Any
    past_key_values: Any


class GenerateBeamEncoderDecoderOutput(GenerateBeamDecoderOnlyOutput):
    """What a beam search gives for an encoder-decoder: `sequences` are the decoder's tokens."""
