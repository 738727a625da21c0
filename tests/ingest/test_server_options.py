"""The server home's settings: what is sent to make, reach and search an index, over REST, gRPC and TLS."""

from __future__ import annotations

import os
import secrets
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from pydantic import SecretStr
from qdrant_client import grpc as qdrant_grpc

from configs.errors import ServerBusy, ServerError, ServerRefused, ServerUnreachable, SettingsError
from configs.loading import load
from configs.settings import IndexSettings, QdrantSettings
from ingest import pipeline
from ingest.index.base import Counts, Manifest
from ingest.index.open import create_index, delete_index, list_indexes, open_index
from ingest.index.server import Client, ServerIndex
from ingest.lexical import LexicalEncoder
from tests.support import bag_of_words
from tests.support.corpora import Watcher, records
from tests.support.qdrant_server import QdrantServer

if TYPE_CHECKING:
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.support.openai_server import OpenAIServer

# What qdrant-client says of its memory mode.
pytestmark = [pytest.mark.filterwarnings(f"ignore:{said}") for said in ("Payload indexes have", "Local mode performs")]

TUNED: dict[str, Any] = {
    "embedding.provider": "openai",
    "index.server.shards": 6,
    "index.server.replicas": 2,
    "index.server.on_disk_vectors": True,
    "index.server.quantization": "scalar",
    "index.server.oversampling": 3,
    "index.server.hnsw_m": 32,
    "index.server.hnsw_ef_construct": 200,
    "index.server.hnsw_ef": 256,
}


def made(server: QdrantServer) -> dict[str, Any]:
    """The body that made the one collection."""
    (body,) = [r.body for r in server.requests if r.method == "PUT" and len(r.path.strip("/").split("/")) == 2]
    return body


def searched(server: QdrantServer) -> dict[str, dict[str, Any]]:
    """What the last search asked, by the vector it used."""
    body = [r.body for r in server.requests if r.path.endswith("/points/query/batch")][-1]
    return {one["using"]: one for one in body["searches"]}


async def test_what_is_set_is_sent(settings: SettingsFactory, qdrant_server: QdrantServer) -> None:
    """Shards, copies, disk, quantization and graph when the index is made; ef and rescoring with every dense search."""
    home = settings({"index.home": "server", "index.url": qdrant_server.url, **TUNED})
    index = await create_index(home, 8)
    body = made(qdrant_server)
    assert (body["shard_number"], body["replication_factor"], body["on_disk_payload"]) == (6, 2, True)
    assert body["hnsw_config"] == {"m": 32, "ef_construct": 200}
    assert body["quantization_config"] == {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}
    assert body["vectors"]["dense"] == {"size": 8, "distance": "Cosine", "on_disk": True}
    await index.candidates(LexicalEncoder(home.lexical).query("aspirin"), [1.0] * 8, 5)
    asked = searched(qdrant_server)
    assert asked["dense"]["params"] == {"hnsw_ef": 256, "quantization": {"rescore": True, "oversampling": 3.0}}
    assert "params" not in asked["lexical"]
    await index.close()


async def test_what_is_not_set_is_the_server_s_choice(settings: SettingsFactory, qdrant_server: QdrantServer) -> None:
    """A cluster's administrator keeps the say over all that nobody asked for."""
    home = {"index.home": "server", "index.url": qdrant_server.url, "embedding.provider": "openai"}
    index = await create_index(settings(home), 8)
    await index.candidates(LexicalEncoder(settings().lexical).query("aspirin"), [1.0] * 8, 5)
    assert {"shard_number", "replication_factor", "hnsw_config", "quantization_config"}.isdisjoint(made(qdrant_server))
    assert "params" not in searched(qdrant_server)["dense"]
    await index.close()


async def test_binary_quantization_without_rescoring(settings: SettingsFactory, qdrant_server: QdrantServer) -> None:
    """Nothing is oversampled where nothing is compared again."""
    own = {"index.server.quantization": "binary", "index.server.rescore": False, "index.server.on_disk_payload": False}
    index = await create_index(settings({"index.home": "server", "index.url": qdrant_server.url, **TUNED, **own}), 8)
    assert made(qdrant_server)["quantization_config"] == {"binary": {"always_ram": True}}
    assert made(qdrant_server)["on_disk_payload"] is False
    await index.candidates(LexicalEncoder(settings().lexical).query(""), [1.0] * 8, 5)
    assert searched(qdrant_server)["dense"]["params"]["quantization"] == {"rescore": False}
    await index.close()


async def test_the_client_takes_these_calls(settings: SettingsFactory) -> None:
    """In its own memory mode, which checks every argument."""
    client = Client(":memory:")
    client.tuning = settings(TUNED).index.server
    index = await ServerIndex.create(client, "tuned", Manifest.of(settings(TUNED), 8), "memory")
    assert (await index.candidates(LexicalEncoder(settings().lexical).query("aspirin"), [1.0] * 8, 5)).dense == []
    await index.close()


