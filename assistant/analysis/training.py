"""A classifier learned from labelled texts: features, cross-validated choice of the model, calibration.

What is reported is of examples that the model under test had not seen: stratified folds, all that is fitted (weights of
words, PCA, the model) fitted on the other folds. The two models that compete are linear and give rare classes their due.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.scores import Tally, accuracy, calibration_error, macro_f1
from configs.errors import InputError
from ingest.bag import terms
from ingest.classifier import Card, Features, softmax

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Progress: TypeAlias = Callable[[int, int], None]
Vectors: TypeAlias = NDArray[np.float32]
# At equal length, words and vectors weigh the same. Chosen, as the strengths below, by cross-validation on the train
# parts of the medical abstracts and the Chinese departments (tests/benchmarks/classes.py).
HEADS = ("logistic", "ridge")
_LOGISTIC_C, _RIDGE_ALPHA = 1.0, 1.0
_SEED = 7
FOLDS = 5
# A term counts that stands in two texts, where there are enough of them; of more than these, the most frequent.
_RARE, _ENOUGH_TEXTS = 2, 50
_MOST_TERMS = 200_000
_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass
class Examples:
    """What is learned from: one row of counts and of vectors a text."""

    y: NDArray[np.intp]
    """The number of each text's label."""
    labels: tuple[str, ...]
    counts: csr_matrix | None
    """Shape (texts, distinct terms): how often each stands there; None without words."""
    vocabulary: list[str]
    vectors: Vectors | None
    """Shape (texts, dimensions); None without an embedder."""
    pca: int | None = None
    """Components that are kept of the vectors."""

    @property
    def features(self) -> Features:
        """Which of them there are."""
        return "lexical" if self.vectors is None else "embedding" if self.counts is None else "both"


@dataclass(frozen=True)
class Trained:
    """A model and what is known of it."""

    card: Card
    arrays: dict[str, NDArray[Any]]
    report: dict[str, Any]
    confusion: NDArray[np.int64]


def counted(texts: Sequence[str], progress: Progress = lambda done, total: None) -> tuple[csr_matrix, list[str]]:
    """How often each term stands in each text, shape (texts, terms), and the terms."""
    from scipy.sparse import csr_matrix

    numbers: dict[str, int] = {}
    columns, times, ends = [], [], np.zeros(len(texts) + 1, np.int64)
    for n, text in enumerate(texts):
        found = terms(text)
        columns.append(np.array([numbers.setdefault(term, len(numbers)) for term in found], np.int32))
        times.append(np.array(list(found.values()), np.float32))
        ends[n + 1] = ends[n] + len(found)
        if not n % 1000:
            progress(n, len(texts))
    shape = (len(texts), len(numbers))
    return csr_matrix((np.concatenate(times), np.concatenate(columns), ends), shape=shape), list(numbers)


def check(y: Sequence[int], labels: Sequence[str]) -> int:
    """How many stratified folds these examples allow.

    Raises:
        InputError: fewer than two labels, or a label with fewer than two examples.
    """
    sizes = Counter(y)
    fix = "Each label needs two examples or more; five give the usual five folds."
    if len(labels) < 2:
        raise InputError(f"every text has the same label, “{labels[0]}”", fix="Two labels or more are needed.")
    if alone := [label for n, label in enumerate(labels) if sizes[n] < 2]:
        named = ", ".join(f"“{label}”" for label in alone[:5]) + (" …" if len(alone) > 5 else "")
        raise InputError(f"{len(alone):,} of {len(labels):,} labels have fewer than two examples: {named}", fix=fix)
    return min(FOLDS, min(sizes.values()))


