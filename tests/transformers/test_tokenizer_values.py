"""Tokenizers and collators against what transformers answers to the same cases."""

from __future__ import annotations

import gzip
import json
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.transformers.tokenizer_cases import CASES, FOLDER, NAMES, ONLY, plain

from corten import transformers

pytest.importorskip("tokenizers", reason="needs corten[text]")

VALUES = Path(__file__).parent / "reference_values" / "tokenizers.json.gz"


@cache
def values() -> dict[str, dict[str, Any]]:
    return json.loads(gzip.decompress(VALUES.read_bytes()))


@pytest.mark.parametrize("name", NAMES)
def test_answers(name: str) -> None:
    cases = {**CASES, **{case: function for case, (kind, function) in ONLY.items() if kind == name}}
    expected = values()[name]
    assert set(cases) == set(expected)
    wrong = []
    for case, function in cases.items():
        tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER / name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = json.loads(json.dumps(plain(function(transformers, tokenizer))))
        if found != expected[case]:
            wrong.append((case, found, expected[case]))
    assert not wrong, "\n\n".join(f"{case}:\n  {found}\n  {wanted}"[:3000] for case, found, wanted in wrong)
