"""`citewell search`: the passages nearest to a question."""

from __future__ import annotations

from typing import Any

import click

from assistant.answering.explanation import Why, explain
from assistant.answering.retrieval import Result
from assistant.answering.retrieval import search as run_search
from assistant.commands import output
from assistant.commands.options import Loaded, domain_option, filter_option, with_settings
from assistant.commands.question import question_argument
from ingest import places
from ingest.evidence import evidence
from ingest.facets import classified

_DEFAULT_LIMIT = 10


@click.command(
    epilog=output.example(
        'citewell search "metformin in kidney disease" --limit 5 --why',
        "citewell search \"stroke prevention\" --filter 'year>=2020 type:rct,meta-analysis'",
        'citewell search "stroke signs" --json',
    )
)
@question_argument
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=_DEFAULT_LIMIT, show_default=True, help="How many results."
)
@click.option("--all-passages", is_flag=True, help="Every matching passage, not one a document.")
@click.option("--why", is_flag=True, help="How each result came to its rank, and what was dropped.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@filter_option
@domain_option
@with_settings
def search(question: str, *, limit: int, all_passages: bool, why: bool, as_json: bool, loaded: Loaded) -> None:
    """Find the passages nearest to QUESTION, best first, one a document."""
    found = run_search(question, loaded.settings, limit, every_passage=all_passages)
    for warning in found.warnings:
        output.complain(f"Note: {warning}")
    explained = explain(found) if why else None
    if as_json and explained:
        rows = [
            _json(one, found.filter) | {"why": how.to_json()}
            for one, how in zip(found.results, explained.results, strict=True)
        ]
        output.put_json({"results": rows, "why": explained.to_json()})
        return
    if as_json:
        output.put_json([_json(result, found.filter) for result in found.results])
        return
    if not found.results:
        output.say(
            f"Nothing {'that passes the filter' if found.filter else 'in the index'} has a word of this question."
        )
    for number, result in enumerate(found.results):
        _put(result, explained.results[number] if explained else None)
    for line in explained.lines() if explained else ():
        output.say(line)


def _json(result: Result, where: str) -> dict[str, Any]:
    passage = result.passage
    return {
        "rank": result.rank,
        "score": round(result.score, 6),
        "doc_id": passage.doc_id,
        "passage": passage.ordinal,
        "title": passage.title,
        "text": passage.text,
        "start": passage.start,
        "end": passage.end,
        "section": places.section(passage.places) or None,
        "pages": places.pages(passage.places),
        "metadata": dict(passage.metadata),
        "labels": classified(passage),
        "flags": list(evidence(passage.metadata, passage.title).flags),
        "filter": where,
    }


def _put(result: Result, why: Why | None) -> None:
    passage = result.passage
    known = evidence(passage.metadata, passage.title, classified(passage))
    named = output.reference(passage.title, known, passage.doc_id, places.told(passage.places))
    output.heading(f"{result.rank:>3}. {named}  ({result.score:.3g})")
    output.say(output.excerpt_of(passage.text, indent="     "))
    if why is not None:
        output.say(f"     ({why})")
