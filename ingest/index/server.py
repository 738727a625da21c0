"""The server home: a Qdrant server or cluster, over qdrant-client; one collection an index."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar

import grpc
import httpx
from pydantic import ValidationError
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from configs.errors import (
    CitewellError,
    IndexMissing,
    IndexReplaced,
    IndexStoreError,
    ServerBusy,
    ServerError,
    ServerGarbled,
    ServerRefused,
    ServerUnreachable,
)
from configs.settings import IndexSettings, QdrantSettings
from ingest import facets
from ingest.documents import Passage
from ingest.index import aliases, server_options
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
from ingest.lexical import SparseVector
from ingest.text import one_line

if TYPE_CHECKING:
    from ingest import filters

_SCROLL_PAGE = 1_000
_MAX_REASON = 200
_FIRST = models.Filter(must=[models.FieldCondition(key="ordinal", match=models.MatchValue(value=0))])
T = TypeVar("T")


class Client(AsyncQdrantClient):
    """A client that knows what indexes on its server are made with, and how they are searched."""

    tuning = QdrantSettings()


def connect(settings: IndexSettings) -> Client:
    """A client for the server of these settings; connects at the first call.

    Raises:
        SettingsError: its certificate cannot be used.
    """
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with warnings.catch_warnings():
        # That a key goes over plain HTTP is told by the command line (`IndexSettings.betrays_key`).
        warnings.simplefilter("ignore", UserWarning)
        client = Client(
            url=settings.url,
            api_key=key,
            timeout=max(1, round(settings.timeout)),
            check_compatibility=False,
            **server_options.connection(settings),
        )
    client.tuning = settings.server
    return client


class ServerIndex:
    """An index on a Qdrant server. Made by `create` or `load`."""

    def __init__(self, client: Client, name: str, manifest: Manifest, url: str, collection: str) -> None:
        self.name = name
        self.manifest = manifest
        self.url = url
        self._client = client
        self._collection = collection

    @classmethod
    async def create(cls, client: Client, name: str, manifest: Manifest, url: str) -> ServerIndex:
        """Make a new, empty index; what a kill left of an earlier attempt is cleared away."""
        index = await cls.create_beside(client, name, manifest, url)
        await index.succeed()
        return index

    @classmethod
    async def create_beside(cls, client: Client, name: str, manifest: Manifest, url: str) -> ServerIndex:
        """Make a new, empty collection with its payload indexes; its metadata holds the manifest, no alias leads to it."""
        collection = await _ask(aliases.free_slot(client, name), url)
        if await _ask(client.collection_exists(collection), url):
            await _ask(client.delete_collection(collection), url)
        dense = {}
        if manifest.dimensions:
            dense = {DENSE: server_options.dense_vectors(manifest.dimensions, client.tuning)}
        await _ask(
            client.create_collection(
                collection,
                vectors_config=dense,
                sparse_vectors_config={LEXICAL: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                metadata={"citewell": manifest.to_json()},
                **server_options.collection(client.tuning),
            ),
            url,
        )
        try:
            for key, schema in INDEXED_KEYS.items():
                await _ask(client.create_payload_index(collection, key, models.PayloadSchemaType(schema)), url)
        except BaseException:  # half made it would pass for an index, and search and replace slowly ever after
            with contextlib.suppress(ServerError):
                await _ask(client.delete_collection(collection), url)
            raise
        return cls(client, name, manifest, url, collection)

    @classmethod
    async def load(cls, client: Client, name: str, url: str) -> ServerIndex:
        """Open a collection that is there.

        Raises:
            IndexMissing, IndexStoreError, ServerError: none there; not citewell's; the server fails.
        """
        collection = await _ask(aliases.collection_of(client, name), url)
        if collection is None:
            raise IndexMissing(f"there is no index “{name}” on {url} yet", fix="citewell ingest PATH… makes it.")
        return await cls._load(client, name, collection, url)

    @classmethod
    async def load_beside(cls, client: Client, name: str, url: str) -> ServerIndex | None:
        """Open the collection that was being built beside an index; None where there is none."""
        collection = await _ask(aliases.free_slot(client, name), url)
        if not await _ask(client.collection_exists(collection), url):
            return None
        return await cls._load(client, name, collection, url)

    @classmethod
    async def _load(cls, client: Client, name: str, collection: str, url: str) -> ServerIndex:
        where = f"{url} collection {collection}"
        info = await _ask(client.get_collection(collection), url)
        stored = (info.config.metadata or {}).get("citewell")
        if stored is None:
            raise IndexStoreError(
                "the collection was not made by citewell", where=where, fix="Use another --index NAME."
            )
        return cls(client, name, Manifest.from_json(stored, where), url, collection)

    async def succeed(self) -> None:
        """From now on the index of this name is this one; what it was before is deleted."""
        await _ask(aliases.point_to(self._client, self.name, self._collection), self.url)

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """See `Index.store`."""
        if entries:
            await _ask(self._client.upsert(self._collection, [_point(entry) for entry in entries], wait=True), self.url)
        if replaced:
            kept: list[models.ExtendedPointId] = [entry.passage.point_id for entry in entries]
            stale = models.Filter(
                must=[models.FieldCondition(key="doc_id", match=models.MatchAny(any=list(replaced)))],
                must_not=[models.HasIdCondition(has_id=kept)] if kept else None,
            )
            await _ask(self._client.delete(self._collection, models.FilterSelector(filter=stale), wait=True), self.url)

    async def candidates(
        self, lexical: SparseVector, dense: Vector | None, limit: int, where: filters.Filter | None = None
    ) -> Candidates:
        """See `Index.candidates`."""
        requests = {}
        shared = {"limit": limit, "filter": where.pushed_down(models) if where else None, "with_payload": False}
        if lexical:
            sparse = models.SparseVector(indices=list(lexical.indices), values=list(lexical.values))
            requests[LEXICAL] = models.QueryRequest(query=sparse, using=LEXICAL, **shared)
        if dense is not None:
            params = server_options.search(self._client.tuning)
            requests[DENSE] = models.QueryRequest(query=list(dense), using=DENSE, params=params, **shared)
        if not requests:
            return Candidates()
        found = await _ask(self._client.query_batch_points(self._collection, list(requests.values())), self.url)
        halves = {
            half: [Hit(str(point.id), point.score) for point in answer.points]
            for half, answer in zip(requests, found, strict=True)
        }
        return Candidates(halves.get(LEXICAL, []), halves.get(DENSE, []))

    async def fetch(self, point_ids: Sequence[str]) -> list[Passage]:
        """See `Index.fetch`."""
        found = await _ask(self._client.retrieve(self._collection, list(point_ids), with_payload=True), self.url)
        records = {str(record.id): record for record in found}
        return [Passage.from_payload(records[id_].payload or {}) for id_ in point_ids if id_ in records]

    async def counts(self, where: filters.Filter | None = None) -> Counts:
        """See `Index.counts`."""
        passing = where.pushed_down(models) if where else None
        first = models.Filter(must=[_FIRST, passing]) if passing else _FIRST
        documents = await _ask(self._client.count(self._collection, count_filter=first, exact=True), self.url)
        passages = await _ask(self._client.count(self._collection, count_filter=passing, exact=True), self.url)
        return Counts(documents.count, passages.count)

    async def facets(self) -> dict[str, int]:
        """See `Index.facets`."""
        found: dict[str, int] = {}
        for key, name in ((facets.FACETS, "{}"), (facets.YEAR, "year={}")):
            counted = await _ask(
                self._client.facet(self._collection, key, facet_filter=_FIRST, limit=MOST_FACETS, exact=True), self.url
            )
            found |= {name.format(hit.value): hit.count for hit in counted.hits}
        return found

    def documents(self) -> AsyncIterator[StoredDocument]:
        """See `Index.documents`."""
        return self._scrolled(_FIRST)

    async def stored(self, ids: Sequence[str]) -> list[StoredDocument]:
        """Those of these documents that are stored; one more than once where it has several versions."""
        these = models.FieldCondition(key="doc_id", match=models.MatchAny(any=list(ids)))
        return [one async for one in self._scrolled(models.Filter(must=[_FIRST, these]))]

    async def _scrolled(self, where: models.Filter) -> AsyncIterator[StoredDocument]:
        offset = None
        while True:
            page, offset = await _ask(
                self._client.scroll(
                    self._collection,
                    scroll_filter=where,
                    limit=_SCROLL_PAGE,
                    offset=offset,
                    with_payload=LEDGER_KEYS,
                ),
                self.url,
            )
            for record in page:
                yield StoredDocument.from_payload(record.payload or {})
            if offset is None:
                return

    async def size_bytes(self) -> int | None:
        """See `Index.size_bytes`: a Qdrant server does not say."""
        return None

    async def flush(self) -> None:
        """See `Index.flush`: every upsert waits until the server has it in its log."""

    async def close(self) -> None:
        """See `Index.close`."""
        await self._client.close()


async def list_names(client: AsyncQdrantClient, url: str) -> list[str]:
    """The indexes on this server."""
    return await _ask(aliases.names(client), url)


async def delete(client: AsyncQdrantClient, name: str, url: str) -> None:
    """Remove an index and all it holds.

    Raises:
        IndexMissing: there is none of that name.
    """
    if not await _ask(aliases.remove(client, name), url):
        raise IndexMissing(f"there is no index “{name}” on {url}", fix="`citewell index list` names those there are.")


def _point(entry: Entry) -> models.PointStruct:
    sparse = models.SparseVector(indices=list(entry.lexical.indices), values=list(entry.lexical.values))
    vectors: dict[str, models.SparseVector | list[float]] = {LEXICAL: sparse}
    if entry.dense is not None:
        vectors[DENSE] = list(entry.dense)
    return models.PointStruct(id=entry.passage.point_id, vector=vectors, payload=facets.stored(entry.passage))


async def _ask(call: Awaitable[T], url: str) -> T:
    """Await a call of the client; what can go wrong on the way becomes one of our errors."""
    try:
        return await call
    except ResourceExhaustedResponse as error:
        raise _busy(url) from error
    except UnexpectedResponse as error:
        raise _refused(error, url) from error
    except grpc.RpcError as error:
        raise server_options.explained(error, url) from error
    except (ResponseHandlingException, httpx.HTTPError) as error:
        if isinstance(error, ResponseHandlingException) and isinstance(error.source, ValidationError):
            raise _garbled(url) from error
        raise ServerUnreachable(
            f"the Qdrant server does not answer ({error or type(error).__name__})",
            where=url,
            fix="Start it, or correct index.url.",
        ) from error
    except (ValueError, AssertionError) as error:  # no JSON; JSON without a result
        raise _garbled(url) from error


def _refused(error: UnexpectedResponse, url: str) -> CitewellError:
    if error.status_code in (401, 403):
        return ServerRefused("the Qdrant server refuses the API key", where=url, fix="Set CITEWELL_INDEX__API_KEY.")
    if error.status_code in (429, 503):
        return _busy(url)
    said = one_line(error.content.decode("utf-8", "replace"))[:_MAX_REASON]
    if error.status_code == 404 and "Collection" in said:
        return IndexReplaced("the index was deleted, or made anew", where=url, fix="Run the same command again.")
    return ServerError(
        f"the Qdrant server answered {error.status_code}: {said}", where=url, fix="Is index.url a Qdrant server?"
    )


def _busy(url: str) -> ServerBusy:
    return ServerBusy("the Qdrant server is overloaded", where=url, fix="Try again in a while.")


def _garbled(url: str) -> ServerGarbled:
    return ServerGarbled("the answer is not what a Qdrant server says", where=url, fix="Is index.url a Qdrant server?")