def train(examples: Examples, unsure_below: float, embedding: dict[str, Any] | None, progress: Progress) -> Trained:
    """The better of `HEADS` by macro-F1 over stratified folds, fitted on all, with its figures.

    Raises:
        InputError: as `check`; more components than there can be.
    """
    folds = check(examples.y.tolist(), examples.labels)
    sizes = [examples.pca, None] if examples.pca else [None]
    runs = [(head, pca) for pca in sizes for head in HEADS]
    found: dict[int | None, _Validated] = {}
    for n, (head, pca) in enumerate(runs):
        one = _validated(examples, head, pca, folds, lambda fold, n=n: progress(n * folds + fold, len(runs) * folds))  # type: ignore[misc]
        if pca not in found or one.per_fold[:, 0].mean() > found[pca].per_fold[:, 0].mean():
            found[pca] = one
    best = found[examples.pca]
    final = _Fitted(examples, np.arange(len(examples.y)), best.head, examples.pca)
    temperature = _temperature(best.scores, examples.y)
    tally = Tally.of(examples.y, best.scores.argmax(axis=1), len(examples.labels))
    told: dict[str, Any] = {"examples": len(examples.y), "folds": folds, **_spread(best.per_fold)}
    report = {
        **told,
        "features": examples.features,
        "head": best.head,
        **_calibrated(softmax(best.scores / temperature), examples.y),
        "classes": tally.per_class(examples.labels),
    }
    if examples.pca:
        report["pca"] = _cost(examples.pca, final.variance, best, found[None])
    card = Card("", examples.labels, examples.features, best.head, temperature, unsure_below, embedding, told)
    return Trained(card, final.arrays(examples), report, tally.confusion)


@dataclass(frozen=True)
class _Validated:
    """One way of training, tried on examples that it had not seen."""

    head: str
    scores: NDArray[np.float64]
    """Of each example, by the model of the folds without it."""
    per_fold: NDArray[np.float64]
    """Macro-F1 and accuracy of each fold."""


def _validated(examples: Examples, head: str, pca: int | None, folds: int, done: Callable[[int], None]) -> _Validated:
    scores = np.zeros((len(examples.y), len(examples.labels)))
    per_fold = []
    for fold, (rest, held) in enumerate(_folds(examples.y, folds)):
        scores[held] = _Fitted(examples, rest, head, pca).scores(examples, held)
        tally = Tally.of(examples.y[held], scores[held].argmax(axis=1), len(examples.labels))
        per_fold.append((macro_f1(tally), accuracy(tally)))
        done(fold + 1)
    return _Validated(head, scores, np.array(per_fold))


def _cost(components: int, variance: float, best: _Validated, without: _Validated) -> dict[str, Any]:
    before, after = (float(one.per_fold[:, 0].mean()) for one in (without, best))
    return {
        "components": components,
        "variance_kept": round(variance, 4),
        "macro_f1_without": round(before, 4),
        "cost": round(before - after, 4),
    }


