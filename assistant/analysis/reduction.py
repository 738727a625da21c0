"""Smaller vectors from large ones, and what a vector then takes.

Truncation keeps the first dimensions, which is what Matryoshka models are trained for (Kusupati et al., 2022); PCA
keeps those along which the corpus varies most; a random projection keeps distances (Johnson and Lindenstrauss, 1984).
Quantization keeps all dimensions in fewer bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ingest.matrix import Matrix

Method: TypeAlias = Literal["truncation", "pca", "random", "int8", "binary"]

# PCA looks at so many passages; more change nothing but the time.
_PCA_SAMPLE = 20_000
_SEED = 20_080_117
# As Qdrant's scalar quantization has it by default: the 1 % of most extreme values is clipped.
_QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class Reduction:
    """How vectors are made smaller; `dimensions` is what is left, for int8 and binary all."""

    method: Method
    dimensions: int

    @property
    def bytes_per_vector(self) -> int:
        """What the compared form of one vector takes. Binary is searched so, then rescored with the full vectors."""
        if self.method == "binary":
            return -(-self.dimensions // 8)
        return self.dimensions if self.method == "int8" else 4 * self.dimensions


def reduce(reduction: Reduction, documents: Matrix, questions: Matrix) -> tuple[Matrix, Matrix]:
    """Documents and questions in the smaller space, at length 1 again. For `int8` as the search would see them."""
    size = reduction.dimensions
    match reduction.method:
        case "pca":
            return _pca(documents, questions, size)
        case "random":
            axes = np.random.default_rng(_SEED).standard_normal((documents.shape[1], size), np.float32)
            return normalised(documents @ axes), normalised(questions @ axes)
        case "int8":
            return _int8(documents), questions
        case _:
            return normalised(documents[:, :size]), normalised(questions[:, :size])


def most_dimensions(method: Method, documents: Matrix) -> int:
    """As many as the method can keep: PCA has no more than there are passages."""
    return int(min(documents.shape)) if method == "pca" else int(documents.shape[1])


def variance_kept(reduction: Reduction, documents: Matrix) -> float | None:
    """How much of the vectors' variance the smaller space holds, 0 to 1; None where that is not what is lost."""
    sample = documents[:: max(1, len(documents) // _PCA_SAMPLE)]
    if len(sample) < 2:
        return None
    if reduction.method == "pca":
        along = np.linalg.eigvalsh(np.cov(sample, rowvar=False))[::-1]
    elif reduction.method == "truncation":
        along = sample.var(axis=0)
    else:
        return None
    return float(along[: reduction.dimensions].sum() / (along.sum() or 1))


def binary_candidates(
    signs: Matrix, documents: Matrix, question: Matrix, limit: int, oversampling: int
) -> list[tuple[int, float]]:
    """Rows and cosines of the best: by sign alone `oversampling` times too many, then by the full vectors."""
    few = min(len(signs), limit * oversampling)
    coarse = signs @ np.where(question > 0, np.float32(1), np.float32(-1))
    rows = np.argpartition(-coarse, few - 1)[:few] if few < len(signs) else np.arange(len(signs))
    scores = documents[rows] @ question
    order = np.argsort(-scores, kind="stable")[:limit]
    return [(int(rows[n]), float(scores[n])) for n in order]


def signs(documents: Matrix) -> Matrix:
    """+1 or -1 for each dimension: a dot product of two such is what Hamming distance orders by."""
    return np.where(documents > 0, np.float32(1), np.float32(-1))


def normalised(vectors: Matrix) -> Matrix:
    """Each row at length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    shortened: Matrix = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return shortened


def _pca(documents: Matrix, questions: Matrix, size: int) -> tuple[Matrix, Matrix]:
    from sklearn.decomposition import PCA

    step = max(1, len(documents) // _PCA_SAMPLE)
    fitted = PCA(size, random_state=_SEED, svd_solver="auto").fit(documents[::step])
    return normalised(fitted.transform(documents)), normalised(fitted.transform(questions))


def _int8(documents: Matrix) -> Matrix:
    """Rounded to 255 steps between two quantiles of all values, and back again."""
    low, high = np.quantile(
        documents[:: max(1, len(documents) // _PCA_SAMPLE)], [(1 - _QUANTILE) / 2, (1 + _QUANTILE) / 2]
    )
    step = (high - low) / 254 or 1.0
    rounded: Matrix = (np.rint((np.clip(documents, low, high) - low) / step) * step + low).astype(np.float32)
    return rounded
