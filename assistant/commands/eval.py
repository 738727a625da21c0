"""`citewell eval`: how good is the search? Judged questions, and two runs against one another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.analysis.extras import needed
from assistant.analysis.judged import read_judgments, read_questions
from assistant.analysis.runs import read_run, write_run
from assistant.commands import output
from assistant.commands.eval_answers import answers
from assistant.commands.eval_sweep import READABLE, WRITABLE, report, sweep
from assistant.commands.ingest import SOME_REJECTED
from assistant.commands.ingest_watch import Watch
from assistant.commands.options import Loaded, domain_option, filter_option, with_settings
from assistant.commands.places import check_place
from assistant.commands.progress import counted
from configs.errors import InputError
from configs.settings import Settings
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.analysis.evaluation import Evaluation
    from assistant.analysis.metrics import Difference

_FEWEST = 1
# What a question costs on a server is waiting; in process it is computing, and two at once gain nothing.
_AT_ONCE_ON_SERVERS = 4


@click.group(
    epilog=output.example(
        "citewell eval retrieval --queries queries.jsonl --qrels qrels.tsv",
        "citewell eval compare before.run after.run --qrels qrels.tsv",
    )
)
def eval() -> None:  # noqa: A001 — the command's name
    """Measure the search on judged questions. Needs citewell[analysis]."""


@eval.command(
    epilog=output.example(
        "citewell eval retrieval --queries queries.jsonl --qrels qrels/test.tsv --index papers",
        "citewell eval retrieval --queries q.jsonl --qrels q.tsv --corpus corpus.jsonl --json --run words.run",
    )
)
@click.option("--queries", type=READABLE, required=True, help='Questions: lines of {"_id", "text"}, as BEIR has them.')
@click.option("--qrels", type=READABLE, required=True, help="Judgments: BEIR's tsv or TREC's qrels.")
@click.option("--corpus", multiple=True, metavar="PATH", help="Ingest this into a temporary index and search there.")
@click.option("--depth", type=click.IntRange(_FEWEST, 10_000), default=100, show_default=True, help="Documents ranked.")
@click.option("--per-query", type=WRITABLE, help="Write each question's figures there, JSON Lines.")
@click.option("--run", "run_file", type=WRITABLE, help="Write the rankings there, in the TREC run format.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@filter_option
@domain_option
@with_settings
def retrieval(
    queries: Path,
    qrels: Path,
    *,
    corpus: tuple[str, ...],
    depth: int,
    per_query: Path | None,
    run_file: Path | None,
    as_json: bool,
    loaded: Loaded,
) -> int:
    """Search for each judged question and say how good the rankings are.

    nDCG@10, MRR@10, recall@5, 10 and 100 and MAP as trec_eval computes them, each with its 95 % interval
    (bootstrap over questions). Documents are ranked by their best passage. Questions that nobody judged, and
    relevant documents that the index does not hold, are counted and told.
    """
    with needed("an evaluation"):
        from assistant.analysis import metrics  # noqa: F401 — what is missing is told before the work, not after
    questions, judgments = read_questions(queries), read_judgments(qrels)
    check_place(per_query, "--per-query")
    check_place(run_file, "--run")
    watch = Watch()
    evaluation = asyncio.run(_evaluate(loaded.settings, questions, judgments, corpus, depth, watch))
    if run_file is not None:
        write_run(run_file, evaluation.ranked.run)
    if per_query is not None:
        _write_per_query(per_query, evaluation)
    for note in evaluation.coverage.notes():
        output.complain(f"Note: {note}")
    for warning, times in evaluation.ranked.warnings.items():
        output.complain(f"Note: {times:,} of {len(evaluation.per_query):,} questions: {warning}")
    name = ", ".join(corpus) if corpus else loaded.settings.index.name
    if as_json:
        output.put_json({"corpus" if corpus else "index": name, "depth": depth, **evaluation.to_json()})
    else:
        _put(evaluation, name, depth)
    return SOME_REJECTED if evaluation.ranked.failed or watch.latest.failed else 0


@eval.command(epilog=output.example("citewell eval compare before.run after.run --qrels qrels.tsv --json"))
@click.argument("run_a", type=READABLE, metavar="RUN_A")
@click.argument("run_b", type=READABLE, metavar="RUN_B")
@click.option("--qrels", type=READABLE, required=True, help="Judgments: BEIR's tsv or TREC's qrels.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def compare(run_a: Path, run_b: Path, *, qrels: Path, as_json: bool, debug: bool) -> None:
    """Is RUN_B better than RUN_A, or is it chance? Both in the TREC run format, of any system.

    The difference of each measure with its 95 % interval, and p by a paired randomisation test over the questions:
    how often turning the two runs round at random gives as large a difference.
    """
    del debug  # `assistant.commands.cli` looks for it
    with needed("an evaluation"):
        from assistant.analysis import metrics
    a, b, judgments = read_run(run_a), read_run(run_b), metrics.relevant(read_judgments(qrels))
    judged = {question: grades for question, grades in judgments.items() if question in a or question in b}
    if not judged:
        raise InputError("neither run ranks a question that has a relevant document", where=str(qrels))
    if left_out := len(judgments) - len(judged):
        output.complain(f"Note: {left_out:,} judged questions are in neither run and were left out.")
    for path, run in ((run_a, a), (run_b, b)):
        if missing := len(judged.keys() - run.keys()):
            output.complain(f"Note: {one_line(str(path))} does not rank {missing:,} questions; they count 0.")
    found = metrics.compare(metrics.per_query(judged, a), metrics.per_query(judged, b))
    if as_json:
        told = {name: difference.to_json() for name, difference in found.items()}
        output.put_json({"a": str(run_a), "b": str(run_b), "questions": len(judged), "metrics": told})
    else:
        _put_comparison(found, len(judged))


eval.add_command(sweep)
eval.add_command(report)
eval.add_command(answers)


async def _evaluate(
    settings: Settings,
    questions: Mapping[str, str],
    judgments: Mapping[str, Mapping[str, int]],
    corpus: tuple[str, ...],
    depth: int,
    watch: Watch,
) -> Evaluation:
    from assistant.analysis.evaluation import evaluate, scorable, temporary_index
    from assistant.answering.retrieval import Searcher

    scorable(questions, judgments)  # a mismatch of the two files is told before a corpus is ingested
    async with AsyncExitStack() as stack:
        if corpus:
            with watch:
                settings = await stack.enter_async_context(temporary_index(settings, corpus, watch))
            watch.close_remarks()
        searcher = await Searcher.open(settings)
        stack.push_async_callback(searcher.close)
        waits = settings.embedding.provider == "openai" or settings.index.home == "server"
        progress = stack.enter_context(counted("Searching"))
        at_once = _AT_ONCE_ON_SERVERS if waits else 1
        return await evaluate(searcher, questions, judgments, progress, depth=depth, at_once=at_once)


def _write_per_query(path: Path, evaluation: Evaluation) -> None:
    lines = (
        json.dumps({"query": question, **{name: round(value, 6) for name, value in row.items()}}, ensure_ascii=False)
        for question, row in evaluation.per_query.items()
    )
    try:
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _put(evaluation: Evaluation, name: str, depth: int) -> None:
    output.heading(f"{one_line(name)}: {len(evaluation.per_query):,} questions, {depth} documents ranked for each")
    for measure, figure in evaluation.figures.items():
        bounds = "" if figure.low is None else f"   {figure.low:.3f} to {figure.high:.3f}"
        output.say(f"  {measure:<11} {figure.mean:.4f}{bounds}")
    p50, p95 = evaluation.milliseconds
    output.say(f"  one search  {p50:.1f} ms, 95 % within {p95:.1f} ms")


def _put_comparison(found: Mapping[str, Difference], questions: int) -> None:
    output.heading(f"B less A over {questions:,} questions")
    output.say(f"  {'':<11} {'A':>7} {'B':>7} {'B - A':>8}   {'95 % interval':<19} {'p':>7}  better / worse")
    for name, one in found.items():
        bounds: Any = one.difference
        span = "" if bounds.low is None else f"{bounds.low:+.4f} to {bounds.high:+.4f}"
        output.say(
            f"  {name:<11} {one.a:7.4f} {one.b:7.4f} {bounds.mean:+8.4f}   {span:<19} {one.p:7.4f}  {one.better} / {one.worse}"
        )