def _folds(y: NDArray[np.intp], folds: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    from sklearn.model_selection import StratifiedKFold

    yield from StratifiedKFold(folds, shuffle=True, random_state=_SEED).split(np.zeros(len(y)), y)


class _Fitted:
    """All that is fitted on some of the examples."""

    def __init__(self, examples: Examples, rows: NDArray[np.intp], head: str, pca: int | None) -> None:
        self.variance = 1.0
        self.columns = np.zeros(0, np.intp)
        self.idf = np.zeros(0, np.float32)
        self.mean = np.zeros(0, np.float32)
        self.components = np.zeros((0, 0), np.float32)
        if examples.counts is not None:
            self._weigh(examples.counts[rows])
        if examples.vectors is not None and pca:
            self._reduce(examples.vectors[rows], pca)
        self._fit(self.matrix(examples, rows), examples.y[rows], head, len(examples.labels))

    def _weigh(self, counts: csr_matrix) -> None:
        texts = counts.shape[0]
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        columns = np.flatnonzero(frequency >= (_RARE if texts >= _ENOUGH_TEXTS else 1))
        columns = columns if len(columns) else np.flatnonzero(frequency)
        if len(columns) > _MOST_TERMS:
            columns = np.sort(columns[np.argsort(-frequency[columns], kind="stable")[:_MOST_TERMS]])
        self.columns = columns
        self.idf = (np.log((1 + texts) / (1 + frequency[columns])) + 1).astype(np.float32)

    def _reduce(self, vectors: Vectors, size: int) -> None:
        from sklearn.decomposition import PCA

        if size > min(vectors.shape):
            raise InputError(
                f"PCA can keep {min(vectors.shape):,} components of these vectors, not {size:,}", usage=True
            )
        fitted = PCA(size, random_state=_SEED).fit(vectors)
        self.mean = fitted.mean_.astype(np.float32)
        self.components = fitted.components_.astype(np.float32)
        self.variance = float(fitted.explained_variance_ratio_.sum())

    def matrix(self, examples: Examples, rows: NDArray[np.intp]) -> Any:
        """The features of some rows, words before vectors; sparse where there are words. As `ingest.classifier` has them."""
        from scipy.sparse import csr_matrix, hstack

        vectors = None if examples.vectors is None else examples.vectors[rows]
        if vectors is not None and self.mean.size:
            vectors = np.where(vectors.any(axis=1, keepdims=True), (vectors - self.mean) @ self.components.T, 0)
        if examples.counts is None:
            return vectors
        words = examples.counts[rows][:, self.columns].astype(np.float32)
        words.data = 1 + np.log(words.data)
        words = words.multiply(self.idf[None, :]).tocsr()
        lengths = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
        words = words.multiply((1 / np.where(lengths == 0, 1, lengths))[:, None]).tocsr()
        return words if vectors is None else csr_matrix(hstack([words, csr_matrix(vectors)]))

    def _fit(self, matrix: Any, y: NDArray[np.intp], head: str, labels: int) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression, RidgeClassifier
        from threadpoolctl import threadpool_limits  # comes with scikit-learn

        dense = isinstance(matrix, np.ndarray)
        if head == "logistic":
            model = LogisticRegression(C=_LOGISTIC_C, class_weight="balanced", max_iter=300, tol=1e-3)
        else:
            solver = "auto" if dense else "sparse_cg"
            model = RidgeClassifier(alpha=_RIDGE_ALPHA, class_weight="balanced", solver=solver, max_iter=300)
        # Over sparse rows threads only wait for one another: 20 times slower.
        with threadpool_limits(None if dense else 1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # near enough, as the folds show
            model.fit(matrix, y)
        weights, bias = np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
        if labels == 2:  # one column for two labels: half of it speaks against the first
            weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        self.weights, self.bias = weights.astype(np.float32), bias.astype(np.float32)

    def scores(self, examples: Examples, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Shape (rows, labels)."""
        return np.asarray(self.matrix(examples, rows) @ self.weights + self.bias, np.float64)

    def arrays(self, examples: Examples) -> dict[str, NDArray[Any]]:
        """As `ingest.classifier` reads them."""
        kept = "\n".join(examples.vocabulary[column] for column in self.columns)
        return {
            "coefficients": self.weights,
            "intercept": self.bias,
            "terms": np.frombuffer(kept.encode(), np.uint8),
            "idf": self.idf,
            "pca_mean": self.mean,
            "pca_components": self.components,
        }


def _temperature(scores: NDArray[np.float64], y: NDArray[np.intp]) -> float:
    """What scores are divided by so that unseen examples' labels are likeliest (Guo et al., 2017).

    Few examples, all right, make nobody certain: a label is taken for right by (n + 1) / (n + 2) (Platt, 1999).
    """
    from scipy.optimize import minimize_scalar

    def surprise(log_temperature: float) -> float:
        logs = np.log(np.maximum(softmax(scores / np.exp(log_temperature)), 1e-12))
        right = logs[np.arange(len(y)), y]
        others = (logs.sum(axis=1) - right) / (scores.shape[1] - 1)
        return float(-(right * (len(y) + 1) + others).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-5, 3), method="bounded").x))


def _spread(per_fold: NDArray[np.float64]) -> dict[str, float]:
    mean, deviation = per_fold.mean(axis=0), per_fold.std(axis=0)
    names = ("macro_f1", "accuracy")
    told = {name: round(float(mean[n]), 4) for n, name in enumerate(names)}
    return told | {f"{name}_sd": round(float(deviation[n]), 4) for n, name in enumerate(names)}


def _calibrated(shares: NDArray[np.float64], y: NDArray[np.intp]) -> dict[str, Any]:
    """How far probabilities are from shares of right labels, and what a threshold would leave."""
    best, right = shares.max(axis=1), shares.argmax(axis=1) == y
    rows = [
        {"unsure_below": at, "sure": round(float((best >= at).mean()), 4), "accuracy_of_sure": _mean(right[best >= at])}
        for at in _THRESHOLDS
    ]
    return {"calibration_error": round(calibration_error(best, right), 4), "thresholds": rows}


def _mean(right: NDArray[np.bool_]) -> float | None:
    return round(float(right.mean()), 4) if len(right) else None
