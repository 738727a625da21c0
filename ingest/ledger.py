"""What has been ingested, by content hash: unchanged documents cost nothing on the next run.

One SQLite file beside the index. The index is the truth: where the two disagree in count or identity
(a crash, another machine's ingest, a lost file), the ledger is rebuilt from the index.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from configs.errors import IndexStoreError
from ingest.documents import Document
from ingest.index.base import Index, StoredDocument
from ingest.papers import Known, identifiers

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL, text_hash TEXT NOT NULL, source TEXT, pmid INTEGER, doi TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_text ON documents (text_hash);
CREATE INDEX IF NOT EXISTS by_pmid ON documents (pmid) WHERE pmid IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_doi ON documents (doi) WHERE doi IS NOT NULL;
CREATE TABLE IF NOT EXISTS superseded (id TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (id, hash)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queries (name TEXT PRIMARY KEY, asked TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS columns (source TEXT PRIMARY KEY, mapped TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS belongs_to (index_id TEXT NOT NULL);
"""
# Of the schema: a ledger of another is made anew from the index; one of 2 keeps whence its documents came.
_VERSION = 4
_FROM_2 = """
ALTER TABLE documents ADD COLUMN pmid INTEGER; ALTER TABLE documents ADD COLUMN doi TEXT;
UPDATE documents SET hash = '';
"""
# Marks a document of which the index holds two versions: it equals no content, so it is stored anew. Where all are marked
# so, none counts, and the ledger is rebuilt.
_TORN = ""


class Ledger:
    """The documents of one index. Open it with `open_ledger`.

    Several ingests into one Qdrant server may share it, each noting what it has stored. Where the file cannot be
    written, what notes raises `IndexStoreError`.
    """

    def __init__(self, database: sqlite3.Connection, path: Path | None = None) -> None:
        self._database = database
        self._path = path

    @contextlib.contextmanager
    def _noting(self) -> Iterator[sqlite3.Connection]:
        """A transaction: written whole or not at all."""
        with _explained(self._path), self._database:
            yield self._database

    def copy(self) -> Ledger:
        """One that holds the same and is nobody else's, in a file that is gone when it is closed; for dry runs."""
        database = sqlite3.connect("")
        self._database.backup(database)
        return Ledger(database)

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Content hash by id, for those of `ids` that are stored."""
        marks = ",".join("?" * len(ids))
        return dict(self._database.execute(f"SELECT id, hash FROM documents WHERE id IN ({marks})", list(ids)))  # noqa: S608 — only question marks are put in

    def same_texts(self, documents: Sequence[Document]) -> dict[str, str]:
        """For those of the documents whose title and text another stored one has: the id of that other, by their own."""
        marks = ",".join("?" * len(documents))
        query = f"SELECT text_hash, min(id), max(id) FROM documents WHERE text_hash IN ({marks}) GROUP BY text_hash"  # noqa: S608 — as above
        stored = {text: ids for text, *ids in self._database.execute(query, [one.text_hash for one in documents])}
        found = ((one.id, [id_ for id_ in stored.get(one.text_hash, ()) if id_ != one.id]) for one in documents)
        return {id_: others[0] for id_, others in found if others}

    def papers(self, pmids: Sequence[int], dois: Sequence[str]) -> list[Known]:
        """The stored documents that state one of these identifiers."""
        found: list[Known] = []
        for column, wanted in (("pmid", pmids), ("doi", dois)):
            marks = ",".join("?" * len(wanted))
            query = f"SELECT id, hash, pmid, doi, source FROM documents WHERE {column} IN ({marks})"  # noqa: S608 — as above
            found += map(Known._make, self._database.execute(query, list(wanted)))
        return found

    def record(self, documents: Sequence[Document | StoredDocument], sources: Sequence[str | None]) -> None:
        """Note that these are stored now, and whence they came. Call it after the index has them, never before.

        A source that is None leaves the one that is known.
        """
        rows = [_row(document, source) for document, source in zip(documents, sources, strict=True)]
        with self._noting() as database:
            database.executemany(
                "INSERT OR IGNORE INTO superseded SELECT id, hash FROM documents WHERE id = ?",
                [row[:1] for row in rows],
            )
            database.executemany(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET hash = excluded.hash,"
                " text_hash = excluded.text_hash, source = coalesce(excluded.source, source), pmid = excluded.pmid,"
                " doi = excluded.doi",
                rows,
            )

    def came_from(self, known: Iterable[tuple[str | None, str]]) -> None:
        """Note the sources of documents that are stored already, as (source, id)."""
        with self._noting() as database:
            database.executemany(
                "UPDATE documents SET source = ?1 WHERE id = ?2 AND source IS NOT ?1",
                [pair for pair in known if pair[0] is not None],
            )

    def sources(self) -> Iterator[tuple[str, str]]:
        """Each document whose source is known, as (id, source)."""
        yield from self._database.execute("SELECT id, source FROM documents WHERE source IS NOT NULL")

    def torn(self) -> bool:
        """Whether the index holds two versions of a document."""
        return self._database.execute("SELECT 1 FROM documents WHERE hash = ?", (_TORN,)).fetchone() is not None

    def forget(self, ids: Sequence[str]) -> None:
        """Note that these are stored no longer. Call it after the index has let go of them."""
        with self._noting() as database:
            database.executemany("DELETE FROM documents WHERE id = ?", [(id_,) for id_ in ids])

    def superseded(self, documents: Sequence[Document]) -> set[str]:
        """The ids of those that were stored once, in this very version, and then gave way to another."""
        marks = ",".join("?" * len(documents))
        query = f"SELECT id, hash FROM superseded WHERE id IN ({marks})"  # noqa: S608 — as above
        rows = set(self._database.execute(query, [document.id for document in documents]))
        return {document.id for document in documents if (document.id, document.hash) in rows}

    def asked(self, queries: Iterable[str], day: date) -> None:
        """Note that PubMed was asked these queries that day."""
        with self._noting() as database:
            database.executemany(
                "INSERT OR REPLACE INTO queries VALUES (?, ?)", [(query, day.isoformat()) for query in queries]
            )

    def queries(self) -> dict[str, date]:
        """The queries that this index was filled from, and the day each was last asked."""
        rows = self._database.execute("SELECT name, asked FROM queries ORDER BY name")
        return {name: date.fromisoformat(asked) for name, asked in rows}

    def map_columns(self, columns: Mapping[str, Mapping[str, str]]) -> None:
        """Note what the columns of tables mean, by source (see `ingest.mapping`); of an empty one, that they are guessed."""
        with self._noting() as database:
            database.executemany("DELETE FROM columns WHERE source = ?", [(source,) for source in columns])
            database.executemany(
                "INSERT INTO columns VALUES (?, ?)",
                [(source, json.dumps(mapped)) for source, mapped in columns.items() if mapped],
            )

    def columns(self) -> dict[str, dict[str, str]]:
        """What was noted so."""
        return {source: json.loads(mapped) for source, mapped in self._database.execute("SELECT * FROM columns")}

    def ids(self, prefix: str) -> list[str]:
        """The stored documents whose id begins so."""
        rows = self._database.execute("SELECT id FROM documents WHERE substr(id, 1, ?) = ?", (len(prefix), prefix))
        return [id_ for (id_,) in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def empty_ledger() -> Ledger:
    """A ledger of nothing, in memory."""
    database = sqlite3.connect(":memory:")
    database.executescript(_SCHEMA)
    return Ledger(database)


def delete_ledger(path: Path) -> None:
    """Remove a ledger and what SQLite keeps beside it; it is no error if there is none."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def columns_in(path: Path) -> dict[str, dict[str, str]]:
    """`Ledger.columns` of a ledger whose index need not be sound; nothing where it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return Ledger(database).columns()
    except sqlite3.Error:
        return {}


async def open_ledger(path: Path, index: Index) -> Ledger:
    """The ledger of an index, rebuilt from it where it does not match, made anew where it is damaged.

    Raises:
        IndexStoreError: the file cannot be written.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return await _matching(path, index)
        except sqlite3.OperationalError:
            raise  # locked, or not to be written: not damaged
        except sqlite3.DatabaseError:
            # A damaged ledger holds nothing that the index does not know.
            delete_ledger(path)
            return await _matching(path, index)


