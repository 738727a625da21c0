"""A local server that speaks Qdrant's REST protocol, over qdrant-client's in-memory engine.

It has the calls that `ingest/index/server.py` makes, with Qdrant's paths, bodies and statuses, so that
the real client is exercised down to the socket where no Qdrant can be installed.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models

from tests.support import faults
from tests.support.local_server import Json, LocalServer, Recorded

_POINTS: TypeAdapter[Any] = TypeAdapter(models.PointInsertOperations)
_SELECTOR: TypeAdapter[Any] = TypeAdapter(models.PointsSelector)
_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_DONE = {"operation_id": 0, "status": "completed"}


class QdrantServer(LocalServer):
    """A Qdrant server; see `LocalServer` for how it is started, watched and made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.store = QdrantClient(":memory:")

    @property
    def url(self) -> str:
        """What goes into `index.url`."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """See `LocalServer.stop`; what was stored is gone."""
        super().stop()
        self.store.close()

    def refusal(self, recorded: Recorded) -> web.Response | None:
        """See `LocalServer.refusal`; Qdrant tells a missing key from a wrong one."""
        sent = recorded.headers.get("api-key")
        if self.api_key is None or sent == self.api_key:
            return None
        if sent is None:
            return web.Response(status=401, text="Must provide an API key or an Authorization bearer token")
        return web.Response(status=403, text="Invalid API key or JWT")

    async def respond(self, request: web.Request, recorded: Recorded, fault: faults.Fault | None) -> web.StreamResponse:
        """See `LocalServer.respond`."""
        del request, fault
        match recorded.path.strip("/").split("/"):
            case ["collections"]:
                result: Any = self.store.get_collections()
            case ["aliases"]:
                result = self.store.get_aliases()
            case ["collections", "aliases"]:
                changes = models.ChangeAliasesOperation.model_validate(recorded.body)
                result = self.store.update_collection_aliases(changes.actions)
            case ["collections", name, "exists"]:
                result = {"exists": self.store.collection_exists(name)}
            case ["collections", name] if recorded.method == "PUT" and self.store.collection_exists(name):
                return _error(409, f"Wrong input: Collection `{name}` already exists!")
            case ["collections", name, *rest]:
                if not rest and recorded.method == "PUT":
                    result = self._create(name, models.CreateCollection.model_validate(recorded.body))
                elif not self.store.collection_exists(name):
                    return _error(404, f"Not found: Collection `{name}` doesn't exist!")
                else:
                    result = self._collection(recorded.method, name, "/".join(rest), recorded.body)
            case _:
                return web.Response(status=404)
        answer = _ANY.dump_json({"result": result, "status": "ok", "time": 0.001})
        return web.Response(body=answer, content_type="application/json")

    def _create(self, name: str, wanted: models.CreateCollection) -> bool:
        return self.store.create_collection(
            name,
            vectors_config=wanted.vectors,
            sparse_vectors_config=wanted.sparse_vectors,
            metadata=wanted.metadata,
        )

    def _collection(self, method: str, name: str, call: str, body: Json) -> Any:
        match method, call:
            case "GET", "":
                return self.store.get_collection(name)
            case "DELETE", "":
                return self.store.delete_collection(name)
            case "PUT", "index":
                return _DONE  # the engine in memory filters without one, and warns of that
            case "PUT", "points":
                self.store.upsert(name, _POINTS.validate_python(body).points)
                return _DONE
            case "POST", "points/delete":
                self.store.delete(name, _SELECTOR.validate_python(body))
                return _DONE
            case "POST", "points/query/batch":
                return self.store.query_batch_points(name, models.QueryRequestBatch.model_validate(body).searches)
            case "POST", "points/count":
                count = models.CountRequest.model_validate(body)
                return self.store.count(name, count_filter=count.filter, exact=True)
            case "POST", "facet":
                facet = models.FacetRequest.model_validate(body)
                return self.store.facet(name, facet.key, facet.filter, limit=facet.limit or 10, exact=True)
            case "POST", "points/scroll":
                scroll = models.ScrollRequest.model_validate(body)
                points, after = self.store.scroll(
                    name,
                    scroll.filter,
                    limit=scroll.limit or 10,
                    offset=scroll.offset,
                    with_payload=scroll.with_payload or True,
                )
                return {"points": points, "next_page_offset": after}
            case "POST", "points":
                wanted = models.PointRequest.model_validate(body)
                return self.store.retrieve(name, wanted.ids, with_payload=wanted.with_payload or False)
        raise NotImplementedError(f"{method} {call}")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"status": {"error": message}, "time": 0.001}, status=status)
