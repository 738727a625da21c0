"""`citewell terms`: which terms are near, which belong together, and which mean the same in another language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assistant.analysis.extras import needed
from assistant.analysis.figure import fonts_for
from assistant.analysis.term_lists import TermList, aligned, of_pairs, read_terms
from assistant.commands import output
from assistant.commands import terms_given as given
from assistant.commands import terms_output as told
from assistant.commands.eval_sweep import WRITABLE
from assistant.commands.options import Loaded, with_settings
from assistant.commands.places import check_chart
from assistant.commands.progress import counted
from assistant.commands.stages import stages
from configs.errors import InputError
from configs.files import beside_settings
from ingest.text import one_line
from prompts import library

if TYPE_CHECKING:
    from assistant.analysis.term_clusters import Clustered
    from ingest.matrix import Matrix

C = TypeVar("C", bound=Callable[..., Any])
_LIST = click.Path(exists=True, dir_okay=False, allow_dash=True)


def _common(command: C) -> C:
    """What the commands that embed have in common."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One line of JSON."),
        click.option(
            "--domain",
            metavar="NAME",
            help="What kind of terms: citewell terms domains. Default: medical; none for an embedder whose domain is none.",
        ),
    ):
        command = option(command)
    return command


_column_option = click.option("--column", metavar="NAME", help="Of a .tsv or .csv, by its heading; unset: the first.")
_chart_option = click.option("--chart", type=WRITABLE, help="Draw it there: .svg or .png.")


@click.group(
    epilog=output.example(
        'citewell terms similar "cardiac arrest" --to terms.txt --chart near.svg --profile local',
        "citewell terms cluster terms.txt --pca 0.9 --chart map.svg --profile local",
        "citewell terms match en.txt zh.txt --truth pairs.tsv --profile sglang",
    )
)
def terms() -> None:
    """Compare terms by the embedder: near ones, groups, translations. Needs citewell[analysis]."""


@terms.command(
    epilog=output.example(
        'citewell terms similar "cardiac arrest" --to terms.txt --chart near.svg',
        'citewell terms similar "myocardial infarction" "heart attack" "cardiac arrest" angina',
    )
)
@click.argument("asked", nargs=-1, required=True, metavar="TERM…")
@click.option(
    "--to", "among", type=_LIST, help="The list, a term a line (- is standard input); unset: the TERMs themselves."
)
@click.option("--top", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Terms ranked for each TERM.")
@_column_option
@_chart_option
@_common
@with_settings
def similar(
    asked: tuple[str, ...],
    *,
    among: str | None,
    top: int,
    column: str | None,
    chart: Path | None,
    domain: str | None,
    as_json: bool,
    loaded: Loaded,
) -> int:
    """Rank a list by its nearness to each TERM; show how near all that are named are to each other.

    Every term is sent with the domain's instruction and in its template, on both sides. --chart draws a heat map.
    """
    with needed("comparing terms"):
        from assistant.analysis import term_charts
        from assistant.analysis.terms import alike
        from assistant.analysis.terms import similar as nearest
    queries = list(dict.fromkeys(term for text in asked if (term := one_line(text))))
    if not queries or (among is None and len(queries) < 2):
        raise InputError("there is nothing to compare", fix="Name a list: --to terms.txt; or two TERMs.", usage=True)
    check_chart(chart)
    listed = TermList("those given", queries) if among is None else read_terms(among, column or 0)
    with given.embedding(loaded, domain) as embed:
        found = asyncio.run(nearest(queries, listed, top + (among is None), embed))
    if among is None:
        for n, ranking in enumerate(found.ranked):
            ranking[:] = [near for near in ranking if near.number != n][:top]
    if as_json:
        output.put_json({**given.made(embed, listed), **told.similar_json(queries, listed, found)})
    else:
        told.put_similar(queries, listed, found)
    told.put_alike(alike(found.cosines), TermList("this ranking", found.shown))
    status = told.put_rejected(listed)
    if chart is not None:
        title = f"Cosine of terms ({given.made_by(embed)})"
        _say_missing(found.shown[: term_charts.HEATED])
        term_charts.draw_matrix(found.shown, found.cosines, len(queries), chart, title)
    return status


@terms.command(
    epilog=output.example(
        "citewell terms cluster terms.txt --chart map.svg",
        "citewell terms cluster terms.tsv --column en --pca 0.9 --json",
    )
)
@click.argument("file", type=_LIST, metavar="FILE")
@click.option("--min-size", type=click.IntRange(2), default=4, show_default=True, help="Terms of the smallest cluster.")
@click.option(
    "--pca", "keep", metavar="N|SHARE", help="First PCA to N dimensions, or to a share of the variance, as in 0.9."
)
@_column_option
@_chart_option
@_common
@with_settings
def cluster(
    file: str,
    *,
    min_size: int,
    keep: str | None,
    column: str | None,
    chart: Path | None,
    domain: str | None,
    as_json: bool,
    loaded: Loaded,
) -> int:
    """Find groups of terms (HDBSCAN), each named by its most central term; the rest are outliers.

    With --pca fewer terms are outliers; the share of the variance that is kept is told. --chart draws a map of them all.
    """
    with needed("clustering terms"):
        import sklearn.cluster  # noqa: F401 — what is missing is told before the work, not after

        from assistant.analysis import term_clusters
        from assistant.analysis.terms import alike
    size = given.size(keep)
    check_chart(chart)
    listed = read_terms(file, column or 0)
    with given.embedding(loaded, domain) as embed:
        kept, vectors = asyncio.run(embed.matrix(listed))
    status = told.put_rejected(listed)  # before the clustering, which may find too few terms left
    names = [listed.terms[n] for n in kept]
    less = None if size is None or len(names) < min_size else term_clusters.reduced(vectors, size)
    with counted("Neighbours") as progress:
        found = term_clusters.cluster(vectors if less is None else less.vectors, min_size, progress, vectors)
    if as_json:
        output.put_json({**given.made(embed, listed), **told.clusters_json(names, found, vectors.shape[1], less)})
    else:
        told.put_clusters(listed.title, names, found, less)
    told.put_alike(alike(vectors), listed)
    if chart is not None:
        _draw_clusters(
            chart, vectors if less is None else less.vectors, names, found, f"{listed.title} ({given.made_by(embed)})"
        )
    return status


@terms.command(
    epilog=output.example(
        "citewell terms match en.txt zh.txt --truth pairs.tsv", "citewell terms match pairs.tsv --columns en,zh --json"
    )
)
@click.argument("left", type=_LIST, metavar="FILE")
@click.argument("right", type=_LIST, metavar="[FILE]", required=False)
@click.option("--truth", type=click.Path(exists=True, dir_okay=False), help="A .tsv or .csv of the right pairs.")
@click.option("--aligned", "by_line", is_flag=True, help="The right pairs stand on the same lines of both files.")
@click.option("--columns", metavar="A,B", help="Of one table that is both lists and truth; unset: its first two.")
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="Terms kept for each, in JSON.")
@_common
@with_settings
def match(
    left: str,
    right: str | None,
    *,
    truth: str | None,
    by_line: bool,
    columns: str | None,
    top: int,
    domain: str | None,
    as_json: bool,
    loaded: Loaded,
) -> int:
    """Pair the terms of one list with those of another, in another language, say.

    ↔ stands where each is the other's nearest. Where the right pairs are known (--truth, --aligned, or one table with a
    column for each list), recall@1 and recall@5 say how often a right one is the nearest, or among the nearest five.
    """
    with needed("matching terms"):
        from assistant.analysis.terms import match as matched
    ours, theirs = given.two_lists(left, right, columns)
    pairs, strange = of_pairs(truth, ours, theirs) if truth is not None else ({}, 0)
    if truth is None and (by_line or right is None):
        pairs = aligned(ours, theirs)
    with given.embedding(loaded, domain) as embed:
        found = asyncio.run(matched(ours, theirs, max(top, *told.RECALL), embed))
    if as_json:
        output.put_json({**given.made(embed, ours, theirs), **told.matched_json(ours, theirs, found, pairs, top)})
    else:
        told.put_matched(ours, theirs, found, pairs)
    if by_line and len(ends := {max([*terms.rows, *terms.rejected]) for terms in (ours, theirs)}) > 1:
        output.complain(
            f"Note: the lists end with lines {min(ends)} and {max(ends)}; if a line was lost, the recall is wrong."
        )
    if strange:
        output.complain(f"Note: {strange:,} pairs of {one_line(str(truth))} name a term that is in neither list.")
    told.put_alike(found.alike, theirs)
    return max(told.put_rejected(ours), told.put_rejected(theirs))


