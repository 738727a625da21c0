"""`citewell ingest`: files into an index."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NoReturn

import click

from assistant.commands import output
from assistant.commands.options import Loaded, domain_option, with_settings
from assistant.commands.stages import stages
from configs.errors import CitewellError
from ingest.documents import Document
from ingest.index.open import optimize_index
from ingest.pipeline import Summary
from ingest.pipeline import ingest as run_ingest
from ingest.pipeline import refresh as run_refresh
from ingest.readers.base import Rejected
from ingest.text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

SOME_REJECTED = 3
# Of each kind of remark, so many are printed one by one; the summary counts them all.
_MOST_REMARKS = 20
_SECONDS_BETWEEN_LINES = 5.0


@click.command(
    epilog=output.example(
        "citewell ingest abstracts.jsonl papers/",
        "zcat dump.jsonl.gz | citewell ingest - --index pubmed --json",
        "citewell ingest pubmed:'metformin AND kidney' --max 200",
    )
)
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--max", "most", type=click.IntRange(1, 9_999), help="Records of each pubmed: query (default: 500).")
@click.option(
    "--refresh", is_flag=True, help="Instead of PATH: what PubMed has new for earlier queries, retracted or corrected."
)
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON on standard output.")
@domain_option
@with_settings
def ingest(paths: tuple[str, ...], *, most: int | None, refresh: bool, as_json: bool, loaded: Loaded) -> int:
    """Bring documents into an index.

    PATH is a file, a folder of them, or - for standard input: JSON Lines, JSON, PubMed XML, JATS, MEDLINE, RIS, CSV,
    PDF, HTML, Markdown or plain text, gzip and zstd unpacked. A JSON record is {"id", "title", "abstract"}; "text"
    serves for "abstract", every other key is kept as metadata. What is unchanged since an earlier run is skipped; an
    edited document replaces its passages.

    pubmed:"metformin AND kidney" asks PubMed; an API key in CITEWELL_PUBMED__API_KEY makes it faster.
    """
    if refresh == bool(paths):
        raise click.UsageError("Name what to ingest: a PATH, or --refresh alone.")
    settings = loaded.settings
    if most is not None:
        settings = settings.model_copy(update={"pubmed": settings.pubmed.model_copy(update={"limit": most})})
    watch = Watch()
    # asyncio's own handler acts at the next await, which a read that waits for standard input never reaches.
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with watch:
            run = run_refresh(settings, watch) if refresh else run_ingest(paths, settings, watch)
            summary = asyncio.run(run)
    except (CitewellError, KeyboardInterrupt):
        if watch.latest.documents:
            output.complain(
                f"Stopped. {_told(watch.latest)} What is stored is kept; the same command goes on from there."
            )
        raise
    watch.close_remarks()
    if summary.documents and settings.index.optimize_from:
        with stages() as tell:
            asyncio.run(optimize_index(settings, tell, least=settings.index.optimize_from))
    if as_json:
        output.put_json(summary.to_json())
    else:
        output.say(_told(summary))
    return SOME_REJECTED if summary.failed else 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


class Watch:
    """Progress and remarks on standard error: a bar on a terminal, a plain line now and then elsewhere."""

    def __init__(self) -> None:
        self.latest = Summary()
        self._remarks = {"rejected": 0, "replaced": 0, "the same content": 0}
        self._last_line = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Watch:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("Reading …", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progressed(self, summary: Summary, origin: str) -> None:
        """See `Observer`."""
        self.latest = summary
        text = f"{summary.documents:,} documents, {summary.passages:,} passages, {summary.skipped:,} unchanged · {one_line(origin)}"
        if self._bar is not None:
            self._bar.update(self._task, description=text)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            output.complain(text)

    def rejected(self, record: Rejected) -> None:
        """See `Observer`."""
        self._remark("rejected", f"{record.origin}: rejected: {record.reason}")

    def replaced(self, document: Document) -> None:
        """See `Observer`."""
        self._remark("replaced", f"{document.origin}: {document.id} replaces the earlier record of that id")

    def duplicated(self, document: Document, other: str) -> None:
        """See `Observer`."""
        self._remark(
            "the same content", f"{document.origin}: {document.id} has the same content as {other}; both are kept"
        )

    def close_remarks(self) -> None:
        """Say how many remarks were not printed."""
        for kind, count in self._remarks.items():
            if count > _MOST_REMARKS:
                output.complain(f"… and {count - _MOST_REMARKS:,} more: {kind}")

    def _remark(self, kind: str, text: str) -> None:
        self._remarks[kind] += 1
        if self._remarks[kind] <= _MOST_REMARKS:
            with self._above_the_bar():
                output.complain(one_line(text))

    def _above_the_bar(self) -> AbstractContextManager[object]:
        return nullcontext() if self._bar is None else _Paused(self._bar)


class _Paused:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    def __enter__(self) -> None:
        self._bar.stop()

    def __exit__(self, *_: object) -> None:
        self._bar.start()


def _told(summary: Summary) -> str:
    parts = [
        f"{summary.documents:,} documents stored ({summary.passages:,} passages)",
        f"{summary.skipped:,} unchanged",
        f"{summary.failed:,} rejected",
    ]
    parts += [f"{summary.replaced:,} replaced an earlier record"] if summary.replaced else []
    parts += [f"{summary.duplicates:,} repeat another's content"] if summary.duplicates else []
    return f"Index {summary.index}: {', '.join(parts)} in {summary.seconds:.1f} s."
