"""The embedded home: Qdrant Edge, in process, one folder an index. Edge admits one opener and holds the GIL in every call.

{data_dir}/indexes/{name}/manifest.json   how it was made
                          lock            held by the process that has it open, and where that one can be reached
                          ledger.sqlite   what has been ingested (ingest/ledger.py)
                          shard/          Qdrant Edge's own files
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdrant_edge
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FacetRequest,
    FieldCondition,
    Filter,
    HasIdCondition,
    MatchAny,
    MatchValue,
    Modifier,
    PayloadSchemaType,
    Point,
    PointVectors,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScrollRequest,
    UpdateOperation,
)
from qdrant_edge import SparseVector as EdgeSparseVector

from configs.errors import IndexInUse, IndexMissing
from ingest import facets
from ingest.documents import Passage
from ingest.index import succession, swap
from ingest.index.base import (
    DENSE,
    INDEXED_KEYS,
    LEDGER_KEYS,
    LEXICAL,
    MOST_FACETS,
    Candidates,
    Counts,
    Entry,
    Hit,
    Manifest,
    StoredDocument,
    Vector,
)
from ingest.index.faults import CHECK_DISK, explained, failed, missing, need_space
from ingest.index.locks import Lock, acquire
from ingest.lexical import SparseVector

if TYPE_CHECKING:
    from ingest import filters

_SCROLL_PAGE = 2_000
# Passages upserted in one call of Edge, about 5 ms: what else this event loop has to do waits no longer.
SLICE = 64
_PASSAGE_KEYS = [field.name for field in fields(Passage)]
_SCHEMAS = {"keyword": PayloadSchemaType.Keyword, "integer": PayloadSchemaType.Integer}


class EmbeddedIndex:
    """An open index in a folder of this machine. Made by `create` or `load`."""

    def __init__(self, folder: Path, manifest: Manifest, shard: EdgeShard, lock: Lock) -> None:
        self.name = folder.name
        self.folder = folder
        self.manifest = manifest
        self._shard = shard
        self._copy: swap.Copy | None = None
        self.lock = lock

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> EmbeddedIndex:
        """Make a new, empty index; what a crash left of an earlier attempt is cleared away.

        Raises:
            IndexInUse: another process is making or holding it.
        """
        lock = acquire(folder, make=True)
        if (folder / "manifest.json").exists():
            lock.close()
            raise IndexInUse(
                f"index “{folder.name}” was just made by another process",
                where=str(folder),
                fix="Run the same command again.",
            )
        try:
            with explained(folder, "written", CHECK_DISK):
                need_space(folder)
                shard = _make_shard(folder / "shard", manifest)
                # The manifest comes last: a folder without one was never finished.
                partial = folder / "manifest.json.new"
                partial.write_text(json.dumps(manifest.to_json(), indent=2), "utf-8")
                partial.replace(folder / "manifest.json")
        except BaseException:
            lock.close()
            raise
        return cls(folder, manifest, shard, lock)

    @classmethod
    def load(cls, folder: Path, lock: Lock | None = None) -> EmbeddedIndex:
        """Open an index that is there; `lock` for who holds it already.

        Raises:
            IndexMissing, IndexInUse, IndexStoreError: none there; held elsewhere; damaged.
        """
        lock = lock or acquire(folder)
        try:
            with explained(folder, "opened"):
                succession.finish(folder)
            manifest = read_manifest(folder)
            with explained(folder, "opened"):
                need_space(folder)
                swap.recover(folder)
                shard = EdgeShard.load(str(folder / "shard"))
        except BaseException:
            lock.close()
            raise
        return cls(folder, manifest, shard, lock)

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """See `Index.store`."""
        for start in range(0, len(entries), SLICE):
            self.put(entries[start : start + SLICE])
            await asyncio.sleep(0)
        if replaced:
            self.drop(replaced, [entry.passage.point_id for entry in entries])

    def put(self, entries: Sequence[Entry]) -> None:
        """Upsert entries, all at once."""
        if self._copy is not None:
            self._copy.changed.update(entry.passage.doc_id for entry in entries)
        with explained(self.folder, "written", CHECK_DISK):
            need_space(self.folder)
            self._shard.update(UpdateOperation.upsert_points([_point(entry) for entry in entries]))

    def drop(self, documents: Sequence[str], kept: Sequence[str]) -> None:
        """Delete every passage of some documents whose point is not among those kept."""
        if self._copy is not None:
            self._copy.changed.update(documents)
        stale = Filter(
            must=[FieldCondition(key="doc_id", match=MatchAny(list(documents)))],
            must_not=[HasIdCondition(set(kept))] if kept else None,
        )
        with explained(self.folder, "written", CHECK_DISK):
            found = self._shard.count(CountRequest(filter=stale))
            if not found:
                return
            records, _ = self._shard.scroll(ScrollRequest(limit=found, filter=stale, with_payload=False))
            # A deleted point's words count in the idf until the index is opened anew; one with none left counts nowhere.
            wordless = [PointVectors(str(record.id), {LEXICAL: EdgeSparseVector([], [])}) for record in records]
            self._shard.update(UpdateOperation.update_vectors(wordless))
            self._shard.update(UpdateOperation.delete_points([str(record.id) for record in records]))

    async def candidates(
        self, lexical: SparseVector, dense: Vector | None, limit: int, where: filters.Filter | None = None
    ) -> Candidates:
        """See `Index.candidates`."""
        requests = {}
        passing = where.pushed_down(qdrant_edge) if where else None
        if lexical:
            sparse = EdgeSparseVector(list(lexical.indices), list(lexical.values))
            requests[LEXICAL] = QueryRequest(query=Query.Nearest(sparse, using=LEXICAL), limit=limit, filter=passing)
        if dense is not None:
            nearest = Query.Nearest(list(dense), using=DENSE)
            requests[DENSE] = QueryRequest(query=nearest, limit=limit, filter=passing)
        if not requests:
            return Candidates()
        with explained(self.folder, "searched"):
            found = self._shard.query_batch(QueryBatchRequest(list(requests.values())))
        halves = {
            half: [Hit(str(point.id), point.score) for point in points]
            for half, points in zip(requests, found, strict=True)
        }
        return Candidates(halves.get(LEXICAL, []), halves.get(DENSE, []))

    async def fetch(self, point_ids: Sequence[str]) -> list[Passage]:
        """See `Index.fetch`."""
        return [Passage.from_payload(payload) for payload in self.payloads(point_ids)]

    def payloads(self, point_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What `fetch` makes passages of."""
        with explained(self.folder, "read"):
            found = self._shard.retrieve(list(point_ids), with_payload=_PASSAGE_KEYS, with_vector=False)
        payloads = {str(record.id): _unfolded(record.payload or {}) for record in found}
        return [payloads[id_] for id_ in point_ids if id_ in payloads]

    async def counts(self, where: filters.Filter | None = None) -> Counts:
        """See `Index.counts`."""
        passing = where.pushed_down(qdrant_edge) if where else None
        first = Filter(must=[_first_passages(), passing]) if passing else _first_passages()
        with explained(self.folder, "read"):
            return Counts(*(self._shard.count(CountRequest(filter=one)) for one in (first, passing)))

    async def facets(self) -> dict[str, int]:
        """See `Index.facets`."""
        first = _first_passages()
        found: dict[str, int] = {}
        for key, name in ((facets.FACETS, "{}"), (facets.YEAR, "year={}")):
            with explained(self.folder, "read"):
                hits = self._shard.facet(FacetRequest(key, limit=MOST_FACETS, exact=True, filter=first)).hits
            found |= {name.format(hit.value): hit.count for hit in hits}
        return found

    async def documents(self) -> AsyncIterator[StoredDocument]:
        """See `Index.documents`."""
        offset = None
        while True:
            page, offset = self.page(offset)
            for document in page:
                yield document
            if offset is None:
                return

    def page(self, offset: str | None) -> tuple[list[StoredDocument], str | None]:
        """Some stored documents from a point on, and the point where the next of them begin; None at the end."""
        keys = [key for key in LEDGER_KEYS if "." not in key] + ["metadata"]
        request = ScrollRequest(offset=offset, limit=_SCROLL_PAGE, filter=_first_passages(), with_payload=keys)
        with explained(self.folder, "read"):
            records, following = self._shard.scroll(request)
        documents = [StoredDocument.from_payload(_unfolded(record.payload or {})) for record in records]
        return documents, None if following is None else str(following)

    async def size_bytes(self) -> int | None:
        """See `Index.size_bytes`: what its files take on disk."""
        return sum(file.stat().st_blocks * 512 for file in self.folder.rglob("*") if file.is_file())

    async def unoptimized(self) -> int:
        """See `Optimizable.unoptimized`."""
        with explained(self.folder, "read"):
            info = self._shard.info()
        # Edge counts dense and lexical vectors together, and the lexical ones are always indexed.
        return max(0, 2 * info.points_count - info.indexed_vectors_count) if self.manifest.dimensions else 0

    async def copy(self) -> str:
        """See `Optimizable.copy`; nothing may be stored while it goes on."""
        self._copy = await swap.copied(self.folder, self._shard)
        return str(self._copy.path)

    async def swap(self, copy: str) -> bool:
        """See `Optimizable.swap`; nothing may be stored while it goes on."""
        known, self._copy = self._copy, None
        if known is None or str(known.path) != copy or not await swap.carried(known, self.folder, self._shard):
            return False
        self._shard = swap.exchanged(known, self.folder, self._shard)
        return True

    async def flush(self) -> None:
        """See `Index.flush`."""
        with explained(self.folder, "written", CHECK_DISK):
            self._shard.flush()

    async def close(self) -> None:
        """See `Index.close`."""
        self._shard.close()
        self.lock.close()