@pytest.mark.parametrize("grpc_too", [False, True], ids=["rest", "grpc"])
@pytest.mark.parametrize("quantization", ["none", "scalar", "binary"])
async def test_a_real_server_obeys(
    quantization: str, grpc_too: bool, settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """Made, filled, searched and deleted on the Qdrant server that CITEWELL_TEST_QDRANT_URL names."""
    url = os.environ.get("CITEWELL_TEST_QDRANT_URL")
    if not url:
        pytest.skip("CITEWELL_TEST_QDRANT_URL names no Qdrant server")
    home = settings(
        {
            **TUNED,
            "index.home": "server",
            "index.url": url,
            "index.name": f"test-{secrets.token_hex(4)}",
            "index.server.replicas": 1,
            "index.server.quantization": quantization,
            "index.server.grpc": grpc_too,
            "embedding.provider": "openai",
            "embedding.url": openai_server.url,
        }
    )
    try:
        await pipeline.ingest([str(corpus(records(30)))], home, Watcher())
        index = await open_index(home)
        query = bag_of_words.embed("Aspirin in stroke", openai_server.dimensions)
        found = await index.candidates(LexicalEncoder(home.lexical).query("aspirin"), query, 5)
        assert await index.counts() == Counts(30, 30)
        assert (len(found.dense), len(found.lexical)) == (5, 4)
        await index.close()
    finally:
        await delete_index(home)


class Collections(qdrant_grpc.CollectionsServicer):
    """Qdrant's gRPC service of that name, as far as listing goes."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.failure: grpc.StatusCode | None = None

    async def List(self, request: object, context: Any) -> Any:  # noqa: N802 — the protocol's name
        """One collection that is ours and one that is not, or the failure."""
        del request
        self.keys += [value for key, value in context.invocation_metadata() if key == "api-key"]
        if self.failure is not None:
            await context.abort(self.failure, "so it says")
        names = [qdrant_grpc.CollectionDescription(name=name) for name in ("citewell-heart", "other")]
        return qdrant_grpc.ListCollectionsResponse(collections=names)

    async def ListAliases(self, request: object, context: Any) -> Any:  # noqa: N802 — the protocol's name
        """None."""
        del request, context
        return qdrant_grpc.ListAliasesResponse()


@pytest.fixture
async def grpc_server() -> AsyncIterator[tuple[Collections, int]]:
    """A gRPC server with that service, and its port."""
    server, service = grpc.aio.server(), Collections()
    qdrant_grpc.add_CollectionsServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield service, port
    await server.stop(None)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, None),
        (grpc.StatusCode.UNAUTHENTICATED, ServerRefused),
        (grpc.StatusCode.PERMISSION_DENIED, ServerRefused),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ServerBusy),
        (grpc.StatusCode.UNAVAILABLE, ServerUnreachable),
        (grpc.StatusCode.INTERNAL, ServerError),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_grpc_is_spoken_where_it_is_set(
    code: grpc.StatusCode | None,
    error: type[ServerError] | None,
    grpc_server: tuple[Collections, int],
    settings: SettingsFactory,
) -> None:
    """With the key, and with the same errors as over REST."""
    service, port = grpc_server
    service.failure = code
    flags = {"index.home": "server", "index.api_key": "qd-secret", "index.server.grpc": True}
    home = settings(flags | {"index.server.grpc_port": port, "index.url": "http://127.0.0.1:1"})
    if error is None:
        assert await list_indexes(home) == ["heart"]
        assert set(service.keys) == {"qd-secret"}
    else:
        with pytest.raises(error) as caught:
            await list_indexes(home)
        assert caught.value.fix
        assert "qd-secret" not in str(caught.value)


@pytest.fixture
def secure_server(tmp_path: Path) -> Iterator[tuple[QdrantServer, Path]]:
    """The Qdrant server behind TLS, and the certificate that vouches for it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl, which makes the certificate, is not here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = QdrantServer()
    server.tls = context
    with server:
        yield server, certificate


async def test_a_certificate_of_one_s_own_is_believed(
    settings: SettingsFactory, secure_server: tuple[QdrantServer, Path]
) -> None:
    """Over https with `ca_cert`, and only with it."""
    server, certificate = secure_server
    server.api_key = "qd-secret"
    flags = {
        "index.home": "server",
        "index.url": server.url.replace("http:", "https:"),
        "index.api_key": "qd-secret",
        "index.timeout": 5,
    }
    assert await list_indexes(settings(flags | {"index.server.ca_cert": certificate})) == []
    with pytest.raises(ServerUnreachable, match="certificate"):
        await list_indexes(settings(flags))


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "rubbish"])
async def test_a_certificate_that_cannot_be_read_is_named(
    content: str | None, settings: SettingsFactory, tmp_path: Path
) -> None:
    """Before anything is sent."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    flags = {"index.home": "server", "index.server.ca_cert": path, "index.url": "https://127.0.0.1:1"}
    with pytest.raises(SettingsError, match=r"index\.server\.ca_cert") as caught:
        await list_indexes(settings(flags))
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("url", "betrayed"),
    [
        ("http://localhost:6333", False),
        ("http://127.0.0.1:6333", False),
        ("http://[::1]:6333", False),
        ("https://qdrant.example.org", False),
        ("http://qdrant.example.org:6333", True),
        ("http://10.0.0.7:6333", True),
        ("http://127.evil.example:6333", True),
    ],
)
def test_a_key_that_anyone_can_read_is_noticed(url: str, betrayed: bool) -> None:
    """Plain HTTP to another machine, a private network included."""
    home = IndexSettings(home="server", url=url, api_key=SecretStr("k"))
    assert home.betrays_key is betrayed
    assert not home.model_copy(update={"api_key": None}).betrays_key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shards", 0),
        ("replicas", 0),
        ("quantization", "ternary"),
        ("oversampling", 0.5),
        ("hnsw_ef", 0),
        ("grpc_port", 0),
    ],
)
def test_what_no_server_takes_is_refused_by_name(key: str, value: object) -> None:
    """Before anything is sent."""
    with pytest.raises(SettingsError, match=rf"index\.server\.{key}"):
        load(flags={f"index.server.{key}": value})
    assert key in QdrantSettings.model_fields
