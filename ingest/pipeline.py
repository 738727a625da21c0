"""What an ingest does, from paths to a finished index; one pass over the records is `ingest.run`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime

from configs.errors import IndexMissing, InputError
from configs.settings import Settings
from ingest import mapping, sources
from ingest.embedding_cache import open_cached
from ingest.index.base import Index
from ingest.index.open import create_index, ledger_of, open_index
from ingest.labelling import Labeller
from ingest.ledger import empty_ledger, open_ledger
from ingest.progress import Observer, Summary
from ingest.readers import registry
from ingest.readers.fields import PMID
from ingest.readers.meter import Meter
from ingest.reading import Sourced
from ingest.run import PLAIN, Manner, Run

# Under this name the ledger notes when stored records were last compared with PubMed's; it is no query.
_COMPARED = "pubmed"
_LONG_AGO = date(1800, 1, 1)


async def ingest(paths: Sequence[str], settings: Settings, observer: Observer, manner: Manner = PLAIN) -> Summary:
    """Bring the documents of `paths` into the index of these settings, making it where there is none.

    Whatever happens, what was stored stays, and the same call goes on from there. A task that is cancelled
    finishes what is under way before it ends.

    Raises:
        InputError: a path is not there or of no known format, and nothing was done; or a reject, where `strict`.
        IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
    """
    files = registry.find_files(paths)
    if manner.prune and registry.STANDARD_INPUT in files:
        raise InputError("what vanished from standard input cannot be known", fix="Leave out --prune.", usage=True)
    mapping.check(files, manner.columns)
    async with opened(settings, observer, manner) as run:
        columns = mapping.of_tables(files, manner.columns, run.ledger, observer, note=not manner.dry_run)
        meter = Meter(files)
        run.expected = meter.expected
        await run.over(sourced(files, settings, meter, columns))
        if manner.prune:
            await run.prune(sources.covered_by(paths))
        if not manner.dry_run:
            run.ledger.asked(filter(registry.is_query, files), datetime.now(UTC).date())
        return run.finished()


async def refresh(settings: Settings, observer: Observer, manner: Manner = PLAIN) -> Summary:
    """Bring in what PubMed has new for the queries of this index, and what it has changed of the records in it.

    A record that was retracted or corrected since replaces the one that is stored.

    Raises:
        InputError: nothing in the index is from PubMed; or a reject, where `strict`.
        IndexMissing, IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
    """
    # Imported here: files need no network.
    from ingest.entrez import read_changes

    async with opened(settings, observer, manner, make=False) as run:
        queries = run.ledger.queries()
        numbers = [id_.removeprefix(PMID) for id_ in run.ledger.ids(PMID)]
        if not queries and not numbers:
            raise InputError(
                f"nothing in index “{settings.index.name}” is from PubMed",
                fix="Ingest some first: citewell ingest pubmed:QUERY.",
            )
        today = datetime.now(UTC).date()
        compared = queries.pop(_COMPARED, min(queries.values(), default=_LONG_AGO))
        await run.over((None, record) for record in read_changes(queries, numbers, compared, settings.pubmed))
        if not manner.dry_run:
            run.ledger.asked([*queries, _COMPARED], today)
        return run.finished()


def sourced(
    files: Sequence[str],
    settings: Settings,
    meter: Meter | None = None,
    columns: Mapping[str, mapping.Columns] | None = None,
) -> Sourced:
    """Every record of these files, with its source; `meter` is told how far it is, `columns` say what tables mean."""
    for name in files:
        source = sources.named(name)
        for record in registry.read(name, settings.pubmed, meter, (columns or {}).get(name)):
            yield source, record


@asynccontextmanager
async def opened(settings: Settings, observer: Observer, manner: Manner, *, make: bool = True) -> AsyncIterator[Run]:
    """A run over an open index, with its ledger and embedder; all closed at the end."""
    async with AsyncExitStack() as stack:
        Labeller(settings)  # a classifier that cannot be used is told before there is an index
        embedder = None if manner.dry_run else open_cached(settings, retries=0)
        if embedder is not None:
            stack.push_async_callback(embedder.close)
        # One probe before anything is read: a wrong key or address is told at once.
        dimensions = None if embedder is None else await embedder.probe()
        try:
            index: Index | None = await open_index(settings, dimensions=dimensions, writing=not manner.dry_run)
        except IndexMissing:
            if not make:
                raise
            index = None if manner.dry_run else await create_index(settings, dimensions)
        if index is not None:
            stack.push_async_callback(index.close)
            index.manifest.check(settings, index.name, dimensions)  # a dry run, too, says what storing would
        ledger = await open_ledger(ledger_of(settings), index) if index is not None else empty_ledger()
        stack.callback(ledger.close)
        if manner.dry_run:
            ledger = ledger.copy()
            stack.callback(ledger.close)
        yield Run(settings, index, ledger, embedder, observer, manner)
