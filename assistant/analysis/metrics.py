"""How good rankings are: trec_eval's measures by ir-measures, means with bootstrap intervals, paired significance.

Imports ir-measures, numpy and scipy (the extra `analysis`); import it where a command runs, not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG
from numpy.typing import NDArray
from scipy import stats

from assistant.analysis.judged import Judgments
from assistant.analysis.runs import Run

# nDCG with linear gain and log2 discount, as trec_eval and BEIR have it (Järvelin and Kekäläinen, 2002).
MEASURES = {
    "nDCG@10": nDCG @ 10,
    "MRR@10": RR @ 10,
    "recall@5": R @ 5,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
    "MAP": AP,
}
SEED = 20_020_811
CONFIDENCE = 0.95
_RESAMPLES = 2_000
_PERMUTATIONS = 9_999
# Resamples held in memory at once: 14,000 questions then take 20 MB.
_BATCH = 200

PerQuery = Mapping[str, Mapping[str, float]]
"""Question id → measure → value."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over questions and its 95 % interval (percentile bootstrap); one question has none."""

    mean: float
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, float | None]:
        """As `--json` prints it."""
        return {key: None if value is None else round(value, 6) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs in one measure: `b` less `a`, question by question, and how often chance alone would do as much."""

    a: float
    b: float
    difference: Interval
    p: float
    better: int
    """Questions where `b` is better."""
    worse: int

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        numbers = {key: round(getattr(self, key), 6) for key in ("a", "b", "p")}
        return {**numbers, "difference": self.difference.to_json(), "better": self.better, "worse": self.worse}


def relevant(judgments: Judgments) -> dict[str, Mapping[str, int]]:
    """The questions that can be scored: those for which at least one document is judged relevant."""
    return {question: grades for question, grades in judgments.items() if max(grades.values(), default=0) > 0}


def per_query(judgments: Judgments, run: Run) -> dict[str, dict[str, float]]:
    """Every measure for every judged question; one that the run does not rank counts 0."""
    names = {measure: name for name, measure in MEASURES.items()}
    found: dict[str, dict[str, float]] = {question: dict.fromkeys(MEASURES, 0.0) for question in judgments}
    ranked = {question: dict(run.get(question, {})) for question in judgments}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), dict(judgments), ranked):
        found[metric.query_id][names[metric.measure]] = float(metric.value)
    return found


def summary(values: PerQuery, measures: Iterable[str] = MEASURES) -> dict[str, Interval]:
    """The mean of each measure, with its interval."""
    return {name: interval([row[name] for row in values.values()]) for name in measures}


def interval(values: Sequence[float]) -> Interval:
    """Mean and percentile bootstrap interval; the seed is fixed, so that the same values give the same interval."""
    sample = np.asarray(values, dtype=float)
    if sample.size < 2:
        return Interval(float(sample.mean()), None, None)
    bounds = stats.bootstrap(
        (sample,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=_RESAMPLES,
        batch=_BATCH,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Interval(float(sample.mean()), float(bounds.low), float(bounds.high))


def compare(a: PerQuery, b: PerQuery, measures: Iterable[str] = MEASURES) -> dict[str, Difference]:
    """Two runs over the same questions, measure by measure, by a paired randomisation test (Smucker et al., 2007)."""
    return {name: _difference(_column(a, name, list(a)), _column(b, name, list(a))) for name in measures}


def _column(values: PerQuery, name: str, questions: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray([values[question][name] for question in questions])


def _difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Difference:
    difference = b - a
    return Difference(
        float(a.mean()),
        float(b.mean()),
        interval(difference.tolist()),
        _chance(difference),
        int((b > a).sum()),
        int((b < a).sum()),
    )


def _chance(difference: NDArray[np.float64]) -> float:
    """The two-sided p-value of a mean difference: turn its signs at random, which swaps the two runs there.

    Up to 13 questions every way to turn them is tried; beyond, 9,999 ways drawn by the fixed seed. Drawn in batches
    here, because scipy's permutation_test took fifty times as long over 800 questions.
    """
    n = difference.size
    least = abs(difference.sum()) * (1 - 1e-12)
    if 2**n <= _PERMUTATIONS:
        ways = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return float((abs((2 * ways - 1) @ difference) >= least).mean())
    rng = np.random.default_rng(SEED)
    as_far = 0
    for start in range(0, _PERMUTATIONS, _BATCH):
        signs = 2 * rng.integers(0, 2, (min(_BATCH, _PERMUTATIONS - start), n), dtype=np.int8) - 1
        as_far += int((abs(signs @ difference) >= least).sum())
    return (as_far + 1) / (_PERMUTATIONS + 1)
