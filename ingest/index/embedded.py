"""The embedded home: Qdrant Edge, in process, one folder an index.

{data_dir}/indexes/{name}/manifest.json   how it was made
                          lock            held by the process that has it open
                          ledger.sqlite   what has been ingested (ingest/ledger.py)
                          shard/          Qdrant Edge's own files
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import IO

import portalocker
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    HasIdCondition,
    MatchAny,
    MatchValue,
    Modifier,
    PayloadSchemaType,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScrollRequest,
    UpdateOperation,
)
from qdrant_edge import SparseVector as EdgeSparseVector

from configs.errors import IndexInUse, IndexMissing, IndexStoreError
from ingest.documents import Passage
from ingest.index.base import (
    DENSE,
    INDEXED_KEYS,
    LEXICAL,
    Candidates,
    Counts,
    Entry,
    Hit,
    Manifest,
    StoredDocument,
    Vector,
)
from ingest.lexical import SparseVector

_SCROLL_PAGE = 2_000
# Bytes that must be free to open an index (which takes about 11 MiB) or to store in it. Edge writes to sparse files
# mapped into memory, and there a full disk is no error but a SIGBUS.
_HEADROOM = 64 * 2**20
_CHECK_DISK = "Check the free disk space, then run the same command again; what was stored is kept."
_FREE_SPACE = "Free some space there, then run the same command again; what was stored is kept."
_CORRECT_FOLDER = "Correct data_dir, or who may write there."
# What mends an error of the system; none of them is mended by making the index anew.
_SYSTEM_FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FREE_SPACE),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR), _CORRECT_FOLDER),
}
_SYSTEM_ERROR = re.compile(r"os error (\d+)")  # as Rust says it
_SCHEMAS = {"keyword": PayloadSchemaType.Keyword, "integer": PayloadSchemaType.Integer}


class EmbeddedIndex:
    """An open index in a folder of this machine. Made by `create` or `load`."""

    def __init__(self, folder: Path, manifest: Manifest, shard: EdgeShard, lock: IO[str]) -> None:
        self.name = folder.name
        self.folder = folder
        self.manifest = manifest
        self._shard = shard
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> EmbeddedIndex:
        """Make a new, empty index; what a crash left of an earlier attempt is cleared away.

        Raises:
            IndexInUse: another process is making or holding it.
        """
        lock = _acquire(folder, make=True)
        if (folder / "manifest.json").exists():
            lock.close()
            raise IndexInUse(
                f"index “{folder.name}” was just made by another process",
                where=str(folder),
                fix="Run the same command again.",
            )
        try:
            with _explained(folder, "written", _CHECK_DISK):
                _need_space(folder)
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
    def load(cls, folder: Path) -> EmbeddedIndex:
        """Open an index that is there.

        Raises:
            IndexMissing, IndexInUse, IndexStoreError: none there; held elsewhere; damaged.
        """
        lock = _acquire(folder)
        try:
            manifest = read_manifest(folder)
            with _explained(folder, "opened"):
                _need_space(folder)
                shard = EdgeShard.load(str(folder / "shard"))
        except BaseException:
            lock.close()
            raise
        return cls(folder, manifest, shard, lock)

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """See `Index.store`."""
        with _explained(self.folder, "written", _CHECK_DISK):
            _need_space(self.folder)
            if entries:
                self._shard.update(UpdateOperation.upsert_points([_point(entry) for entry in entries]))
            if replaced:
                kept = [entry.passage.point_id for entry in entries]
                stale = Filter(
                    must=[FieldCondition(key="doc_id", match=MatchAny(list(replaced)))],
                    must_not=[HasIdCondition(set(kept))] if kept else None,
                )
                self._shard.update(UpdateOperation.delete_points_by_filter(stale))

    async def candidates(self, lexical: SparseVector, dense: Vector | None, limit: int) -> Candidates:
        """See `Index.candidates`."""
        requests = {}
        if lexical:
            sparse = EdgeSparseVector(lexical.indices, lexical.values)
            requests[LEXICAL] = QueryRequest(query=Query.Nearest(sparse, using=LEXICAL), limit=limit)
        if dense is not None:
            requests[DENSE] = QueryRequest(query=Query.Nearest(list(dense), using=DENSE), limit=limit)
        if not requests:
            return Candidates()
        with _explained(self.folder, "searched"):
            found = self._shard.query_batch(QueryBatchRequest(list(requests.values())))
        halves = {
            half: [Hit(str(point.id), point.score) for point in points]
            for half, points in zip(requests, found, strict=True)
        }
        return Candidates(halves.get(LEXICAL, []), halves.get(DENSE, []))

    async def fetch(self, point_ids: Sequence[str]) -> list[Passage]:
        """See `Index.fetch`."""
        with _explained(self.folder, "read"):
            found = self._shard.retrieve(list(point_ids), with_payload=True, with_vector=False)
        records = {str(record.id): record for record in found}
        return [Passage.from_payload(records[id_].payload or {}) for id_ in point_ids if id_ in records]

    async def counts(self) -> Counts:
        """See `Index.counts`."""
        first = Filter(must=[FieldCondition(key="ordinal", match=MatchValue(0))])
        with _explained(self.folder, "read"):
            return Counts(self._shard.count(CountRequest(filter=first)), self._shard.count(CountRequest()))

    async def documents(self) -> AsyncIterator[StoredDocument]:
        """See `Index.documents`."""
        first = Filter(must=[FieldCondition(key="ordinal", match=MatchValue(0))])
        offset = None
        while True:
            request = ScrollRequest(
                offset=offset, limit=_SCROLL_PAGE, filter=first, with_payload=["doc_id", "hash", "text_hash"]
            )
            with _explained(self.folder, "read"):
                page, offset = self._shard.scroll(request)
            for record in page:
                payload = record.payload or {}
                yield StoredDocument(payload["doc_id"], payload["hash"], payload["text_hash"])
            if offset is None:
                return

    async def size_bytes(self) -> int | None:
        """See `Index.size_bytes`: what its files take on disk."""
        return sum(file.stat().st_blocks * 512 for file in self.folder.rglob("*") if file.is_file())

    async def flush(self) -> None:
        """See `Index.flush`."""
        with _explained(self.folder, "written", _CHECK_DISK):
            self._shard.flush()

    async def close(self) -> None:
        """See `Index.close`."""
        self._shard.close()
        self._lock.close()


def _make_shard(folder: Path, manifest: Manifest) -> EdgeShard:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    dense = {DENSE: EdgeVectorParams(size=manifest.dimensions, distance=Distance.Cosine)} if manifest.dimensions else {}
    shard = EdgeShard.create(
        str(folder), EdgeConfig(vectors=dense, sparse_vectors={LEXICAL: EdgeSparseVectorParams(modifier=Modifier.Idf)})
    )
    for key, schema in INDEXED_KEYS.items():
        shard.update(UpdateOperation.create_field_index(key, _SCHEMAS[schema]))
    return shard


def _need_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _HEADROOM:
        reason = f"{free / 2**20:.0f} MiB are free on its disk, {_HEADROOM // 2**20} MiB are needed"
        raise OSError(errno.ENOSPC, reason)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the index in `folder`, without opening the index.

    Raises:
        IndexMissing, IndexStoreError: none there; damaged.
    """
    try:
        stored = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        raise _missing(folder) from None
    except (OSError, ValueError) as error:
        raise _failed(folder, "read", error) from error
    return Manifest.from_json(stored, str(folder))


