"""Fusion of the two halves, against rankings worked out by hand."""

from __future__ import annotations

import pytest

from assistant.answering.fusion import fuse
from configs.settings import RetrievalSettings
from ingest.index.base import Candidates, Hit


def test_fusion_is_the_convex_combination_worked_out_by_hand() -> None:
    """0.35 · BM25 / best BM25 + 0.65 · cosine; a missing half and a negative cosine count nothing."""
    candidates = Candidates(
        lexical=[Hit("a", 8.0), Hit("b", 4.0), Hit("c", 2.0)],
        dense=[Hit("b", 0.9), Hit("d", 0.8), Hit("a", 0.1), Hit("e", -0.2)],
    )
    fused = fuse(candidates, RetrievalSettings(dense_weight=0.65))
    assert [(hit.point_id, round(hit.score, 6)) for hit in fused] == [
        ("b", 0.76),  # .35 · 4/8 + .65 · .9
        ("d", 0.52),  # .65 · .8
        ("a", 0.415),  # .35 · 8/8 + .65 · .1
        ("c", 0.0875),  # .35 · 2/8
        ("e", 0.0),
    ]


@pytest.mark.parametrize(("weight", "first"), [(0.0, "lexical"), (1.0, "dense")])
def test_the_weight_goes_from_words_alone_to_meaning_alone(weight: float, first: str) -> None:
    """retrieval.dense_weight 0 and 1 are the two halves themselves."""
    candidates = Candidates([Hit("lexical", 3.0), Hit("dense", 1.0)], [Hit("dense", 0.9), Hit("lexical", 0.3)])
    assert fuse(candidates, RetrievalSettings(dense_weight=weight))[0].point_id == first


def test_equal_scores_stand_in_the_same_order_whichever_half_brought_them_first() -> None:
    """A tie is broken by the points themselves, so that a transcript can be made again."""
    settings = RetrievalSettings(dense_weight=0.5)
    one = Candidates([Hit("b", 1.0)], [Hit("a", 1.0), Hit("c", 1.0)])
    other = Candidates([Hit("b", 1.0)], [Hit("c", 1.0), Hit("a", 1.0)])
    assert fuse(one, settings) == fuse(other, settings)
    assert [hit.point_id for hit in fuse(one, settings)] == ["a", "b", "c"]
