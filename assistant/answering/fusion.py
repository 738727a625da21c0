"""Both halves of a hybrid search in one ranking.

Every method adds up what each half gives a point, so that the parts can be shown. nDCG@10 on SciFact's train claims with
MiniLM (lexical .708, dense .669), by `python -m tests.benchmarks.fusion`: convex .746, distributions .742, ranks .726.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from configs.settings import RetrievalSettings
from ingest.index.base import Candidates, Hit

# What reciprocal rank fusion adds to each rank (Cormack et al., 2009).
_RRF_K = 60

Part = dict[str, float]


def fuse(candidates: Candidates, settings: RetrievalSettings) -> list[Hit]:
    """Both halves in one ranking, best first, by `retrieval.fusion`; scores lie between 0 and 1 (dbsf: about)."""
    lexical, dense = parts(candidates, settings)
    return ordered(Hit(point_id, lexical[point_id] + dense[point_id]) for point_id in lexical)


def parts(candidates: Candidates, settings: RetrievalSettings) -> tuple[Part, Part]:
    """What the lexical and what the dense half give to each point's fused score, by point id.

    convex: `(1 - w) · BM25 / best BM25 + w · cosine` (Bruch et al., 2023). A point that a full half did not bring is
    taken to score what the last one there does, which is the most that it can.
    rrf: `1 / (60 + rank)` in each half. dbsf: the score's place between the half's mean ± 3 standard deviations
    (distribution-based, as Qdrant computes it). Both weigh the halves alike and give nothing for a missing point.
    """
    shares = (1 - settings.dense_weight, settings.dense_weight) if settings.fusion == "convex" else (0.5, 0.5)
    halves = (candidates.lexical, candidates.dense)
    points = dict.fromkeys(point_id for hits in halves for point_id, _ in hits)
    best = max((hit.score for hit in candidates.lexical), default=0.0) or 1.0
    found = []
    for hits, share, top in zip(halves, shares, (best, 1.0), strict=True):
        if settings.fusion == "convex":
            given = {point_id: max(score, 0.0) / top for point_id, score in hits}
            least = min(given.values()) if len(hits) >= settings.candidates else 0.0
        else:
            given, least = (_reciprocal_ranks if settings.fusion == "rrf" else _distribution)(hits), 0.0
        found.append({point_id: share * given.get(point_id, least) for point_id in points})
    return found[0], found[1]


def _reciprocal_ranks(hits: Sequence[Hit]) -> Part:
    return {hit.point_id: (_RRF_K + 1) / (_RRF_K + rank) for rank, hit in enumerate(hits, 1)}


def _distribution(hits: Sequence[Hit]) -> Part:
    scores = [hit.score for hit in hits]
    spread = 3 * statistics.stdev(scores) if len(scores) > 1 else 0.0
    if not spread:  # all alike
        return {hit.point_id: 0.5 for hit in hits}
    low = statistics.fmean(scores) - spread
    return {hit.point_id: max((hit.score - low) / (2 * spread), 0.0) for hit in hits}


def ordered(hits: Iterable[Hit]) -> list[Hit]:
    """Best first; what scores the same stands in the same order every time."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.point_id))
