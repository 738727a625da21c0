"""Groups of terms that lie close together, found by density: HDBSCAN (Campello, Moulavi and Sander, 2013) by scikit-learn.

Its tree is built over each term's nearest neighbours instead of all pairs. The neighbours decide where terms are dense,
so the clusters are the same, at a fraction of time and memory: 100,000 terms take minutes, not hours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.reduction import normalised
from configs.errors import InputError
from ingest.matrix import Matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# From 16 on the clusters of 578 medical terms are those of all pairs.
_NEIGHBOURS = 32
_BLOCK = 2_000
# The largest distance there is between two vectors of length 1: between parts that no neighbours join.
_FARTHEST = 2.0
# A sparse matrix takes a distance of 0 for none.
_NEAREST = 1e-6
_SEED = 20_130_414
# A map shows so many terms at most; more would be a blot, and take long.
MAPPED = 3_000


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows of a matrix that belong together, the medoid first, then those nearest to it."""

    rows: list[int]
    cosines: list[float]
    """Of each to the medoid: the one with the highest mean cosine to all others, which gives the cluster its name."""


@dataclass(frozen=True, slots=True)
class Clustered:
    """All clusters, largest first, and the rows in none."""

    clusters: list[Cluster]
    outliers: list[int]


@dataclass(frozen=True, slots=True)
class Reduced:
    """Vectors in fewer dimensions, at length 1 again, and the share of the variance that these keep."""

    vectors: Matrix
    variance: float


def reduced(vectors: Matrix, keep: float) -> Reduced:
    """By PCA: to so many dimensions, or, below 1, to as many as keep this share of the variance.

    Raises:
        InputError: there are not so many.
    """
    from sklearn.decomposition import PCA

    most = min(len(vectors) - 1, vectors.shape[1])
    if keep > most:
        raise InputError(
            f"{len(vectors):,} terms in {vectors.shape[1]:,} dimensions have {most:,} principal components",
            fix=f"Ask for fewer, or for a share: --pca {min(most, 10)} or --pca 0.9.",
            usage=True,
        )
    if _one_point(vectors):
        return Reduced(vectors, 1.0)
    fitted = PCA(keep if keep < 1 else int(keep), svd_solver="full" if keep < 1 else "auto", random_state=_SEED)
    return Reduced(normalised(fitted.fit_transform(vectors)), float(fitted.explained_variance_ratio_.sum()))


def cluster(
    vectors: Matrix, smallest: int, progress: Callable[[int, int], None], full: Matrix | None = None
) -> Clustered:
    """Clusters of at least `smallest` rows, which are at length 1; `full` are they before they were reduced.

    Names and cosines are of these, so that they mean the same whatever the reduction.

    Raises:
        InputError: there are fewer rows than a cluster needs.
    """
    from sklearn.cluster import HDBSCAN

    if len(vectors) < smallest:
        raise InputError(
            f"a cluster takes {smallest} different terms, and there {'is' if len(vectors) == 1 else 'are'} {len(vectors)}",
            fix="Give more terms, or allow smaller clusters: --min-size 2." if len(vectors) > 1 else "Give more terms.",
        )
    graph = _neighbours(vectors, progress)
    labels = HDBSCAN(min_cluster_size=smallest, min_samples=1, metric="precomputed", copy=False).fit(graph).labels_
    order = np.argsort(labels, kind="stable")
    begins = np.searchsorted(labels[order], range(labels.max() + 2))
    found = [
        _named(vectors if full is None else full, order[begins[n] : begins[n + 1]]) for n in range(labels.max() + 1)
    ]
    return Clustered(sorted(found, key=lambda one: -len(one.rows)), np.flatnonzero(labels < 0).tolist())


def _neighbours(vectors: Matrix, progress: Callable[[int, int], None]) -> csr_matrix:
    """Distances between neighbours, symmetric; parts that none joins are joined at the farthest."""
    from scipy import sparse
    from sklearn.neighbors import NearestNeighbors

    count, each = len(vectors), min(_NEIGHBOURS, len(vectors) - 1)
    search = NearestNeighbors(algorithm="brute", metric="euclidean").fit(vectors)
    near, far = np.empty((count, each), np.int32), np.empty((count, each), np.float64)
    for start in range(0, count, _BLOCK):
        # Its own vector is left out by number: of equal vectors it need not come first.
        distances, rows = search.kneighbors(vectors[start : start + _BLOCK], each + 1)
        own = rows == np.arange(start, start + len(rows))[:, None]
        own[~own.any(axis=1), -1] = True
        near[start : start + _BLOCK] = rows[~own].reshape(-1, each)
        far[start : start + _BLOCK] = distances[~own].reshape(-1, each)
        progress(start + len(rows), count)
    ends = np.arange(0, count * each + 1, each) if each else np.zeros(count + 1, int)
    graph = sparse.csr_matrix((np.maximum(far.ravel(), _NEAREST), near.ravel(), ends), (count, count))
    graph = graph.maximum(graph.T)
    parts, part_of = sparse.csgraph.connected_components(graph, directed=False)
    firsts = np.unique(part_of, return_index=True)[1]
    chain = sparse.csr_matrix((np.full(parts - 1, _FARTHEST), (firsts[:-1], firsts[1:])), (count, count))
    return (graph + chain + chain.T).tocsr()


def _named(vectors: Matrix, rows: NDArray[np.int64]) -> Cluster:
    members = vectors[rows]
    medoid = members[np.argmax(members @ members.sum(axis=0))]
    cosines = members @ medoid
    order = np.argsort(-cosines, kind="stable")
    return Cluster(rows[order].tolist(), [round(float(cosines[n]), 4) for n in order])


def flat_map(vectors: Matrix) -> NDArray[np.float32]:
    """A place in the plane for each row, so that neighbours stay neighbours: t-SNE (van der Maaten and Hinton, 2008).

    Distances between far-away groups, and the sizes of groups, mean nothing there. Fewer than five rows: PCA.
    """
    from sklearn.manifold import TSNE

    if len(vectors) < 5 or _one_point(vectors):
        centred = vectors - vectors.mean(axis=0)
        plane: NDArray[np.float32] = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    placed: NDArray[np.float32] = TSNE(
        2, metric="cosine", init="pca", perplexity=perplexity, random_state=_SEED
    ).fit_transform(vectors)
    return placed


def _one_point(vectors: Matrix) -> bool:
    """Whether no row differs from another, so that there is no variance to divide by."""
    return float(np.ptp(vectors, axis=0).max()) < _NEAREST
