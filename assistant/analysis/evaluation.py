"""Questions put to an index, one ranking of documents each, and what the judgments say of them."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.analysis import metrics
from assistant.analysis.judged import Judgments, Questions
from assistant.analysis.metrics import Interval
from assistant.analysis.runs import Run, descending
from assistant.answering.retrieval import Searcher
from configs.errors import InputError
from configs.settings import Settings
from ingest.pipeline import ingest
from ingest.progress import Observer

# Documents ranked a question; recall@100 needs as many.
DEPTH = 100

Progress = Callable[[int, int], None]
"""Told how many are done, of how many."""


@dataclass(frozen=True)
class Ranked:
    """What searching gave: a run, the seconds of each search, how often which warning came, and how many failed in part."""

    run: Run
    seconds: Sequence[float]
    warnings: Counter[str] = field(default_factory=Counter)
    failed: int = 0


@dataclass(frozen=True)
class Coverage:
    """What the files hold that could not be scored, and why a figure may be lower than it should be."""

    unjudged: int
    """Questions for which no document is judged relevant: not searched, not scored."""
    unasked: int
    """Judged questions that are not among the questions: not scored."""
    judged_documents: int
    missing_documents: int
    """Relevant documents that the index does not hold: no ranking can find them, so they count as missed."""

    def notes(self) -> list[str]:
        """What a reader has to know, as sentences."""
        told = [
            (self.unjudged, "questions have no relevant document in the judgments and were left out."),
            (self.unasked, "judged questions are not among the questions and were left out."),
            (
                self.missing_documents,
                f"of {self.judged_documents:,} relevant documents are not in the index and count as missed.",
            ),
        ]
        return [f"{count:,} {text}" for count, text in told if count]


@dataclass(frozen=True)
class Evaluation:
    """The figures of one run."""

    per_query: metrics.PerQuery
    figures: dict[str, Interval]
    ranked: Ranked
    coverage: Coverage

    @property
    def milliseconds(self) -> tuple[float, float]:
        """Median and 95th percentile of one search, embedding the question included."""
        return percentiles(self.ranked.seconds)

    def to_json(self) -> dict[str, Any]:
        """As `citewell eval retrieval --json` prints it."""
        p50, p95 = self.milliseconds
        return {
            "questions": len(self.per_query),
            "metrics": {name: round(figure.mean, 6) for name, figure in self.figures.items()},
            "intervals": {
                name: None
                if figure.low is None or figure.high is None
                else [round(figure.low, 6), round(figure.high, 6)]
                for name, figure in self.figures.items()
            },
            "unjudged_questions": self.coverage.unjudged,
            "unasked_questions": self.coverage.unasked,
            "relevant_documents": self.coverage.judged_documents,
            "missing_documents": self.coverage.missing_documents,
            "milliseconds": {"p50": round(p50, 3), "p95": round(p95, 3)},
            "warnings": dict(self.ranked.warnings),
        }


def scorable(questions: Questions, judgments: Judgments) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """The questions that have a relevant document, and their judgments.

    Raises:
        InputError: there is none, as when the two files are of different collections.
    """
    wanted = metrics.relevant(judgments)
    asked = {question: text for question, text in questions.items() if question in wanted}
    if not asked:
        raise InputError(
            "no question has a relevant document in the judgments",
            fix="The ids of both files must be the same: are they of one collection?",
        )
    return asked, {question: dict(wanted[question]) for question in asked}


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    times = sorted(seconds)
    return statistics.median(times) * 1e3, times[min(len(times) - 1, int(0.95 * len(times)))] * 1e3


async def evaluate(
    searcher: Searcher,
    questions: Questions,
    judgments: Judgments,
    progress: Progress,
    *,
    depth: int = DEPTH,
    at_once: int = 1,
) -> Evaluation:
    """Ask an open index every question that can be scored, and score the rankings.

    Raises:
        InputError: nothing can be scored.
        IndexStoreError, ServerError: the index cannot be searched.
    """
    asked, judged = scorable(questions, judgments)
    relevant = {document for grades in judged.values() for document, grade in grades.items() if grade > 0}
    held = {document.id async for document in searcher.index.documents() if document.id in relevant}
    ranked = await rank(searcher, asked, progress, depth=depth, at_once=at_once)
    values = metrics.per_query(judged, ranked.run)
    coverage = Coverage(
        unjudged=len(questions) - len(asked),
        unasked=len(judgments.keys() - questions.keys()),
        judged_documents=len(relevant),
        missing_documents=len(relevant - held),
    )
    return Evaluation(values, metrics.summary(values), ranked, coverage)


async def rank(
    searcher: Searcher, questions: Questions, progress: Progress, *, depth: int = DEPTH, at_once: int = 1
) -> Ranked:
    """The documents nearest to each question, `at_once` searches under way."""
    run: dict[str, dict[str, float]] = {question: {} for question in questions}
    seconds: list[float] = []
    warnings: Counter[str] = Counter()
    failed: list[bool] = []
    waiting = iter(questions.items())

    async def work() -> None:
        for identity, text in waiting:
            started = time.perf_counter()
            found = await searcher.search(text, depth)
            seconds.append(time.perf_counter() - started)
            run[identity] = descending((result.passage.doc_id, result.score) for result in found.results)
            warnings.update(found.warnings)
            failed.append(found.failed)
            progress(len(seconds), len(questions))
            await asyncio.sleep(0)  # an embedded index never waits: let Ctrl-C and the others in

    workers = [asyncio.create_task(work()) for _ in range(max(1, at_once))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return Ranked(run, seconds, warnings, sum(failed))


@asynccontextmanager
async def temporary_index(settings: Settings, paths: Sequence[str], observer: Observer) -> AsyncIterator[Settings]:
    """Ingest into an embedded index that is gone at the end; yields the settings that open it.

    Raises:
        InputError: nothing could be ingested, or a path is not there.
        ServerError, SettingsError
    """
    with tempfile.TemporaryDirectory(prefix="citewell-eval-") as folder:
        index = settings.index.model_copy(update={"home": "embedded", "name": "evaluation", "shared": False})
        inside = settings.model_copy(update={"data_dir": Path(folder), "index": index})
        summary = await ingest(paths, inside, observer)
        if not summary.documents:
            raise InputError("no document could be ingested", where=", ".join(paths))
        yield inside