@terms.command(epilog=output.example("citewell terms domains"))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def domains(*, as_json: bool, loaded: Loaded) -> None:
    """Print the domains of terms: the instruction of each, and the template that a term is put into."""
    del loaded  # these domains are chosen by --domain alone
    known = library.term_forms()
    if as_json:
        output.put_json({one.domain: {"task": one.task, "template": one.template} for one in known.values()})
        return
    for one in known.values():
        output.heading(one.domain)
        output.say(f"  instruction: {one.task or 'nothing'}\n  template:    {one.template}")
    output.say(f"\nAdd your own to {beside_settings('terms.toml')}, a section with a task and a template each.")


def _draw_clusters(chart: Path, vectors: Matrix, names: Sequence[str], found: Clustered, of: str) -> None:
    """The map; of too many terms a part, evenly."""
    from assistant.analysis.term_charts import draw_map
    from assistant.analysis.term_clusters import MAPPED, flat_map

    step = -(-len(vectors) // MAPPED)
    rows = sorted({*range(0, len(vectors), step), *(one.rows[0] for one in found.clusters[:MAPPED])})
    at = {row: n for n, row in enumerate(rows)}
    with stages() as stage:
        stage("Drawing the map")
        places = flat_map(vectors[rows])
    members = [[at[row] for row in one.rows if row in at] for one in found.clusters[:MAPPED]]
    _say_missing([names[one.rows[0]] for one in found.clusters])
    part = f"{len(rows):,} of " if step > 1 else ""
    title = (
        f"{part}{len(names):,} terms of {of}: {len(found.clusters):,} clusters, {len(found.outliers):,} in none (grey)"
    )
    draw_map(places, [names[row] for row in rows], members, chart, title)


def _say_missing(labels: Sequence[str]) -> None:
    """Letters that no font here has: a box stands for each in a PNG."""
    _, missing = fonts_for(labels)
    if missing:
        output.complain(
            f"Note: no font here has {missing[:20]}: a PNG shows boxes for them, an SVG what its reader has "
            "(for Chinese, install Noto Sans CJK)."
        )
