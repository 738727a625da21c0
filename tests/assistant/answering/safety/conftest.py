"""Real questions of researchers and patients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def real_questions(shared_data: Path) -> list[str]:
    """2,309 of them: PubMedQA, MedQuAD and SciFact."""
    names = ("pubmedqa/queries_train.jsonl", "medquad/queries_test1000.jsonl", "scifact/queries_train.jsonl")
    lines = [line for name in names for line in (shared_data / name).read_text("utf-8").split("\n")]
    return [json.loads(line)["text"] for line in lines if line]
