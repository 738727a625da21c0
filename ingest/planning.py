"""What a corpus of some size needs: vectors and bytes, memory and disk, GPU hours, Qdrant nodes and shards.

Plain arithmetic over assumptions, each of which says where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_MEASURED = "measured: python -m tests.benchmarks.passages (14,374 PubMed records, passages of at most 512 tokens)"
_QDRANT_SIZE = "Qdrant documentation, Capacity Planning: vectors × dimensions × 4 bytes × 1.5"
# Bytes a dimension takes in memory where vectors are quantized (Qdrant documentation, Quantization).
BYTES_A_DIMENSION: Mapping[str, float] = {"none": 4.0, "scalar": 1.0, "binary": 1 / 8}
_FLOATS = 4
# Fewest nodes of a cluster that still agree when one is lost (Raft: a majority).
_FEWEST_NODES = 3


@dataclass(frozen=True)
class Assumption:
    """A figure that the plan rests on, and who says so."""

    value: float
    source: str


# What is assumed where nothing else is said. Tokens of one GPU a second follow from the model and the GPU.
ASSUMED: Mapping[str, Assumption] = {
    "passages_per_document": Assumption(1.10, _MEASURED),
    "tokens_per_passage": Assumption(304, f"{_MEASURED}; cl100k tokens"),
    "payload_bytes": Assumption(1_800, f"{_MEASURED}; a passage's text and metadata as JSON"),
    "terms_per_passage": Assumption(90, f"{_MEASURED}; stems of its BM25 vector"),
    "dimensions": Assumption(1024, "Qwen3-Embedding-0.6B's model card"),
    "parameters": Assumption(0.6e9, "Qwen3-Embedding-0.6B's model card"),
    "flops": Assumption(312e12, "NVIDIA A100 data sheet: dense BF16"),
    "utilization": Assumption(0.4, "an assumption: the share of that which a server of short texts reaches"),
    "overhead": Assumption(1.5, _QDRANT_SIZE),
    "term_bytes": Assumption(
        16, "index and weight, four bytes each, in the vector and once more in the inverted index"
    ),
    "shards_per_node": Assumption(2, "Qdrant's sizing guidance: two to four shards a node"),
    "node_gigabytes": Assumption(64, "an assumption: memory of one Qdrant node"),
}


@dataclass(frozen=True)
class Size:
    """What one choice of quantization takes, all copies together. Sizes are in bytes."""

    quantization: str
    memory: float
    disk: float
    nodes: int
    shards: int


@dataclass(frozen=True)
class Plan:
    """The plan for a corpus. Hours are those of one GPU."""

    documents: float
    replicas: int
    vectors: float
    vector_bytes: float
    tokens: float
    tokens_per_second: float
    gpu_hours: float
    sizes: tuple[Size, ...]
    assumptions: Mapping[str, Assumption]

    def hours(self, gpus: int) -> float:
        """How long the embedding takes on so many GPUs."""
        return self.gpu_hours / gpus

    def to_json(self) -> dict[str, Any]:
        """As `citewell plan --json` prints it."""
        return asdict(self)


def plan(
    documents: float,
    given: Mapping[str, float],
    *,
    replicas: int = 1,
    quantization: str | None = None,
    tokens_per_second: float | None = None,
) -> Plan:
    """The plan for so many documents; `given` overrides what is `ASSUMED`, by name; without `quantization`: for each."""
    assumed = dict(ASSUMED) | {name: Assumption(value, "given") for name, value in given.items()}
    if tokens_per_second is None:
        speed = _estimated(assumed)
    else:
        speed = Assumption(tokens_per_second, "given; measured: citewell ingest … --json, tokens / seconds")
        assumed = {name: one for name, one in assumed.items() if name not in ("parameters", "flops", "utilization")}
    assumed["tokens_per_second"] = speed
    vectors = documents * assumed["passages_per_document"].value
    tokens = vectors * assumed["tokens_per_passage"].value
    kinds = list(BYTES_A_DIMENSION) if quantization is None else [quantization]
    return Plan(
        documents=documents,
        replicas=replicas,
        vectors=vectors,
        vector_bytes=vectors * assumed["dimensions"].value * _FLOATS,
        tokens=tokens,
        tokens_per_second=speed.value,
        gpu_hours=tokens / speed.value / 3600,
        sizes=tuple(_size(kind, vectors, replicas, assumed) for kind in kinds),
        assumptions=assumed,
    )


def _estimated(assumed: Mapping[str, Assumption]) -> Assumption:
    """Tokens a second of one GPU: a forward pass takes two operations a parameter and token (Kaplan et al., 2020)."""
    figures = [assumed[name].value for name in ("flops", "utilization", "parameters")]
    source = "estimated: flops × utilization / (2 × parameters), after Kaplan et al. (2020); measure yours"
    return Assumption(figures[0] * figures[1] / (2 * figures[2]), source)


def _size(kind: str, vectors: float, replicas: int, assumed: Mapping[str, Assumption]) -> Size:
    """Memory holds what is searched, quantized or not; disk holds everything, the full vectors for rescoring too."""
    searched = vectors * assumed["dimensions"].value * BYTES_A_DIMENSION[kind]
    lexical = vectors * assumed["terms_per_passage"].value * assumed["term_bytes"].value
    memory = replicas * (searched * assumed["overhead"].value + lexical)
    full = vectors * assumed["dimensions"].value * _FLOATS * assumed["overhead"].value
    payload = vectors * assumed["payload_bytes"].value
    disk = replicas * (full + lexical + payload + (0 if kind == "none" else searched))
    nodes = math.ceil(memory / (assumed["node_gigabytes"].value * 1e9))
    nodes = max(nodes, _FEWEST_NODES if replicas > 1 else 1, replicas)
    shards = 1 if nodes == 1 else math.ceil(nodes * assumed["shards_per_node"].value)
    return Size(kind, memory, disk, nodes, shards)
