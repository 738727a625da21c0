"""A results page: each collection's figures as a table, the systems and the sweeps as pictures, in one folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from assistant.analysis import axes, charts, metrics
from assistant.analysis.evaluation import scorable
from assistant.analysis.judged import read_judgments, read_questions
from assistant.analysis.laboratory import Laboratory, Measured, Stage
from assistant.analysis.metrics import Difference, Interval
from assistant.analysis.sets import Collection, Collections
from assistant.analysis.sweep import DECISIVE, MEASURES, Row, Swept, sweep
from configs.errors import InputError
from configs.settings import Settings
from ingest.text import one_line

PAGE = "README.md"
_PICTURE = "systems.svg"
_WORDS = "words alone"
_METHOD = (
    "nDCG@10, MRR@10 and recall@10 as trec_eval computes them, by ir-measures; in brackets the 95 % interval of the mean "
    "(bootstrap over questions). *p* is the chance that turning two systems round at random, question by question, gives "
    "as large a difference in nDCG@10. Milliseconds are the median of one search in a warm process, ten documents, the "
    "question embedded before, each of a hundred at its fastest of five times; they belong to the machine that wrote this page, and to what else it did."
)


@dataclass(frozen=True)
class Shown:
    """What the page says of one collection."""

    collection: Collection
    questions: int
    documents: int
    systems: Mapping[str, Measured]
    swept: Swept | None


def systems_of(settings: Settings) -> dict[str, Settings]:
    """Words alone; where there is an embedder, its vectors alone, both by plain reciprocal rank, and both as set."""
    words = axes.changed(settings, {"embedding.provider": "none", "rerank.provider": "none"})
    if settings.embedding.provider == "none":
        return {_WORDS: words}
    vectors = axes.changed(
        settings, {"retrieval.fusion": "convex", "retrieval.dense_weight": "1", "rerank.provider": "none"}
    )
    ranks = axes.changed(settings, {"retrieval.fusion": "rrf", "rerank.provider": "none"})
    both = axes.changed(settings, {"rerank.provider": "none"})
    reranked = {} if settings.rerank.provider == "none" else {"hybrid, reranked": settings}
    return {_WORDS: words, "vectors alone": vectors, "reciprocal rank of both": ranks, "hybrid": both, **reranked}


async def measure(collection: Collection, settings: Settings, stage: Stage) -> Shown:
    """Every system over one collection, and its sweep where axes are named.

    Raises:
        InputError, SettingsError, ServerError, NotInstalled, IndexStoreError
    """
    questions = dict(islice(read_questions(collection.queries).items(), collection.most))
    asked, judged = scorable(questions, read_judgments(collection.qrels))
    if not collection.embed:
        settings = axes.changed(settings, {"embedding.provider": "none"})
    async with Laboratory([str(path) for path in collection.corpus], asked, judged, stage) as laboratory:
        systems = {
            name: await laboratory.measure(system, None, f"{collection.name}, {name}")
            for name, system in systems_of(settings).items()
        }
        swept = None
        if wanted := [axis for axis in collection.axes if not axes.missing(axis, settings)]:
            swept = await sweep(laboratory, settings, dict.fromkeys(wanted, ()))
        return Shown(collection, len(asked), laboratory.documents, systems, swept)


def write_page(folder: Path, collections: Collections, settings: Settings, shown: Sequence[Shown]) -> list[Path]:
    """Write page and pictures; returns what was written, the page first.

    Raises:
        InputError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures = {one.collection.name: _figures(one) for one in shown}
        charts.draw_systems(figures, folder / _PICTURE, collections.title)
        written = [folder / PAGE, folder / _PICTURE]
        parts = [_head(collections, settings), _table(shown), f"![nDCG@10 of each system]({_PICTURE})\n"]
        parts += [f"- **{_cell(one.collection.name)}:** {one.collection.note}" for one in shown if one.collection.note]
        for one in shown:
            if one.swept is not None:
                picture = folder / f"{_slug(one.collection.name)}.svg"
                charts.draw_sweep(one.swept, picture, f"{one.collection.name} ({one.questions:,} questions)")
                written.append(picture)
                parts.append(_sweep(one.collection.name, one.swept, picture.name))
        (folder / PAGE).write_text("\n".join(parts), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    return written


def _figures(one: Shown) -> dict[str, Interval]:
    return {name: metrics.summary(measured.per_query, (DECISIVE,))[DECISIVE] for name, measured in one.systems.items()}


def _head(collections: Collections, settings: Settings) -> str:
    embedder = "no embedder" if settings.embedding.provider == "none" else f"embedder {settings.embedding.model}"
    told = f"Settings: {embedder}, dense_weight {settings.retrieval.dense_weight}, candidates {settings.retrieval.candidates}."
    return f"# {collections.title}\n\nWritten by `citewell eval report`; not edited by hand. {told}\n\n{_METHOD}\n"


def _table(shown: Sequence[Shown]) -> str:
    lines = [
        f"| set | questions | documents | system | {' | '.join(MEASURES)} | ms | against {_WORDS} |",
        "|---|---|---|---|" + "---|" * (len(MEASURES) + 2),
    ]
    for one in shown:
        words = one.systems[_WORDS]
        for name, measured in one.systems.items():
            figures = metrics.summary(measured.per_query, MEASURES)
            against = ""
            if name != _WORDS:
                against = _difference(metrics.compare(words.per_query, measured.per_query, (DECISIVE,))[DECISIVE])
            first = name == _WORDS
            lines.append(
                f"| {_cell(one.collection.name) if first else ''} | {f'{one.questions:,}' if first else ''} "
                f"| {f'{one.documents:,}' if first else ''} | {name} | {_values(figures)} | {_time(measured)} | {against} |"
            )
    return "\n".join(lines) + "\n"


def _sweep(name: str, swept: Swept, picture: str) -> str:
    lines = [
        f"\n## {_cell(name)}: what each setting is worth\n",
        f"![Quality, size and latency]({picture})\n",
        *(f"{told}.\n" for told in swept.conclusions()),
        f"| axis | value | {' | '.join(MEASURES)} | bytes a vector | ms | against the settings in force |",
        "|---|---|" + "---|" * (len(MEASURES) + 3),
        *(_row(row) for row in swept.rows),
    ]
    return "\n".join(lines) + "\n"


def _row(row: Row) -> str:
    size = "–" if row.measured.bytes_per_vector is None else f"{row.measured.bytes_per_vector:,}"
    against = "" if row.against is None else _difference(row.against)
    kept = "" if row.measured.variance is None else f" ({row.measured.variance:.0%} of the variance)"
    return f"| {row.axis} | {_cell(row.value)}{kept} | {_values(row.figures)} | {size} | {_time(row.measured)} | {against} |"


def _values(figures: Mapping[str, Interval]) -> str:
    decisive = figures[DECISIVE]
    bounds = "" if decisive.low is None else f" ({decisive.low:.3f}–{decisive.high:.3f})"
    return " | ".join(f"{figures[name].mean:.3f}{bounds if name == DECISIVE else ''}" for name in MEASURES)


def _time(measured: Measured) -> str:
    return "–" if measured.milliseconds is None else f"{measured.milliseconds[0]:.1f}"


def _difference(one: Difference) -> str:
    return f"{one.difference.mean:+.3f}, p {'< 0.001' if one.p < 0.001 else f'= {one.p:.3f}'}"


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "set"
