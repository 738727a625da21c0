"""Fusion of the two halves, against rankings worked out by hand."""

from __future__ import annotations

from typing import Literal

import pytest

from assistant.answering.fusion import fuse
from configs.settings import RetrievalSettings
from ingest.index.base import Candidates, Hit


def test_fusion_is_the_convex_combination_worked_out_by_hand() -> None:
    """0.35 · BM25 / best BM25 + 0.65 · cosine; what a half has nothing of and a negative cosine count nothing."""
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


def test_what_a_full_half_left_out_may_score_as_much_as_its_last() -> None:
    """The 101st by words is not taken for one without any of the words."""
    candidates = Candidates([Hit("a", 8.0), Hit("b", 6.0)], [Hit("c", 0.9), Hit("a", 0.5)])
    fused = fuse(candidates, RetrievalSettings(dense_weight=0.5, candidates=2))
    assert [(hit.point_id, round(hit.score, 6)) for hit in fused] == [
        ("c", 0.825),  # .5 · 6/8 + .5 · .9
        ("a", 0.75),  # .5 · 8/8 + .5 · .5
        ("b", 0.625),  # .5 · 6/8 + .5 · .5
    ]


def test_reciprocal_rank_fusion_knows_ranks_alone() -> None:
    """1 / (60 + rank) of each half, scaled so that the first of both has 1; no weight, no score counts."""
    candidates = Candidates([Hit("a", 80.0), Hit("b", 0.1)], [Hit("b", 0.9), Hit("c", 0.8)])
    fused = fuse(candidates, RetrievalSettings(fusion="rrf", dense_weight=0.9))
    assert [(hit.point_id, round(hit.score, 6)) for hit in fused] == [
        ("b", round(0.5 * 61 / 62 + 0.5, 6)),
        ("a", 0.5),
        ("c", round(0.5 * 61 / 62, 6)),
    ]


def test_distribution_based_fusion_places_scores_between_three_deviations() -> None:
    """Mean 2, standard deviation 1: a score of 3 stands at two thirds; one hit alone stands in the middle."""
    candidates = Candidates([Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0)], [Hit("a", 0.4)])
    fused = fuse(candidates, RetrievalSettings(fusion="dbsf"))
    assert [(hit.point_id, round(hit.score, 6)) for hit in fused] == [
        ("a", round(0.5 * 2 / 3 + 0.25, 6)),
        ("b", 0.25),
        ("c", round(0.5 / 3, 6)),
    ]


@pytest.mark.parametrize("method", ["convex", "rrf", "dbsf"])
def test_a_half_without_hits_leaves_the_order_to_the_other(method: Literal["convex", "rrf", "dbsf"]) -> None:
    """A question of words that no passage has is searched by meaning alone, whatever the method."""
    settings = RetrievalSettings(fusion=method)
    hits = [Hit("a", 0.9), Hit("b", 0.5), Hit("c", 0.1)]
    assert [hit.point_id for hit in fuse(Candidates(dense=hits), settings)] == ["a", "b", "c"]
    assert [hit.point_id for hit in fuse(Candidates(lexical=hits), settings)] == ["a", "b", "c"]
    assert fuse(Candidates(), settings) == []


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
