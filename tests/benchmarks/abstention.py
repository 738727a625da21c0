"""Calibrates when to abstain, and says how well it does on questions it was not calibrated on.

Every PubMedQA question stands twice in the data: with its document in the corpus and with it taken out (two indexes,
each without one half of the questions' documents, over the same 14,374 other records). SciFact's train claims alike.
MedQuAD's and the Chinese questions are answerable; our own off-topic questions (`off_topic.toml`) are not.
Cross-validated in five folds, both forms of a question in the same fold. `--write` puts the numbers that were found
into assistant/answering/calibration.py.

On PubMedQA in the pool the measures `mentions`, `throughout` and `opening` bring refusal's precision and recall from
.878 and .880 to .885 and .910, in the same folds; they were chosen with all of these questions in view.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant.analysis.judged import read_judgments
from assistant.answering import calibration, confidence, context, quotes
from assistant.answering.retrieval import Searcher
from configs.loading import load
from ingest.pipeline import ingest
from tests.benchmarks.harness import SHARED, environment, lines
from tests.support.corpora import Watcher

_SEED, _FOLDS, _EVERY_CHINESE = 0, 5, 13
_OFF_TOPIC = tomllib.loads(Path(__file__).with_name("off_topic.toml").read_text("utf-8"))
# How much a set counts, whatever its size: what decides most, the Chinese and our own questions least.
_WORTH = {"PubMedQA in the pool": 5.0, "PubMedQA": 1.0, "SciFact": 0.5, "MedQuAD": 2.0, "Chinese, short": 0.5}
_ELSE = 0.3


@dataclass(frozen=True)
class Case:
    """A question to one index, and whether that holds its answer."""

    name: str
    group: str
    text: str
    answerable: bool


@dataclass(frozen=True)
class Data:
    """Cases with what was measured of each: a row of `confidence.Measures`."""

    cases: Sequence[Case]
    rows: NDArray[np.float64]

    @property
    def answerable(self) -> NDArray[np.int_]:
        """1 where the index holds the answer."""
        return np.array([int(case.answerable) for case in self.cases])

    @property
    def weights(self) -> NDArray[np.float64]:
        """So that a set counts by its worth, its two halves alike."""
        sizes: dict[tuple[str, bool], int] = {}
        for case in self.cases:
            sizes[case.name, case.answerable] = sizes.get((case.name, case.answerable), 0) + 1
        return np.array([_WORTH.get(case.name, _ELSE) * 500 / sizes[case.name, case.answerable] for case in self.cases])


def main() -> None:
    """Measure, calibrate, print; with `--write`, write."""
    with environment() as folder:
        data = asyncio.run(_gather(folder))
    held_out = _cross_validated(data)
    print(f"\nCross-validated, abstaining below 0.5 ({len(data.cases):,} questions)")
    _report(data, held_out)
    print("\nThreshold: PubMedQA in the pool, precision and recall of refusal; answerable MedQuAD questions refused")
    for threshold in (0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8):
        precision, recall = _refusal(data, held_out, "PubMedQA in the pool", threshold)
        print(
            f"  {threshold:.2f}   {precision:.3f}  {recall:.3f}   {_refused(data, held_out, 'MedQuAD', threshold):.3f}"
        )
    text = _written(_fitted(data.rows, data))
    print(f"\n{text}")
    if "--write" in sys.argv:
        Path(calibration.__file__).write_text(text, "utf-8")


async def _gather(folder: Path) -> Data:
    cases: list[Case] = []
    rows: list[tuple[float, ...]] = []
    for name, records, asked in _indexes():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        settings = load(flags={"index.name": name, "index.shared": False}).settings
        await ingest([str(path)], settings, Watcher())
        searcher = await Searcher.open(settings)
        try:
            for case in asked:
                measures = await _measured(searcher, case.text)
                if measures is not None:
                    cases.append(case)
                    rows.append(astuple(measures))
        finally:
            await searcher.close()
        print(f"{name}: {len(records):,} documents, {len(asked):,} questions", flush=True)
    return Data(cases, np.array(rows))


async def _measured(searcher: Searcher, question: str) -> confidence.Measures | None:
    """As the engine does; None where nothing is near, which needs no estimate."""
    sources = context.number((await searcher.search(question)).results)
    weights = quotes.meaningful(await searcher.term_weights(question), searcher.lexical)
    if not sources or not weights:
        return None
    return confidence.measured(confidence.Asked.of(question, weights, searcher.lexical), sources, searcher.lexical)


def _indexes() -> Iterator[tuple[str, list[dict[str, Any]], list[Case]]]:
    foreign = [*_OFF_TOPIC["english"]]
    for halved, name, corpus in (
        ("pubmedqa", "PubMedQA", _corpus("pubmedqa/corpus.jsonl")),
        ("pubmedqa", "PubMedQA in the pool", _corpus("pubmedqa/corpus.jsonl") + _corpus("pubmed_pool/corpus.jsonl.gz")),
        ("scifact", "SciFact", _corpus("scifact/corpus.jsonl.gz")),
    ):
        questions = {row["id"]: row["text"] for row in lines(SHARED / halved / "queries_train.jsonl")}
        gold = read_judgments(SHARED / halved / "qrels_train.tsv")
        for part, taken in enumerate(_halves(gold)):
            gone = {document for question in taken for document in gold[question]}
            asked = [Case(name, question, questions[question], question not in taken) for question in gold]
            kept = [record for record in corpus if record["id"] not in gone]
            off = [Case(f"off topic, {name}", text, text, False) for text in foreign] if part else []
            yield f"{name.replace(' ', '-')}-{part}", kept, asked + off
    asked = [
        Case("MedQuAD", row["focus"], row["text"], True) for row in lines(SHARED / "medquad/queries_test1000.jsonl")
    ]
    yield (
        "MedQuAD",
        _corpus("medquad/corpus.jsonl.gz"),
        [*asked, *(Case("off topic, MedQuAD", q, q, False) for q in foreign)],
    )
    chinese = lines(SHARED / "zh_qa/queries_dev.jsonl")[::_EVERY_CHINESE]
    asked = [Case("Chinese, short", row["id"], row["title"], True) for row in chinese]
    asked += [Case("Chinese, message", row["id"], row["text"], True) for row in chinese]
    asked += [Case("off topic, Chinese", q, q, False) for q in _OFF_TOPIC["chinese"]]
    yield "Chinese", _corpus("zh_qa/corpus.jsonl"), asked


def _corpus(name: str) -> list[dict[str, Any]]:
    path = SHARED / name
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _halves(gold: Mapping[str, Mapping[str, int]]) -> tuple[Collection[str], Collection[str]]:
    """The questions in two halves, those with a document in common in the same one."""
    group: dict[str, str] = {}

    def root(node: str) -> str:
        while group.setdefault(node, node) != node:
            node = group[node]
        return node

    for question, documents in gold.items():
        for document in documents:
            group[root(f"q{question}")] = root(f"d{document}")
    roots = sorted({root(f"q{question}") for question in gold})
    odd = set(roots[1::2])
    return {q for q in gold if root(f"q{q}") not in odd}, {q for q in gold if root(f"q{q}") in odd}


def _fitted(rows: NDArray[np.float64], data: Data, chosen: NDArray[np.int_] | None = None) -> Any:
    chosen = np.arange(len(data.cases)) if chosen is None else chosen
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    return model.fit(rows[chosen], data.answerable[chosen], logisticregression__sample_weight=data.weights[chosen])


def _cross_validated(data: Data) -> NDArray[np.float64]:
    found = np.zeros(len(data.cases))
    groups = [case.group for case in data.cases]
    for train, test in GroupKFold(_FOLDS, shuffle=True, random_state=_SEED).split(data.rows, groups=groups):
        found[test] = _fitted(data.rows, data, train).predict_proba(data.rows[test])[:, 1]
    return found


def _refusal(data: Data, found: NDArray[np.float64], name: str, threshold: float) -> tuple[float, float]:
    chosen = np.array([case.name == name for case in data.cases])
    refused, without = found[chosen] < threshold, data.answerable[chosen] == 0
    right = (refused & without).sum()
    return float(right / max(refused.sum(), 1)), float(right / without.sum())


def _refused(data: Data, found: NDArray[np.float64], name: str, threshold: float) -> float:
    chosen = np.array([case.name == name for case in data.cases])
    return float((found[chosen] < threshold).mean())


def _report(data: Data, found: NDArray[np.float64]) -> None:
    for name in dict.fromkeys(case.name for case in data.cases):
        halves = {case.answerable for case in data.cases if case.name == name}
        if len(halves) == 2:
            precision, recall = _refusal(data, found, name, 0.5)
            print(f"  {name:<32} refusal: precision {precision:.3f}, recall {recall:.3f}")
        else:
            kind = "answerable" if True in halves else "foreign"
            print(f"  {name:<32} {kind}, refused {_refused(data, found, name, 0.5):.3f}")


def _written(model: Any) -> str:
    scaler, regression = model[0], model[-1]
    names = [field.name for field in fields(confidence.Measures)]
    numbers = zip(names, scaler.mean_, scaler.scale_, regression.coef_[0], strict=True)
    head = Path(calibration.__file__).read_text("utf-8").partition("INTERCEPT")[0]
    rows = "".join(f'    "{name}": ({mean:.4f}, {scale:.4f}, {weight:.4f}),\n' for name, mean, scale, weight in numbers)
    return (
        f"{head}INTERCEPT: Final = {regression.intercept_[0]:.4f}\n"
        "# Measure → its mean and standard deviation in the training data, and its weight once standardised.\n"
        f"WEIGHTS: Final = {{\n{rows}}}\n"
    )


if __name__ == "__main__":
    main()