@contextlib.contextmanager
def _explained(path: Path | None) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise IndexStoreError(
            f"cannot be written: {error}",
            where=str(path or "the ledger"),
            fix="Check data_dir and its disk, then run the same command again.",
        ) from error


def _row(
    document: Document | StoredDocument, source: str | None
) -> tuple[str, str, str, str | None, int | None, str | None]:
    paper = identifiers(document.id, document.metadata)
    return document.id, document.hash, document.text_hash, source, paper.pmid, paper.doi


async def _matching(path: Path, index: Index) -> Ledger:
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            older = {2: _FROM_2, 3: ""}.get(version, "DROP TABLE IF EXISTS documents; DROP TABLE IF EXISTS belongs_to;")
            database.executescript(f"BEGIN; {older} {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        owner = database.execute("SELECT index_id FROM belongs_to").fetchone()
        # Reads the whole table, and so finds damage in it.
        known = database.execute("SELECT count(*) FROM documents WHERE hash <> ?", (_TORN,)).fetchone()[0]
        if owner is not None and owner != (index.manifest.id,):
            database.execute("DELETE FROM queries")
            database.execute("DELETE FROM columns")
        if owner != (index.manifest.id,) or known != (await index.counts()).documents:
            await _rebuild(database, index)
    except BaseException:
        database.close()
        raise
    return Ledger(database, path)


async def _rebuild(database: sqlite3.Connection, index: Index) -> None:
    """Note what the index holds; whence it came is known to the ledger alone, and kept."""
    with database:
        ours = database.execute("SELECT 1 FROM belongs_to WHERE index_id = ?", (index.manifest.id,)).fetchone()
        known = "SELECT id, source FROM documents WHERE source IS NOT NULL AND ?"
        sources = dict(database.execute(known, (ours is not None,)).fetchall())
        database.execute("DELETE FROM documents")
        database.execute("DELETE FROM belongs_to")
        async for stored in index.documents():
            database.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET hash = ?",
                (*_row(stored, sources.get(stored.id)), _TORN),
            )
        database.execute("INSERT INTO belongs_to VALUES (?)", (index.manifest.id,))
