"""What `generate` is called with, by `make_decoder_values.py` and by the tests."""

ENDS = [2, 9, 14, 18, 22, 30]
GENERATIONS = {
    "greedy": {"max_new_tokens": 12},
    "greedy_ends": {"max_new_tokens": 14, "eos_token_id": ENDS},
    "greedy_long": {"max_new_tokens": 25, "min_new_tokens": 25},
    "repetition": {"max_new_tokens": 12, "repetition_penalty": 1.4},
    "no_repeat": {"max_new_tokens": 14, "no_repeat_ngram_size": 2, "min_new_tokens": 14},
    "suppressed": {
        "max_new_tokens": 10,
        "suppress_tokens": [5, 6, 7],
        "begin_suppress_tokens": [8, 9],
        "bad_words_ids": [[10], [11, 12]],
    },
    "forced": {"max_new_tokens": 8, "forced_eos_token_id": 2, "min_new_tokens": 8},
    "decay": {"max_new_tokens": 14, "exponential_decay_length_penalty": (3, 1.3)},
    "beams": {"max_new_tokens": 10, "num_beams": 3},
    "beams_all": {"max_new_tokens": 12, "num_beams": 4, "num_return_sequences": 4},
    "beams_early": {"max_new_tokens": 12, "num_beams": 3, "early_stopping": True, "length_penalty": 2.0},
    "beams_never": {"max_new_tokens": 12, "num_beams": 3, "early_stopping": "never", "length_penalty": 0.5},
    "beams_negative": {"max_new_tokens": 12, "num_beams": 3, "length_penalty": -1.0},
    "beams_min": {"max_new_tokens": 12, "num_beams": 3, "min_new_tokens": 6, "no_repeat_ngram_size": 2},
    "beams_ends": {"max_new_tokens": 10, "num_beams": 3, "eos_token_id": ENDS},
    "beams_ends_all": {
        "max_new_tokens": 12,
        "num_beams": 4,
        "num_return_sequences": 4,
        "eos_token_id": ENDS[:4],
    },
    "beams_ends_early": {
        "max_new_tokens": 12,
        "num_beams": 3,
        "early_stopping": True,
        "length_penalty": 2.0,
        "eos_token_id": ENDS,
    },
    "beams_ends_never": {
        "max_new_tokens": 12,
        "num_beams": 3,
        "early_stopping": "never",
        "length_penalty": 0.5,
        "eos_token_id": ENDS,
    },
    "beams_repetition": {"max_new_tokens": 10, "num_beams": 2, "repetition_penalty": 1.3},
}
