"""`citewell eval answers`: refusals, citations and support over many questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.analysis.extras import needed
from assistant.commands import output
from assistant.commands.eval_sweep import READABLE, WRITABLE
from assistant.commands.ingest import SOME_REJECTED
from assistant.commands.options import Loaded, with_settings
from assistant.commands.places import check_place
from assistant.commands.progress import counted
from configs.errors import InputError
from configs.settings import Settings

if TYPE_CHECKING:
    from assistant.analysis.answers import AnswerFigures, Expected

_AT_ONCE_ON_SERVERS = 4
_LABELS = {
    "refusal_precision": "refusals that are right (precision)",
    "refusal_recall": "unanswerable that were refused (recall)",
    "wrongly_refused": "answerable that were refused",
    "answered": "answered, of all",
    "cites_known": "answers that cite a known document",
    "citation_recall": "citation recall (ALCE)",
    "citation_precision": "citation precision (ALCE)",
    "verbatim": "quotes that are verbatim",
}


@click.command(
    epilog=output.example(
        "citewell eval answers --questions questions.jsonl --index papers",
        "citewell eval answers --questions questions.jsonl --json --per-query lines.jsonl",
    )
)
@click.option(
    "--questions", type=READABLE, required=True, help='Lines of {"question", "answerable": true, "doc_ids": [...]}.'
)
@click.option("--per-query", type=WRITABLE, help="Write each question's figures there, JSON Lines.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def answers(questions: Path, *, per_query: Path | None, as_json: bool, loaded: Loaded) -> int:
    """Answer many questions and say how good the answers are, with 95 % intervals (bootstrap over questions).

    Precision and recall of refusal where lines say whether the index answers; share of answers that cite a document
    known to answer; citation recall and precision as ALCE defines them, judged by citewell's own support checker,
    which compares words, not by a person or a model; verdicts; whether quotes are verbatim; time.
    """
    with needed("an evaluation"):
        from assistant.analysis.answers import read_expected
    expected = read_expected(questions)
    check_place(per_query, "--per-query")
    figures = asyncio.run(_answered(loaded.settings, expected))
    if per_query is not None:
        _write(per_query, figures)
    if as_json:
        output.put_json({"index": loaded.settings.index.name, **figures.to_json()})
    else:
        _put(figures, loaded.settings.index.name)
    if figures.failed:
        first = next(one.error for one in figures.outcomes if one.error)
        output.complain(f"Note: {figures.failed:,} questions failed and count nowhere, the first because {first}.")
    return SOME_REJECTED if figures.failed else 0


async def _answered(settings: Settings, expected: Sequence[Expected]) -> AnswerFigures:
    from assistant.analysis.answers import ask_all
    from assistant.answering.engine import Engine

    engine = await Engine.open(settings)
    try:
        with counted("Answering") as progress:
            return await ask_all(engine, expected, progress, at_once=_AT_ONCE_ON_SERVERS if engine.model else 1)
    finally:
        await engine.close()


def _write(path: Path, figures: AnswerFigures) -> None:
    lines = (json.dumps(one.to_json(), ensure_ascii=False) for one in figures.outcomes)
    try:
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _put(figures: AnswerFigures, name: str) -> None:
    output.heading(f"{name}: {len(figures.outcomes):,} questions")
    for key, figure in figures.shares.items():
        if figure is not None:
            bounds = "" if figure.low is None else f"   {figure.low:.3f} to {figure.high:.3f}"
            output.say(f"  {_LABELS[key]:<40} {figure.mean:.3f}{bounds}")
    if tally := figures.support:
        output.say(f"  {'sentences':<40} {', '.join(f'{count:,} {verdict}' for verdict, count in tally.items())}")
    if times := figures.milliseconds:
        output.say(f"  {'one answer':<40} {times[0]:.1f} ms, 95 % within {times[1]:.1f} ms")
