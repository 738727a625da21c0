"""Smaller vectors: what each method keeps, and what a vector then takes."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.analysis.reduction import Method, Reduction, binary_candidates, reduce, signs, variance_kept
from ingest.matrix import Matrix

RNG = np.random.default_rng(7)


def matrix(*rows: list[float]) -> Matrix:
    """Rows as single precision."""
    return np.asarray(rows, np.float32)


def spread(rows: int, dimensions: int) -> Matrix:
    """Random directions."""
    drawn = RNG.standard_normal((rows, dimensions)).astype(np.float32)
    shortened: Matrix = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return shortened


def test_truncation_keeps_the_first_dimensions_at_length_one() -> None:
    """(3, 4, 12)/13 cut to two dimensions is (0.6, 0.8): a cosine stays a cosine."""
    kept, asked = reduce(Reduction("truncation", 2), matrix([3 / 13, 4 / 13, 12 / 13]), matrix([0, 1, 0]))
    assert kept[0] == pytest.approx([0.6, 0.8])
    assert asked[0] == pytest.approx([0, 1])


def test_pca_keeps_the_dimensions_that_vary() -> None:
    """Points that differ in two of five dimensions are ordered in two as they were in five."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    documents = np.zeros((12, 5), np.float32)
    documents[:, 1], documents[:, 3] = np.cos(angles), np.sin(angles)
    small, asked = reduce(Reduction("pca", 2), documents, documents[:1])
    assert (small @ asked[0]).round(4).tolist() == (documents @ documents[0]).round(4).tolist()


def test_the_variance_that_is_kept_is_that_of_the_dimensions_kept() -> None:
    """Two of five dimensions vary: PCA to two keeps all of it, the first two hold half; a projection leaves nothing out."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    documents = np.zeros((12, 5), np.float32)
    documents[:, 1], documents[:, 3] = np.cos(angles), np.sin(angles)
    assert variance_kept(Reduction("pca", 2), documents) == pytest.approx(1)
    assert variance_kept(Reduction("pca", 1), documents) == pytest.approx(0.5)
    assert variance_kept(Reduction("truncation", 2), documents) == pytest.approx(0.5)
    assert variance_kept(Reduction("random", 2), documents) is None
    assert variance_kept(Reduction("pca", 1), documents[:1]) is None
    assert variance_kept(Reduction("truncation", 1), documents[:3] * 0) == 0


def test_a_random_projection_is_the_same_every_time_and_keeps_neighbours() -> None:
    """Nothing in it depends on the corpus: two runs agree, and a vector's nearest is still itself."""
    documents = spread(50, 64)
    first, asked = reduce(Reduction("random", 32), documents, documents)
    again, _ = reduce(Reduction("random", 32), documents, documents)
    assert (first == again).all()
    assert (first @ asked.T).argmax(axis=0).tolist() == list(range(50))


def test_int8_moves_no_value_by_more_than_half_a_step() -> None:
    """255 steps between the quantiles: what is not clipped is off by less than 1/500 of the range."""
    documents = spread(200, 64)
    rounded, asked = reduce(Reduction("int8", 64), documents, documents[:3])
    low, high = np.quantile(documents, [0.005, 0.995])
    inside = (documents > low) & (documents < high)
    assert abs(rounded - documents)[inside].max() <= (high - low) / 254 / 2 * 1.01
    assert (asked == documents[:3]).all()


def test_binary_with_all_rescored_is_the_exact_search() -> None:
    """The signs choose whom to look at, the full vectors order them: with everyone looked at nothing is lost."""
    documents, question = spread(40, 32), spread(1, 32)[0]
    exact = np.argsort(-(documents @ question))[:10].tolist()
    found = binary_candidates(signs(documents), documents, question, limit=10, oversampling=4)
    assert [row for row, _ in found] == exact
    assert [score for _, score in found] == pytest.approx((documents[exact] @ question).tolist())


def test_binary_by_sign_alone_prefers_whoever_agrees_in_most_dimensions() -> None:
    """Without oversampling only the one with the most equal signs is seen."""
    documents = matrix([0.1, 0.1, -0.9], [0.1, 0.1, 0.1])
    assert binary_candidates(signs(documents), documents, matrix([1, 1, 1])[0], limit=1, oversampling=1)[0][0] == 1


@pytest.mark.parametrize(
    ("method", "dimensions", "size"),
    [("truncation", 384, 1536), ("pca", 64, 256), ("int8", 384, 384), ("binary", 384, 48)],
)
def test_bytes_are_those_of_the_compared_form(method: Method, dimensions: int, size: int) -> None:
    """Four a dimension, one in int8, an eighth in binary."""
    assert Reduction(method, dimensions).bytes_per_vector == size
