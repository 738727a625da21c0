"""`citewell ingest`: files, and what PubMed finds, into an index."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from assistant.commands import output
from assistant.commands.ingest_watch import Watch, told
from assistant.commands.options import Loaded, domain_option, label_option, with_settings
from assistant.commands.stages import stages
from configs.errors import CitewellError
from configs.settings import Settings
from ingest.index.open import optimize_index
from ingest.mapping import parsed
from ingest.pipeline import ingest as run_ingest
from ingest.pipeline import refresh as run_refresh
from ingest.progress import Summary
from ingest.run import Manner

SOME_REJECTED = 3


@click.command(
    epilog=output.example(
        "citewell ingest abstracts.jsonl papers/",
        "zcat dump.jsonl.gz | citewell ingest - --index pubmed --json",
        "citewell ingest pubmed:'metformin AND kidney' --max 200",
        "citewell ingest papers/ --prune --dry-run",
        "citewell ingest --rebuild --set embedding.dimensions=512",
        "citewell ingest notes.jsonl --label department=model",
    )
)
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--max", "most", type=click.IntRange(1, 9_999), help="Records of each pubmed: query (default: 500).")
@click.option(
    "--refresh", is_flag=True, help="Instead of PATH: what PubMed has new for earlier queries, retracted or corrected."
)
@click.option(
    "--rebuild", is_flag=True, help="Make the index anew with these settings; the old one answers until then."
)
@click.option(
    "--columns", metavar="FIELD=COLUMN,…", help="Of tables: title=Titel,text=Abstract,year=Jahr; kept for the next run."
)
@click.option("--prune", is_flag=True, help="Delete what came from PATH before and is no longer there.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--keep-duplicates", is_flag=True, help="Store papers again that have another id elsewhere (PMID, DOI).")
@click.option("--strict", is_flag=True, help="End at the first record that has to be rejected.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="ray: on many machines.")
@click.option("--workers", type=click.IntRange(1, 10_000), default=2, show_default=True, help="Of the ray engine.")
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Where rejected records go (JSON Lines)."
)
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON on standard output.")
@click.option("--events", is_flag=True, help="Progress and remarks as JSON Lines on standard error.")
@domain_option
@label_option
@with_settings
def ingest(
    paths: tuple[str, ...],
    *,
    most: int | None,
    refresh: bool,
    rebuild: bool,
    columns: str | None,
    prune: bool,
    dry_run: bool,
    keep_duplicates: bool,
    strict: bool,
    engine: str,
    workers: int,
    rejects: Path | None,
    as_json: bool,
    events: bool,
    loaded: Loaded,
) -> int:
    """Bring documents into an index.

    PATH is a file, a folder of them, or - for standard input: JSON Lines, JSON, PubMed XML, JATS, MEDLINE, RIS, CSV,
    PDF, HTML, Markdown or plain text, gzip and zstd unpacked. A JSON record is {"id", "title", "abstract"}; "text"
    serves for "abstract", every other key is kept as metadata. What is unchanged since an earlier run is skipped; an
    edited document replaces its passages.

    pubmed:"metformin AND kidney" asks PubMed; an API key in CITEWELL_PUBMED__API_KEY makes it faster.

    Ctrl+C finishes what is under way; the same command goes on from there. An embedding server that goes away is
    waited for.

    --rebuild is for another embedder, size of passages or form of the index: it builds a new one beside the old one,
    of PATH, or of what the old one holds, and exchanges the two when the new one is whole.

    --engine ray reads and embeds on the Ray cluster of RAY_ADDRESS, else on one that it starts on this machine, into
    a Qdrant server.
    """
    if engine == "ray" and (refresh or rebuild or prune or dry_run or strict):
        raise click.UsageError("--engine ray takes no --refresh, --rebuild, --prune, --dry-run or --strict.")
    _see_that_it_fits(paths, refresh=refresh, rebuild=rebuild, prune=prune, dry_run=dry_run)
    mapped = None if columns is None else parsed(columns)
    if columns is not None and (engine == "ray" or not paths):
        raise click.UsageError("--columns needs a PATH, and the local engine.")
    settings = loaded.settings
    if most is not None:
        settings = settings.model_copy(update={"pubmed": settings.pubmed.model_copy(update={"limit": most})})
    manner = Manner(prune=prune, dry_run=dry_run, strict=strict, columns=mapped, every=keep_duplicates, processes=True)
    watch = Watch(rejects or settings.data_dir / "rejects" / f"{settings.index.name}.jsonl", events=events)
    summary = _run(paths, settings, watch, manner, anew=rebuild, workers=workers if engine == "ray" else 0)
    if (summary.documents or rebuild) and settings.index.optimize_from and not dry_run:
        with stages() as tell:
            asyncio.run(optimize_index(settings, tell, least=settings.index.optimize_from))
    if as_json:
        output.put_json(summary.to_json())
    else:
        output.say(told(summary))
    return SOME_REJECTED if summary.failed else 0


def _see_that_it_fits(paths: tuple[str, ...], *, refresh: bool, rebuild: bool, prune: bool, dry_run: bool) -> None:
    if refresh and (paths or prune or rebuild):
        raise click.UsageError("--refresh stands alone.")
    if not (paths or refresh or rebuild):
        raise click.UsageError("Name what to ingest: a PATH, or --refresh, or --rebuild alone.")
    if rebuild and dry_run:
        raise click.UsageError("--rebuild changes nothing before it is done; it takes no --dry-run.")


def _run(
    paths: tuple[str, ...], settings: Settings, watch: Watch, manner: Manner, *, anew: bool, workers: int
) -> Summary:
    """The run, watched; what ends it early is told with what is kept. With `workers`, on Ray."""
    try:
        with watch:
            if anew:
                from ingest.rebuild import rebuild  # seldom needed

                run = rebuild(paths, settings, watch, manner)
            elif workers:
                from ingest.distributed import ingest_on_ray  # its extra is seldom installed

                run = ingest_on_ray(paths, settings, watch, workers)
            elif paths:
                run = run_ingest(paths, settings, watch, manner)
            else:
                run = run_refresh(settings, watch, manner)
            summary = asyncio.run(run)
    except (CitewellError, KeyboardInterrupt):
        if watch.latest.documents and not manner.dry_run:
            output.complain(
                f"Stopped. {told(watch.latest)} What is stored is kept; the same command goes on from there."
            )
        raise
    watch.close_remarks()
    if summary.failed:
        output.complain(f"The rejected records are in {watch.rejects}")
    return summary
