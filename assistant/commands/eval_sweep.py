"""`citewell eval sweep` and `report`: what each setting is worth, as a table, a picture, a profile, a page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.analysis.extras import needed
from assistant.analysis.judged import read_judgments, read_questions
from assistant.commands import output
from assistant.commands.ingest import SOME_REJECTED
from assistant.commands.options import Loaded, domain_option, filter_option, with_settings
from assistant.commands.places import check_chart, check_place
from assistant.commands.progress import counted
from configs.errors import InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.analysis.sweep import Row, Swept
    from configs.settings import Settings

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITABLE = click.Path(dir_okay=False, writable=True, path_type=Path)
_BAR = 24


@click.command(
    epilog=output.example(
        "citewell eval sweep --queries q.jsonl --qrels q.tsv --corpus corpus.jsonl --profile local --chart sweep.svg",
        "citewell eval sweep … --axis dimensions --axis pca --chart sizes.svg",
        "citewell eval sweep … --axis dimensions --values 32,64,128,256,512 --write-profile small.toml --within 0.005",
    )
)
@click.option("--queries", type=READABLE, required=True, help='Questions: lines of {"_id", "text"}, as BEIR has them.')
@click.option("--qrels", type=READABLE, required=True, help="Judgments: BEIR's tsv or TREC's qrels.")
@click.option(
    "--corpus", multiple=True, required=True, metavar="PATH", help="What is searched; embedded once, and kept."
)
@click.option("--axis", "named", multiple=True, metavar="AXIS", help="What to vary; several times for several axes.")
@click.option("--values", multiple=True, metavar="A,B,C", help="The values of the axis in the same place.")
@click.option("--chart", type=WRITABLE, help="Draw it there: .svg or .png.")
@click.option(
    "--write-profile", "profile_file", type=WRITABLE, help="Write the best setting there, for CITEWELL_CONFIG."
)
@click.option(
    "--within",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Of all that come so near to the best nDCG@10, the smallest.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@filter_option
@domain_option
@with_settings
def sweep(
    queries: Path,
    qrels: Path,
    *,
    corpus: tuple[str, ...],
    named: tuple[str, ...],
    values: tuple[str, ...],
    chart: Path | None,
    profile_file: Path | None,
    within: float,
    as_json: bool,
    loaded: Loaded,
) -> int:
    """Vary one setting at a time around those in force and say what each is worth.

    AXIS is dimensions (the first N, renormalised: Matryoshka), pca, random (projection), quantization (int8; binary
    with rescoring; both simulated, in memory), weights (of the two halves), fusion, instructions (the domains), chunks,
    rerankers, or any key of the settings. Quality, bytes per vector, the variance kept and latency stand side by side, and which
    is the smallest size within --within (or 0.01) of MRR@10 as set; p says how often
    chance alone would differ as much from the settings in force. Latency leaves out the embedding of the question.
    The corpus is embedded once, at full size, and the vectors are kept in citewell's cache folder.
    """
    with needed("a sweep"):
        from assistant.analysis import axes, charts, profile
    check_chart(chart)
    check_place(profile_file, "--write-profile")
    wanted = _wanted(named, values) or dict.fromkeys(axes.DEFAULT, ())
    reasons = {axes.missing(axis, loaded.settings) for axis in named}
    if reasons and "" not in reasons:
        raise InputError(
            f"none of the axes asked for can be varied: {'; '.join(sorted(reasons))}",
            fix="Add --profile local (an embedder in process) or --profile sglang (a reranker too).",
            usage=True,
        )
    swept, rejected = asyncio.run(_sweep(loaded.settings, queries, qrels, corpus, wanted, within))
    title = ", ".join(Path(name).name for name in corpus)
    for axis, reason in swept.skipped.items():
        output.complain(f"Skipped {axis}: {reason}.")
    if as_json:
        output.put_json(swept.to_json())
    else:
        put_swept(swept)
    if profile_file is not None:
        _write(profile_file, profile.profile_text(loaded, swept, f"{title} with {queries.name}"))
        if not as_json:
            output.say(f"\nWritten: {one_line(str(profile_file))} (use it with CITEWELL_CONFIG)")
    if chart is not None and not charts.draw_sweep(swept, chart, f"{title}: {queries.name}"):
        output.complain(f"Note: no axis ran, so there is nothing to draw: {one_line(str(chart))} is not written.")
    return SOME_REJECTED if rejected or any(row.measured.warnings for row in swept.rows) else 0


@click.command(epilog=output.example("citewell eval report sets.toml --out results --profile local"))
@click.argument("sets", type=READABLE, metavar="SETS.toml")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder of the page.")
@with_settings
def report(sets: Path, *, out: Path, loaded: Loaded) -> int:
    """Measure words, vectors and both on each collection of SETS.toml; write a page with tables and charts.

    A collection is [[sets]] with name, corpus (a list of paths), queries and qrels, as seen from that file; axes (a
    list) are swept and drawn, embed = false leaves out vectors, most = N takes the first N questions, note says what a reader should know of it.
    """
    with needed("a results page"):
        from assistant.analysis import report as results
        from assistant.analysis.sets import read_collections
    collections = read_collections(sets)
    for one in collections.sets:
        for path in (*one.corpus, one.queries, one.qrels):
            if not path.exists():
                raise InputError(f"{one.name}: there is no {path.name}", where=str(path))
    shown = []
    for one in collections.sets:
        output.complain(f"{one.name} …")
        shown.append(asyncio.run(results.measure(one, loaded.settings, counted)))
    for path in results.write_page(out, collections, loaded.settings, shown):
        output.say(one_line(str(path)))
    warnings = [warning for one in shown for measured in one.systems.values() for warning in measured.warnings]
    for warning in dict.fromkeys(warnings):
        output.complain(f"Note: {warning}")
    return SOME_REJECTED if warnings else 0


def _wanted(named: Sequence[str], values: Sequence[str]) -> dict[str, Sequence[str]]:
    if len(values) > len(named):
        raise click.UsageError("Each --values belongs to the --axis in the same place; there are more of them.")
    listed = [[part.strip() for part in text.split(",") if part.strip()] for text in values]
    return {axis: listed[n] if n < len(listed) else () for n, axis in enumerate(named)}


async def _sweep(
    settings: Settings,
    queries: Path,
    qrels: Path,
    corpus: Sequence[str],
    wanted: Mapping[str, Sequence[str]],
    within: float,
) -> tuple[Swept, int]:
    from assistant.analysis.evaluation import scorable
    from assistant.analysis.laboratory import Laboratory
    from assistant.analysis.sweep import sweep as run_sweep

    asked, judged = scorable(read_questions(queries), read_judgments(qrels))
    async with Laboratory(corpus, asked, judged, counted) as laboratory:
        relevant = {document for grades in judged.values() for document, grade in grades.items() if grade > 0}
        if missing := len(relevant - laboratory.ids):
            output.complain(f"Note: {missing:,} of {len(relevant):,} relevant documents are not in the corpus.")
        if laboratory.rejected:
            output.complain(f"Note: {laboratory.rejected:,} records of the corpus cannot be read.")
        return await run_sweep(laboratory, settings, wanted, within), laboratory.rejected


def put_swept(swept: Swept) -> None:
    """The table, with a bar for nDCG@10 between the worst and the best of its axis."""
    base = swept.rows[0]
    output.heading(
        f"{len(base.measured.per_query):,} questions; nDCG@10 with its 95 % interval; “kept”: of the vectors' variance; "
        "a bar from the worst of all to the best"
    )
    head = f"  {'':<14} {'nDCG@10':>7} {'interval':<15} {'MRR@10':>7} {'B/vector':>8} {'kept':>6} {'ms':>6} {'p':>6}"
    tops = [row.figures["nDCG@10"].mean for row in swept.rows]
    for axis in dict.fromkeys(row.axis for row in swept.rows):
        output.heading(f"\n{axis}\n{head}")
        for row in swept.axis(axis):
            output.say(_line(row, min(tops), max(tops)))
    for told in swept.conclusions():
        output.say(f"\n{told}")
    best = swept.best
    winner = ", ".join(f"{key} = {value}" for key, value in best.flags.items()) or "what is set"
    output.say(f"\nBest: {one_line(winner)} (nDCG@10 {best.figures['nDCG@10'].mean:.4f})")
    for row in swept.rows:
        for warning, times in row.measured.warnings.items():
            output.complain(f"Note: {row.axis} {row.value}: {times:,} questions: {warning}")


def _line(row: Row, low: float, high: float) -> str:
    figure, times = row.figures["nDCG@10"], row.measured.milliseconds
    interval = "" if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"
    size: Any = "–" if row.measured.bytes_per_vector is None else row.measured.bytes_per_vector
    kept = "" if row.measured.variance is None else f"{row.measured.variance:.1%}"
    spent = "–" if times is None else f"{times[0]:.1f}"
    chance = "" if row.against is None else f"{row.against.p:.3f}"
    share = 1.0 if high == low else (figure.mean - low) / (high - low)
    bar = "▇" * round(share * _BAR)
    return (
        f"  {one_line(row.value):<14} {figure.mean:7.4f} {interval:<15} {row.figures['MRR@10'].mean:7.4f}"
        f" {size:>8} {kept:>6} {spent:>6} {chance:>6} {bar}"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
