"""The evaluation over a real SGLang: the same model gives the same figures, served or in process."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from assistant.analysis.evaluation import evaluate
from assistant.analysis.judged import read_judgments, read_questions
from assistant.answering.retrieval import Searcher
from configs.settings import Settings
from ingest.pipeline import ingest
from tests.conftest import SettingsFactory
from tests.support.corpora import Watcher

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live")]

_QUESTIONS = 24
_DOCUMENTS = 36
# Passages short enough that neither side cuts any of them: MiniLM reads 256 of its own tokens.
_CHUNKS = {"chunking.size": 128, "chunking.overlap": 0, "retrieval.dense_weight": 1.0, "embedding.domain": "none"}


@pytest.mark.skipif(
    importlib.util.find_spec("fastembed") is None, reason="FastEmbed (the extra “local”) is not installed"
)
async def test_minilm_served_ranks_as_minilm_in_process(
    settings: SettingsFactory, sglang: tuple[str, str], shared_data: Path, tmp_path: Path
) -> None:
    """nDCG@10 by vectors alone agrees to two decimals over SciFact claims: serving changes the place, not the search."""
    folder = shared_data.parent / "models" / "all-MiniLM-L6-v2"
    if not folder.is_dir():
        pytest.skip("the real model (../shared/models) is not here")
    scifact = shared_data / "scifact"
    judgments = read_judgments(scifact / "qrels_train.tsv")
    questions = dict(list(read_questions(scifact / "queries_train.jsonl").items())[:_QUESTIONS])
    wanted = {document for question in questions for document in judgments[question]}
    with gzip.open(scifact / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = sorted(map(json.loads, file), key=lambda row: row["id"] not in wanted)[:_DOCUMENTS]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")

    async def ndcg(name: str, flags: dict[str, Any], profile: str) -> float:
        made: Settings = settings({**_CHUNKS, **flags, "index.name": name}, profile=profile)
        summary = await ingest([str(corpus)], made, Watcher())
        assert (summary.documents, summary.failed) == (_DOCUMENTS, 0)
        searcher = await Searcher.open(made)
        try:
            found = await evaluate(searcher, questions, judgments, lambda done, total: None, depth=10)
        finally:
            await searcher.close()
        assert not found.ranked.warnings
        assert found.coverage.missing_documents == 0
        return found.figures["nDCG@10"].mean

    served = await ndcg(
        "served",
        {
            "embedding.url": sglang[0],
            "embedding.model": "minilm",
            "embedding.dimensions": None,
            "rerank.provider": "none",
        },
        "sglang",
    )
    in_process = await ndcg("in-process", {"embedding.model_path": folder}, "local")
    assert in_process > 0.6
    assert served == pytest.approx(in_process, abs=0.005)