def config(manifest: Manifest, **more: Any) -> EdgeConfig:
    """What the vectors of an index are; `more` goes to Edge as it is."""
    dense = {DENSE: EdgeVectorParams(size=manifest.dimensions, distance=Distance.Cosine)} if manifest.dimensions else {}
    return EdgeConfig(vectors=dense, sparse_vectors={LEXICAL: EdgeSparseVectorParams(modifier=Modifier.Idf)}, **more)


def _make_shard(folder: Path, manifest: Manifest) -> EdgeShard:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shard = EdgeShard.create(str(folder), config(manifest))
    for key, schema in INDEXED_KEYS.items():
        shard.update(UpdateOperation.create_field_index(key, _SCHEMAS[schema]))
    return shard


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the index in `folder`, without opening the index.

    Raises:
        IndexMissing, IndexStoreError: none there; damaged.
    """
    try:
        stored = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        raise missing(folder) from None
    except (OSError, ValueError) as error:
        raise failed(folder, "read", error) from error
    return Manifest.from_json(stored, str(folder))


def delete(folder: Path) -> None:
    """Remove an index and all it holds.

    Raises:
        IndexMissing, IndexInUse: none there; held by another process.
    """
    if not folder.is_dir():
        raise IndexMissing(f"there is no index “{folder.name}”", fix="`citewell index list` names those there are.")
    doomed = folder.with_name(f".{folder.name}.deleted")
    with acquire(folder), explained(folder, "deleted", f"Remove {folder} and {doomed} yourself."):
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(doomed, ignore_errors=True)
        folder.rename(doomed)  # whoever makes it anew meanwhile has a folder of their own
        shutil.rmtree(doomed)


def _first_passages() -> Filter:
    """One point a document."""
    return Filter(must=[FieldCondition(key="ordinal", match=MatchValue(0))])


def _point(entry: Entry) -> Point:
    vectors: dict[str, Any] = {LEXICAL: EdgeSparseVector(list(entry.lexical.indices), list(entry.lexical.values))}
    if entry.dense is not None:
        vectors[DENSE] = entry.dense
    # What is only ever read back goes in as text: value by value, Edge takes as long for it as for all the rest.
    payload = facets.stored(entry.passage)
    payload["metadata"] = json.dumps(payload["metadata"], ensure_ascii=False)
    return Point(entry.passage.point_id, vectors, payload)


def _unfolded(payload: dict[str, Any]) -> dict[str, Any]:
    """The inverse; an index of before holds metadata as they are."""
    metadata = payload.get("metadata")
    return payload | {"metadata": json.loads(metadata)} if isinstance(metadata, str) else payload
