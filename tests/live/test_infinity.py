"""A second real embedding server, Infinity, under the settings that serve SGLang: only the address is another."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from assistant.answering.retrieval import Searcher
from configs.errors import ServerRefused
from configs.settings import EmbeddingSettings
from ingest.embedding import ServerEmbedder
from ingest.embedding_in_process import InProcessEmbedder
from ingest.index.base import Vector
from ingest.pipeline import ingest
from tests.conftest import SettingsFactory
from tests.live.conftest import INFINITY_KEY
from tests.support.corpora import Watcher

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live")]

_DOCUMENTS = 40


async def _embedded(texts: Sequence[str], url: str, **changes: Any) -> list[Vector]:
    flags = {"url": url, "model": "minilm", "api_key": INFINITY_KEY, "domain": "none"} | changes
    embedder = ServerEmbedder(EmbeddingSettings.model_validate({"provider": "openai", **flags}), retries=0)
    try:
        return await embedder.embed_documents(texts)
    finally:
        await embedder.close()


def _abstracts(shared_data: Path, count: int) -> list[dict[str, str]]:
    with (shared_data / "pubmedqa" / "corpus.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in islice(file, count)]


async def test_what_it_refuses_is_understood(infinity: str) -> None:
    """A wrong key, an unknown model, too many dimensions, a text that is far too long: each names its setting, or the limit."""
    for changes, told in (
        ({"api_key": "wrong"}, "CITEWELL_EMBEDDING__API_KEY"),
        ({"model": "nope"}, "embedding.model"),
        ({"dimensions": 4096}, "embedding.dimensions"),
    ):
        with pytest.raises(ServerRefused) as raised:
            await _embedded(["aspirin"], infinity, **changes)
        assert told in raised.value.fix
    with pytest.raises(ServerRefused, match="at most 122880 characters"):
        await _embedded(["aspirin " * 20_000], infinity)


async def test_fewer_dimensions_are_cut_and_at_length_one(infinity: str) -> None:
    """It cuts without normalising again; what comes out of the embedder is at length 1 nevertheless."""
    (whole,), (cut,) = [await _embedded(["aspirin"], infinity, dimensions=size) for size in (None, 64)]
    assert len(cut) == 64
    assert math.hypot(*cut) == pytest.approx(1, abs=1e-6)
    shortened = math.hypot(*whole[:64])
    assert list(cut) == pytest.approx([value / shortened for value in whole[:64]], abs=1e-6)


@pytest.mark.skipif(
    importlib.util.find_spec("fastembed") is None, reason="FastEmbed (the extra “local”) is not installed"
)
async def test_its_vectors_are_those_of_the_model_in_process(infinity: str, shared_data: Path) -> None:
    """Cosine of at least 0.999 for each of 40 real abstracts, in the order in which they were sent."""
    folder = shared_data.parent / "models" / "all-MiniLM-L6-v2"
    if not folder.is_dir():
        pytest.skip("the real model (../shared/models) is not here")
    texts = [" ".join(row["abstract"].split()[:100]) for row in _abstracts(shared_data, _DOCUMENTS)]
    served = await _embedded(texts, infinity)
    ours = InProcessEmbedder(EmbeddingSettings(provider="fastembed", model_path=folder, domain="none"))
    try:
        in_process = await ours.embed_documents(texts)
    finally:
        await ours.close()
    for one, other in zip(served, in_process, strict=True):
        assert sum(a * b for a, b in zip(one, other, strict=True)) >= 0.999


async def test_an_ingest_and_a_search_over_it(infinity: str, settings: SettingsFactory, shared_data: Path) -> None:
    """The profile `sglang` with another address: every abstract is stored, and found by its own beginning."""
    served = settings(
        {
            "embedding.url": infinity,
            "embedding.model": "minilm",
            "embedding.api_key": INFINITY_KEY,
            "embedding.dimensions": None,
            "embedding.domain": "none",
            "rerank.provider": "none",
            "retrieval.dense_weight": 1.0,
        },
        profile="sglang",
    )
    rows = _abstracts(shared_data, _DOCUMENTS)
    corpus = served.data_dir.parent / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    summary = await ingest([str(corpus)], served, Watcher())
    assert (summary.documents, summary.failed) == (_DOCUMENTS, 0)
    searcher = await Searcher.open(served)
    try:
        found = [(await searcher.search(row["abstract"][:200], 1)) for row in rows]
    finally:
        await searcher.close()
    assert not any(one.warnings for one in found)
    right = sum(one.results[0].passage.doc_id == row["id"] for one, row in zip(found, rows, strict=True))
    assert right >= 0.95 * _DOCUMENTS
