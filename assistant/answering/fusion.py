"""Both halves of a hybrid search in one ranking."""

from __future__ import annotations

from collections.abc import Iterable

from configs.settings import RetrievalSettings
from ingest.index.base import Candidates, Hit


def fuse(candidates: Candidates, settings: RetrievalSettings) -> list[Hit]:
    """Both halves in one ranking: a convex combination of normalised scores (Bruch et al., 2023).

    `(1 - w) · BM25 / best BM25 + w · cosine`, a half that did not bring a point counting 0 for it.
    On SciFact's train claims with MiniLM: nDCG@10 .739, against .722 to .729 by reciprocal rank.
    """
    best = max((hit.score for hit in candidates.lexical), default=0.0) or 1.0
    scores = dict.fromkeys((hit.point_id for hit in (*candidates.lexical, *candidates.dense)), 0.0)
    for hit in candidates.lexical:
        scores[hit.point_id] += (1 - settings.dense_weight) * hit.score / best
    for hit in candidates.dense:
        scores[hit.point_id] += settings.dense_weight * max(hit.score, 0.0)
    return ordered(Hit(point_id, score) for point_id, score in scores.items())


def ordered(hits: Iterable[Hit]) -> list[Hit]:
    """Best first; what scores the same stands in the same order every time."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.point_id))
