"""Labels for medical abstracts and Chinese questions: cross-validated macro-F1 of `citewell classify train`, beside a baseline.

`python -m tests.benchmarks.classes`. The baseline is scikit-learn's TfidfVectorizer and LogisticRegression, on the same
folds; MiniLM's vectors are made anew at about 20 texts a second, and kept in the embedding cache of CITEWELL_DATA_DIR
where that is set.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.analysis import classes, training
from configs.loading import load
from ingest.progress import Observer
from tests.benchmarks.harness import SHARED, environment

if TYPE_CHECKING:
    from assistant.analysis.classes import Wanted

# Set → what the baseline counts, by its own lights: words, or characters and pairs of them.
_SETS: dict[str, dict[str, Any]] = {
    "medical_abstracts": {"analyzer": "word"},
    "zh_department": {"analyzer": "char", "ngram_range": (1, 2)},
}
_MINILM = SHARED.parent / "models" / "all-MiniLM-L6-v2"
_PCA = 64


def main() -> None:
    """Print a line for each way."""
    kept = os.environ.get("CITEWELL_DATA_DIR")
    with environment() as folder:
        home = {"data_dir": kept or str(folder)}
        for name, counted in _SETS.items():
            data = classes.read(SHARED / "classification" / f"{name}_train.jsonl")
            print(f"\n{name}: {len(data.y):,} texts, {len(data.labels)} labels")
            for balance in (None, "balanced"):
                _print(f"baseline, class_weight {balance}", _baseline(data, counted, balance))
            _print("words", _trained(data, home, "lexical"))
            if name == "medical_abstracts" and _MINILM.is_dir():
                dense = home | {"embedding.provider": "fastembed", "embedding.model_path": str(_MINILM)}
                ways: list[tuple[Wanted, int | None]] = [("embedding", None), ("both", None), ("both", _PCA)]
                for wanted, pca in ways:
                    _print(f"MiniLM, {wanted}{f', PCA {pca}' if pca else ''}", _trained(data, dense, wanted, pca))


def _baseline(data: classes.Data, counted: dict[str, Any], balance: str | None) -> dict[str, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from threadpoolctl import threadpool_limits

    texts, y = data.texts[:], np.array(data.y)
    figures = []
    for rest, held in training._folds(y, training.FOLDS):
        words = TfidfVectorizer(sublinear_tf=True, min_df=2, **counted).fit([texts[n] for n in rest])
        model = LogisticRegression(max_iter=1000, class_weight=balance)
        with threadpool_limits(1):  # as ours
            model.fit(words.transform([texts[n] for n in rest]), y[rest])
        given = model.predict(words.transform([texts[n] for n in held]))
        figures.append((f1_score(y[held], given, average="macro"), accuracy_score(y[held], given)))
    return training._spread(np.array(figures))


def _trained(data: classes.Data, flags: dict[str, str], wanted: Wanted, pca: int | None = None) -> dict[str, Any]:
    settings = load("quickstart", flags).settings
    work = classes.trained(data, settings, wanted, pca, 0.5, lambda stage, done, total: None, Observer())
    return asyncio.run(work).report


def _print(name: str, report: dict[str, Any]) -> None:
    head = f"  {report['head']}, calibration error {report['calibration_error']:.3f}" if "head" in report else ""
    kept = f", {report['pca']['variance_kept']:.1%} of the variance kept" if "pca" in report else ""
    figures = [f"{report[key]:.4f} ± {report[f'{key}_sd']:.4f}" for key in ("macro_f1", "accuracy")]
    print(f"  {name:<32} macro-F1 {figures[0]}  accuracy {figures[1]}{head}{kept}", flush=True)


if __name__ == "__main__":
    main()
