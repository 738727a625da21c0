"""Ways of putting both halves together, on real questions with MiniLM: nDCG@10 of each and its gain over reciprocal ranks.

`python -m tests.benchmarks.fusion [scifact|pubmedqa …]`. The vectors are made anew, at about 20 texts a second.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from assistant.analysis.judged import read_judgments
from assistant.answering.fusion import fuse, ordered
from assistant.answering.retrieval import Searcher
from configs.loading import load
from configs.settings import RetrievalSettings
from ingest.index.base import Candidates, Hit
from ingest.pipeline import ingest
from tests.benchmarks.harness import SHARED, environment, lines
from tests.benchmarks.retrieval import scored
from tests.support.corpora import Watcher

_SETS = {"scifact": "corpus.jsonl.gz", "pubmedqa": "corpus.jsonl"}
_METHODS = {
    "reciprocal ranks": RetrievalSettings(fusion="rrf"),
    "distributions": RetrievalSettings(fusion="dbsf"),
    **{f"convex, {w:.2f} meaning": RetrievalSettings(dense_weight=w) for w in (0.5, 0.6, 0.7, 0.8)},
}
_BASELINE = "reciprocal ranks"
_DEPTH = 10

Scores = dict[str, float]


def main() -> None:
    """Print a table for each set."""
    for name in sys.argv[1:] or _SETS:
        with environment():
            scores = asyncio.run(_measured(name))
        print(f"\n{name}: nDCG@10 over {len(scores[_BASELINE])} questions; gain over {_BASELINE}, 95 % interval")
        for method, own in scores.items():
            gain, low, high = _gain(own, scores[_BASELINE])
            print(f"  {method:<22} {statistics.mean(own.values()):.4f}   {gain:+.4f} [{low:+.4f}, {high:+.4f}]")


async def _measured(name: str) -> dict[str, Scores]:
    model = SHARED.parent / "models" / "all-MiniLM-L6-v2"
    flags = {"index.name": name, "embedding.provider": "fastembed", "embedding.model_path": str(model)}
    settings = load(flags={**flags, "embedding.domain": "none"}).settings
    await ingest([str(SHARED / name / _SETS[name])], settings, Watcher())
    searcher = await Searcher.open(settings)
    qrels = read_judgments(SHARED / name / "qrels_train.tsv")
    found: dict[str, dict[str, list[str]]] = {}
    try:
        for query in lines(SHARED / name / "queries_train.jsonl"):
            candidates = (await searcher.search(query["text"])).trace.candidates
            rankings = {"words alone": ordered(candidates.lexical), "meaning alone": ordered(candidates.dense)}
            rankings |= {method: fuse(candidates, one) for method, one in _METHODS.items()}
            known = await _documents(searcher, candidates)
            for method, ranking in rankings.items():
                found.setdefault(method, {})[query["id"]] = _first(ranking, known)
    finally:
        await searcher.close()
    return {
        method: {query: row["nDCG@10"] for query, row in scored(rankings, qrels).items()}
        for method, rankings in found.items()
    }


async def _documents(searcher: Searcher, candidates: Candidates) -> Mapping[str, str]:
    points = list({hit.point_id for hit in (*candidates.lexical, *candidates.dense)})
    return {passage.point_id: passage.doc_id for passage in await searcher.index.fetch(points)}


def _first(ranking: Sequence[Hit], documents: Mapping[str, str]) -> list[str]:
    """The best documents, each at its best passage."""
    return list(dict.fromkeys(documents[hit.point_id] for hit in ranking))[:_DEPTH]


def _gain(own: Scores, other: Scores) -> tuple[float, float, float]:
    """Mean paired difference, and its 95 % bootstrap interval (2,000 resamples of the questions)."""
    differences = np.array([own[query] - other[query] for query in other])
    picks = np.random.default_rng(0).integers(0, len(differences), (2000, len(differences)))
    low, high = np.percentile(differences[picks].mean(axis=1), [2.5, 97.5])
    return float(differences.mean()), float(low), float(high)


if __name__ == "__main__":
    main()
