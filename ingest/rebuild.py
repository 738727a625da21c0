"""An index made anew, with the settings now in force, beside the old one, which answers until the new one is whole.

From its sources, where paths are given; else from the passages that it holds, out of which its documents are put together
again. That those are the same, to the letter and with all their metadata, is known by their hash.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence, Set
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

from configs.errors import IndexInUse, IndexMissing, IndexStoreError, InputError
from configs.settings import Settings
from ingest import mapping
from ingest.documents import Document, Passage, point_id
from ingest.embedding_cache import open_cached
from ingest.index.base import Index, StoredDocument
from ingest.index.beside import ledger_beside, open_beside, put_in_place
from ingest.index.open import ledger_of, open_index
from ingest.labelling import Labeller, parsed
from ingest.ledger import Ledger, columns_in, open_ledger
from ingest.pipeline import ingest, sourced
from ingest.progress import Observer, Summary
from ingest.readers import registry
from ingest.readers.meter import Meter
from ingest.reading import Chunk
from ingest.run import PLAIN, Manner, Run

# Documents put together at once.
_PAGE = 256
# Passages of one document that are looked for at once: most have one or two, some have hundreds.
_FIRST, _MOST = 2, 64
# White space that may stand between two passages, where they were cut.
_BETWEEN = (" ", "\n", "\t", "\u3000")
_SENTENCE_ENDS = (".", "!", "?", ":", "。", "！", "？")
_NAMED = 3


async def rebuild(paths: Sequence[str], settings: Settings, observer: Observer, manner: Manner = PLAIN) -> Summary:
    """Make the index of these settings anew and exchange it for the old one, which is untouched until then.

    What is interrupted or fails is kept: the same call goes on from there. While it goes on nothing else is stored
    in an embedded index. Where the old one keeps the domain of its questions, so does the new one, unless somebody chose
    another. Where there is none yet, `paths` are simply ingested.

    Raises:
        InputError: documents would be lost that the old one has (not with `manner.prune`), or cannot be put together
            without their paths; or as `ingest`. The old index stays.
        IndexMissing, IndexInUse, IndexStoreError, ServerError, SettingsError
    """
    files = registry.find_files(paths) if paths else []
    mapping.check(files, manner.columns)
    async with AsyncExitStack() as stack:
        try:
            old = await _old(settings, required=not (paths and manner.prune))
        except IndexMissing:
            if not paths:
                raise
            return await ingest(paths, settings, observer, manner)
        if old is not None:
            stack.push_async_callback(old.close)
            settings = old.manifest.filled(settings)
            _see_that_labels_stay(old, settings)
        embedder = open_cached(settings, retries=0)
        if embedder is not None:
            stack.push_async_callback(embedder.close)
        new = await open_beside(settings, None if embedder is None else await embedder.probe())
        try:
            with closing(await open_ledger(ledger_beside(settings), new)) as ledger:
                run = Run(settings, new, ledger, embedder, observer, replace(manner, prune=True))
                if old is not None:
                    ledger.map_columns(columns_in(ledger_of(settings)))
                columns = mapping.of_tables(files, manner.columns, ledger, observer, note=True)
                await _fill(run, files, old, settings, columns)
                if old is not None and not manner.prune:
                    await _see_that_none_is_lost(old, ledger, run.left_out)
        except BaseException:
            await new.close()
            raise
    await put_in_place(settings, new)
    return run.finished()


async def _fill(
    run: Run, files: Sequence[str], old: Index | None, settings: Settings, columns: Mapping[str, mapping.Columns]
) -> None:
    """Bring into the new index what it is to hold, and nothing else."""
    if files or old is None:
        meter = Meter(files)
        run.expected = meter.expected
        await run.over(sourced(files, settings, meter, columns))
        run.ledger.asked(filter(registry.is_query, files), datetime.now(UTC).date())
    else:
        there = (await old.counts()).documents
        run.expected = lambda: there
        with closing(await open_ledger(ledger_of(settings), old)) as known:
            await run.over_chunks(_stored(old, dict(known.sources())))
            for query, day in known.queries().items():
                run.ledger.asked([query], day)
    await run.prune_unseen()  # what an interrupted build from other paths left


def _see_that_labels_stay(old: Index, settings: Settings) -> None:
    Labeller(settings)  # one that cannot be used is told before anything is built
    if lost := sorted(set(old.manifest.labels) - set(parsed(settings.classify))):
        named = " ".join(f"--label {key}=MODEL" for key in lost)
        raise InputError(
            f"index “{old.name}” has labels that would be lost: {', '.join(lost)}",
            fix=f"Name their classifiers: {named} (or classify.labels); or build another --index NAME without them.",
            usage=True,
        )


async def _old(settings: Settings, *, required: bool) -> Index | None:
    """The old index; None for one that cannot be read, unless it is `required`, to be read or to be compared with."""
    try:
        return await open_index(settings, check=False, writing=True)
    except (IndexMissing, IndexInUse):
        raise
    except IndexStoreError as error:
        if not required:
            return None
        error.fix = (
            "Name all PATHs that it was made from, and let go of what they do not have: "
            f"citewell ingest PATH… --rebuild --prune. Otherwise: {error.fix}"
        )
        raise


async def _see_that_none_is_lost(old: Index, ledger: Ledger, left_out: Set[str]) -> None:
    """Refuse to give up what the old index has and the new one has not, other than for a document that is the same paper."""
    kept = set(ledger.ids(""))
    lost = [stored.id async for stored in old.documents() if stored.id not in kept and stored.id not in left_out]
    if lost:
        named = ", ".join(lost[:_NAMED]) + (" …" if len(lost) > _NAMED else "")
        raise InputError(
            f"the new index would lack {len(lost):,} documents that the old one has ({named}); the old one stays",
            fix="Name all PATHs they come from; or let them go: --prune. What was built is kept for the next try.",
        )


async def _stored(index: Index, sources: dict[str, str]) -> AsyncGenerator[Chunk, None]:
    """The documents of an index, put together from its passages, with their sources where known.

    Raises:
        InputError: one cannot be.
    """
    page: list[StoredDocument] = []
    async for stored in index.documents():
        page.append(stored)
        if len(page) >= _PAGE:
            yield await _whole(index, page, sources)
            page = []
    if page:
        yield await _whole(index, page, sources)


async def _whole(index: Index, page: list[StoredDocument], sources: dict[str, str]) -> Chunk:
    passages: dict[str, list[Passage]] = {stored.id: [] for stored in page}
    waiting, known, more = page, 0, _FIRST
    while waiting:
        wanted = [point_id(one.id, n, one.hash) for one in waiting for n in range(known, known + more)]
        for passage in await index.fetch(wanted):
            passages[passage.doc_id].append(passage)
        known, more = known + more, min(2 * more, _MOST)
        waiting = [one for one in waiting if len(passages[one.id]) == known]
    chunk: Chunk = []
    for stored in page:
        document = put_together(passages[stored.id])
        if document is None:
            came = f" It came from {sources[stored.id]}." if stored.id in sources else ""
            raise InputError(
                f"{stored.id} cannot be put together exactly from its passages; the old index stays",
                fix=f"Name the PATHs that the index was made from: citewell ingest PATH… --rebuild.{came}",
            )
        chunk.append((sources.get(stored.id), document))
    return chunk


def put_together(passages: Sequence[Passage]) -> Document | None:
    """The document that was cut into these; None where it cannot be the same.

    Between two passages white space may be missing. What it was is found by trying, alike for all cuts of a kind (amid
    a sentence or after one, one character or more), and the document's hash decides.
    """
    ordered = sorted(passages, key=lambda passage: passage.ordinal)
    if not ordered:
        return None
    first = ordered[0]
    kinds = sorted({kind for kind in map(_cut, [None, *ordered], ordered) if kind is not None})
    for spaces in product(_BETWEEN, repeat=len(kinds)):
        fill = dict(zip(kinds, spaces, strict=True))
        text = ""
        for before, passage in zip([None, *ordered], ordered, strict=False):
            kind, missing = _cut(before, passage), passage.start - len(text)
            text += passage.text[-missing:] if kind is None else fill[kind] * missing + passage.text
        places = tuple(sorted({place for passage in ordered for place in passage.places}))
        document = Document(first.doc_id, first.title, text, first.metadata, first.doc_id, places)
        if document.hash == first.hash:
            return document
    return None


def _cut(before: Passage | None, after: Passage) -> tuple[bool, bool] | None:
    """Which kind of cut is between two passages: after a sentence, several characters wide; None where nothing is missing."""
    end = 0 if before is None else before.end
    if after.start <= end:
        return None
    return before is not None and before.text.endswith(_SENTENCE_ENDS), after.start - end > 1