def delete(folder: Path) -> None:
    """Remove an index and all it holds.

    Raises:
        IndexMissing, IndexInUse: none there; held by another process.
    """
    if not folder.is_dir():
        raise IndexMissing(f"there is no index “{folder.name}”", fix="`citewell index list` names those there are.")
    doomed = folder.with_name(f".{folder.name}.deleted")
    with _acquire(folder), _explained(folder, "deleted", f"Remove {folder} and {doomed} yourself."):
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(doomed, ignore_errors=True)
        folder.rename(doomed)  # whoever makes it anew meanwhile has a folder of their own
        shutil.rmtree(doomed)


def _acquire(folder: Path, *, make: bool = False) -> IO[str]:
    path = folder / "lock"
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+", encoding="utf-8")
    except FileNotFoundError:
        raise _missing(folder) from None
    except OSError as error:
        raise _failed(folder, "written" if make else "opened", error, _CORRECT_FOLDER) from error
    try:
        portalocker.lock(lock, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        raise IndexInUse(
            f"index “{folder.name}” is in use by {holder}",
            where=str(folder),
            fix="Close that one first, or use another --index NAME.",
        ) from None
    if not _lies_at(path, lock):  # deleted between opening and locking
        lock.close()
        return _acquire(folder, make=make)
    with contextlib.suppress(OSError):
        lock.truncate(0)
        lock.write(f"process {os.getpid()} ({Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])})".replace(" )", ")"))
        lock.flush()
    return lock


def _lies_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _explained(folder: Path, doing: str, fix: str = "") -> Iterator[None]:
    """Whatever Qdrant Edge raises as one of our errors; `doing` says what could not be done."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Edge raises bare Exception, and a panic in Rust is no Exception at all
        raise _failed(folder, doing, error, fix) from error


def _failed(folder: Path, doing: str, error: BaseException, fix: str = "") -> IndexStoreError:
    told = _SYSTEM_ERROR.search(str(error))
    number = error.errno if isinstance(error, OSError) else int(told[1]) if told else None
    fix = _SYSTEM_FIXES.get(number or 0) or fix
    rebuild = f"Restore it from a backup, or rebuild it: citewell index delete {folder.name}, then ingest again."
    reason = getattr(error, "strerror", None) or error
    return IndexStoreError(f"index “{folder.name}” cannot be {doing}: {reason}", where=str(folder), fix=fix or rebuild)


def _missing(folder: Path) -> IndexMissing:
    return IndexMissing(
        f"there is no index “{folder.name}” yet", fix="citewell ingest PATH… makes it; citewell demo needs none."
    )


def _point(entry: Entry) -> Point:
    vectors: dict[str, list[float] | EdgeSparseVector | list[list[float]]] = {
        LEXICAL: EdgeSparseVector(entry.lexical.indices, entry.lexical.values)
    }
    if entry.dense is not None:
        vectors[DENSE] = list(entry.dense)
    return Point(entry.passage.point_id, vectors, entry.passage.payload())
