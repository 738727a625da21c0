"""What `index.server.*` means to qdrant-client: how it connects, makes a collection and searches it; and gRPC's errors."""

from __future__ import annotations

import ssl
from typing import Any

import grpc
from qdrant_client import models

from configs.errors import (
    CitewellError,
    IndexReplaced,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnreachable,
    SettingsError,
)
from configs.settings import IndexSettings, QdrantSettings
from ingest.text import one_line

_MAX_REASON = 200


def connection(settings: IndexSettings) -> dict[str, Any]:
    """Arguments of the client.

    Raises:
        SettingsError: `index.server.ca_cert` cannot be used.
    """
    own = settings.server
    options: dict[str, Any] = {"prefer_grpc": own.grpc, "grpc_port": own.grpc_port}
    if own.ca_cert is not None:
        try:
            options["verify"] = ssl.create_default_context(cafile=own.ca_cert)
            options["grpc_options"] = {"root_certificates": own.ca_cert.read_bytes()}
        except OSError as error:  # ssl's own errors are of this kind
            raise SettingsError(
                f"index.server.ca_cert cannot be used: {error.strerror or error}",
                where=str(own.ca_cert),
                fix="Name a file of certificates in PEM.",
            ) from error
    return options


def dense_vectors(size: int, settings: QdrantSettings) -> models.VectorParams:
    """What the vectors of a new collection are."""
    on_disk = settings.on_disk_vectors or None
    return models.VectorParams(size=size, distance=models.Distance.COSINE, on_disk=on_disk)


def collection(settings: QdrantSettings) -> dict[str, Any]:
    """Further arguments that make a collection; what is not set is left to the server.

    Quantized vectors stay in memory: that is what they are for.
    """
    options: dict[str, Any] = {
        "shard_number": settings.shards,
        "replication_factor": settings.replicas,
        "on_disk_payload": settings.on_disk_payload,
    }
    if settings.quantization == "scalar":
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
        options["quantization_config"] = models.ScalarQuantization(scalar=scalar)
    elif settings.quantization == "binary":
        options["quantization_config"] = models.BinaryQuantization(
            binary=models.BinaryQuantizationConfig(always_ram=True)
        )
    if settings.hnsw_m is not None or settings.hnsw_ef_construct is not None:
        options["hnsw_config"] = models.HnswConfigDiff(m=settings.hnsw_m, ef_construct=settings.hnsw_ef_construct)
    return {name: value for name, value in options.items() if value is not None}


def search(settings: QdrantSettings) -> models.SearchParams | None:
    """How the dense half is searched; None where the server is to decide."""
    quantization = None
    if settings.quantization != "none":
        oversampling = settings.oversampling if settings.rescore else None
        quantization = models.QuantizationSearchParams(rescore=settings.rescore, oversampling=oversampling)
    if quantization is None and settings.hnsw_ef is None:
        return None
    return models.SearchParams(hnsw_ef=settings.hnsw_ef, quantization=quantization)


def explained(error: grpc.RpcError, url: str) -> CitewellError:
    """What a gRPC call failed by, as one of our errors."""
    code = error.code() if isinstance(error, grpc.aio.AioRpcError) else None
    said = one_line(str(error.details() if isinstance(error, grpc.aio.AioRpcError) else error))[:_MAX_REASON]
    match code:
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return ServerRefused("the Qdrant server refuses the API key", where=url, fix="Set CITEWELL_INDEX__API_KEY.")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ServerBusy("the Qdrant server is overloaded", where=url, fix="Try again in a while.")
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
            fix = "Start it, or correct index.url and index.server.grpc_port."
            return ServerUnreachable(f"the Qdrant server does not answer ({said})", where=url, fix=fix)
        case grpc.StatusCode.NOT_FOUND:
            return IndexReplaced("the index was deleted, or made anew", where=url, fix="Run the same command again.")
    name = "no status" if code is None else code.name
    return ServerError(f"the Qdrant server answered {name}: {said}", where=url, fix="See the server's log.")
