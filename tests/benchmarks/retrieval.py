"""Lexical ingest and search on real corpora: seconds, latency, recall, and nDCG@10 against bm25s in the same run."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import bm25s
import Stemmer

from assistant.analysis.judged import Judgments, read_judgments
from assistant.analysis.metrics import PerQuery, per_query
from assistant.answering.retrieval import Searcher
from configs.loading import load
from ingest.pipeline import ingest
from tests.benchmarks import lay
from tests.benchmarks.harness import SHARED, environment, lines
from tests.support.corpora import Watcher

# Corpus → set of questions → its judgments.
_SETS = {
    "scifact": {"SciFact": "qrels_train.tsv"},
    "pubmedqa": {"PubMedQA": "qrels_train.tsv"},
    "medquad": dict.fromkeys(("MedQuAD", "messages, tuned", "messages, checked"), "qrels_test1000.tsv"),
    "zh_qa": dict.fromkeys(("Chinese, short", "Chinese, whole"), "qrels_dev.tsv"),
}


def main() -> None:
    """Print the figures."""
    print("nDCG@10 by words alone; bm25s with its English stemmer, stop words and defaults, over the same documents")
    for corpus in sys.argv[1:] or _SETS:
        sets = _SETS[corpus]
        with environment():
            asked = {name: _questions(corpus, name) for name in sets}
            ours = asyncio.run(_citewell(corpus, asked))
            theirs = _bm25s(corpus, asked)
        for name, questions in asked.items():
            judged = read_judgments(SHARED / corpus / sets[name])
            qrels = {query: judged[query] for query in questions}
            own, other = (_means(scored(found[name], qrels)) for found in (ours, theirs))
            print(
                f"  {name:<18} citewell {own['nDCG@10']:.4f}  bm25s {other['nDCG@10']:.4f}  {own['nDCG@10'] - other['nDCG@10']:+.4f}"
                f"   recall@10 {own['recall@10']:.4f}   {len(qrels)} questions"
            )


def _questions(corpus: str, name: str) -> dict[str, str]:
    """The questions of a set, by id: those of MedQuAD also as whole messages, the Chinese ones short and whole."""
    if corpus == "zh_qa":
        field = "title" if name == "Chinese, short" else "text"
        some = random.Random(3).sample(lines(SHARED / corpus / "queries_dev.jsonl"), 1500)  # noqa: S311 — a fixed sample
        judged = read_judgments(SHARED / corpus / "qrels_dev.tsv")
        return {query["id"]: query[field] for query in some if query["id"] in judged}
    if corpus != "medquad":
        return {query["id"]: query["text"] for query in lines(SHARED / corpus / "queries_train.jsonl")}
    queries = lines(SHARED / corpus / "queries_test1000.jsonl")
    talk = {"messages, tuned": lay.TUNED, "messages, checked": lay.CHECKED}.get(name)
    return {query["id"]: lay.message(query, talk) if talk else query["text"] for query in queries}


def scored(found: Mapping[str, Sequence[str]], qrels: Judgments) -> PerQuery:
    """Every measure for every judged query, of rankings that are best first."""
    run = {query: {document: -float(rank) for rank, document in enumerate(ids)} for query, ids in found.items()}
    return per_query(qrels, run)


def _means(values: PerQuery) -> dict[str, float]:
    return {name: statistics.mean(row[name] for row in values.values()) for name in ("nDCG@10", "recall@10")}


async def _citewell(corpus: str, asked: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, list[str]]]:
    settings = load(flags={"index.name": "benchmark"}).settings
    started, spent = time.perf_counter(), time.process_time()
    summary = await ingest([str(_file(corpus))], settings, Watcher())
    print(
        f"{corpus}: {summary.documents:,} documents ingested in {time.perf_counter() - started:.2f} s, {time.process_time() - spent:.2f} s of CPU"
    )
    searcher = await Searcher.open(settings)
    found: dict[str, dict[str, list[str]]] = {}
    for name, questions in asked.items():
        found[name], times = {}, []
        for query, text in questions.items():
            started = time.perf_counter()
            results = await searcher.search(text, 10)
            times.append(time.perf_counter() - started)
            found[name][query] = [result.passage.doc_id for result in results.results]
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"  {name:<18} search p50 {statistics.median(times) * 1e3:.2f} ms, p95 {p95 * 1e3:.2f} ms")
    await searcher.close()
    return found


def _file(corpus: str) -> Path:
    return next((SHARED / corpus).glob("corpus.jsonl*"))


def _bm25s(corpus: str, asked: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, list[str]]]:
    path = _file(corpus)
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    stemmer = Stemmer.Stemmer("english")
    model = bm25s.BM25()
    model.index(_tokens([f"{row['title']} {row['abstract']}" for row in rows], stemmer), show_progress=False)
    found = {}
    for name, questions in asked.items():
        best, _ = model.retrieve(_tokens(list(questions.values()), stemmer), k=10, show_progress=False)
        found[name] = {query: [rows[n]["id"] for n in row] for query, row in zip(questions, best, strict=True)}
    return found


def _tokens(texts: list[str], stemmer: object) -> object:
    return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)


if __name__ == "__main__":
    main()
