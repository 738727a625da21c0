"""Lexical ingest and search on real corpora: seconds, latency, recall, and nDCG@10 against bm25s in the same run."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import bm25s
import Stemmer

from assistant.answering.retrieval import Searcher
from configs.loading import load
from ingest.pipeline import ingest
from tests.benchmarks.harness import SHARED, environment, lines
from tests.support.observer import Watcher

Judgments = Mapping[str, Mapping[str, int]]


def main() -> None:
    """Print the figures."""
    with environment():
        pubmedqa, scifact = SHARED / "pubmedqa", SHARED / "scifact"
        found = asyncio.run(_citewell(pubmedqa / "corpus.jsonl", pubmedqa, "pubmedqa"))
        print(f"PubMedQA recall@10 {_mean_recall(found, judgments(pubmedqa / 'qrels_train.tsv')):.4f}  (bound: 0.98)\n")
        qrels = judgments(scifact / "qrels_train.tsv")
        ours = mean_ndcg(asyncio.run(_citewell(scifact / "corpus.jsonl.gz", scifact, "scifact")), qrels)
        theirs = mean_ndcg(_bm25s(scifact), qrels)
        print(
            f"SciFact train nDCG@10: citewell {ours:.4f}, bm25s with a stemmer {theirs:.4f}, × {ours / theirs:.3f}  (bound: 1)"
        )


def judgments(path: Path) -> Judgments:
    """A BEIR qrels file: query id → document id → grade."""
    found: dict[str, dict[str, int]] = {}
    for line in path.read_text("utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        found.setdefault(query, {})[document] = int(grade)
    return found


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], depth: int = 10) -> float:
    """Normalised discounted cumulative gain with exponential gain (Burges et al., 2005), as trec_eval computes it for binary grades."""
    gain = sum((2 ** grades.get(d, 0) - 1) / math.log2(rank + 2) for rank, d in enumerate(ranking[:depth]))
    ideal = sum(
        (2**grade - 1) / math.log2(rank + 2) for rank, grade in enumerate(sorted(grades.values(), reverse=True)[:depth])
    )
    return float(gain / ideal)


def mean_ndcg(found: Mapping[str, Sequence[str]], qrels: Judgments) -> float:
    """Mean nDCG@10 over the judged queries."""
    return statistics.mean(ndcg(found[query], grades) for query, grades in qrels.items())


def _mean_recall(found: Mapping[str, Sequence[str]], qrels: Judgments) -> float:
    return statistics.mean(len(set(found[query]) & set(grades)) / len(grades) for query, grades in qrels.items())


async def _citewell(corpus: Path, folder: Path, name: str) -> dict[str, list[str]]:
    settings = load(flags={"index.name": name}).settings
    started = time.perf_counter()
    summary = await ingest([str(corpus)], settings, Watcher())
    print(f"{name}: {summary.documents:,} documents ingested in {time.perf_counter() - started:.2f} s")
    searcher = await Searcher.open(settings)
    found, times = {}, []
    for query in lines(folder / "queries_train.jsonl"):
        started = time.perf_counter()
        results = await searcher.search(query["text"], 10)
        times.append(time.perf_counter() - started)
        found[query["id"]] = [result.passage.doc_id for result in results.results]
    await searcher.close()
    p95 = statistics.quantiles(times, n=20)[-1]
    print(
        f"{name}: search p50 {statistics.median(times) * 1e3:.2f} ms, p95 {p95 * 1e3:.2f} ms over {len(times)} questions"
    )
    return found


def _bm25s(folder: Path) -> dict[str, list[str]]:
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        corpus = [json.loads(line) for line in file]
    queries = lines(folder / "queries_train.jsonl")
    stemmer = Stemmer.Stemmer("english")
    model = bm25s.BM25()
    model.index(_tokens([f"{row['title']} {row['abstract']}" for row in corpus], stemmer), show_progress=False)
    rows, _ = model.retrieve(_tokens([query["text"] for query in queries], stemmer), k=10, show_progress=False)
    return {query["id"]: [corpus[n]["id"] for n in row] for query, row in zip(queries, rows, strict=True)}


def _tokens(texts: list[str], stemmer: object) -> object:
    return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)


if __name__ == "__main__":
    main()
