"""The one typed tree of settings: every section, its keys, their defaults and bounds.

Where values come from, and in which order, is `configs.loading`. Paths follow platformdirs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

_LOCAL = re.compile(r"localhost|::1|127(\.\d+){3}")
WHOLE = 24_576
"""Tokens up to which `chunking.size = "whole"` leaves a document uncut: three quarters of what an embedder of 32,768 tokens
takes, since its own are smaller than these where figures and foreign words stand."""
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


def _shown_as_it_is(url: str) -> str:
    if not url:
        raise ValueError("an address may not be blank")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("an address may hold no password, since addresses are shown; use the api_key beside it")
    return url


def _blank_to_none(url: Any) -> Any:
    return None if isinstance(url, str) and not url.strip() else url


def _size(said: Any) -> Any:
    if isinstance(said, str) and said.strip().lower() == "whole":
        return WHOLE
    if isinstance(said, str) and not said.strip().lstrip("-").isdecimal():
        raise ValueError('a number of tokens is needed, or "whole" for documents that are not cut')
    return said


Url = Annotated[str, AfterValidator(_shown_as_it_is)]
UrlOrNone = Annotated[Url | None, BeforeValidator(_blank_to_none)]


class Section(BaseModel):
    """A part of the tree: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class QdrantSettings(Section):
    """What an index on a Qdrant server is made with, how it is reached and searched; unset: the server's own.

    Shards to `on_disk_payload` and quantization count when the index is made, the rest at once.
    """

    shards: int | None = Field(None, ge=1, le=4096)
    replicas: int | None = Field(None, ge=1, le=64, description="copies of each shard")
    on_disk_vectors: bool = Field(False, description="vectors are read from disk, not held in memory")
    on_disk_payload: bool = Field(True, description="texts and metadata are read from disk")
    quantization: Literal["none", "scalar", "binary"] = Field(
        "none", description="of what is searched in memory: a byte, or a bit, for each dimension's four bytes"
    )
    rescore: bool = Field(True, description="the best of a quantized search are compared once more in full")
    oversampling: float = Field(2.0, ge=1, le=64, description="how many times as many are found for that")
    hnsw_m: int | None = Field(None, ge=0, le=512, description="links of a vector in the search graph; 0: no graph")
    hnsw_ef_construct: int | None = Field(None, ge=4, le=10_000, description="neighbours looked at to link it")
    hnsw_ef: int | None = Field(None, ge=1, le=100_000, description="neighbours looked at by a search")
    grpc: bool = Field(False, description="speak gRPC, at grpc_port")
    grpc_port: int = Field(6334, ge=1, le=65_535)
    ca_cert: UserPath | None = Field(None, description="who may vouch for an https server, in PEM; unset: the usual")


class IndexSettings(Section):
    """Where passages live: in process (Qdrant Edge) or on a Qdrant server."""

    home: Literal["embedded", "server"] = "embedded"
    name: str = "default"
    url: Url = "http://localhost:6333"
    api_key: SecretStr | None = None
    timeout: float = Field(10.0, gt=0, description="seconds for one call to the server")
    shared: bool = Field(True, description="an embedded index serves several processes at once, through one of its own")
    idle_minutes: float = Field(10.0, gt=0, description="minutes unused after which that process leaves")
    optimize_from: int = Field(20_000, ge=0, description="new passages after which ingest optimizes it; 0: never")
    server: QdrantSettings = QdrantSettings()

    @property
    def betrays_key(self) -> bool:
        """Whether its API key goes over plain HTTP to another machine."""
        parts = urlsplit(self.url)
        local = _LOCAL.fullmatch(parts.hostname or "")
        return self.home == "server" and self.api_key is not None and parts.scheme != "https" and not local


class ChunkingSettings(Section):
    """Passage sizes, in cl100k tokens; `size = "whole"` leaves documents whole, for embedders that read 32k tokens."""

    size: Annotated[int, BeforeValidator(_size)] = Field(512, ge=16, le=32_768)
    overlap: int = Field(64, ge=0)

    @model_validator(mode="after")
    def _overlap_leaves_something(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError(f"overlap ({self.overlap}) must be smaller than size ({self.size})")
        return self


class LexicalSettings(Section):
    """BM25: saturation `k`, length normalisation `b`, assumed mean passage length in tokens, weight of the title."""

    k: float = Field(1.2, ge=0)
    b: float = Field(0.75, ge=0, le=1)
    average_length: float = Field(160.0, gt=0)
    title_weight: int = Field(3, ge=1, le=10, description="how many times a word of the title counts")


class EmbeddingSettings(Section):
    """The dense half: none, an OpenAI-compatible server, or FastEmbed in process."""

    provider: Literal["none", "openai", "fastembed"] = "none"
    url: Url = Field("http://localhost:30000/v1", description="any OpenAI-compatible server: SGLang, vLLM, Infinity, …")
    model: str = "Qwen/Qwen3-Embedding-0.6B"
    model_path: UserPath | None = Field(None, description="a folder with model.onnx, for fastembed")
    api_key: SecretStr | None = None
    dimensions: int | None = Field(None, ge=8, description="ask for fewer (Matryoshka); none: the model's own")
    domain: str = Field("literature", description="a section of prompts/instructions.toml")
    prefix_documents: bool = Field(False, description="put the domain's prefix before each document")
    batch_size: int = Field(64, ge=1, le=4096, description="texts of one call, at most")
    batch_tokens: int = Field(32_768, ge=16, description="tokens of one call, about, were its texts padded")
    concurrency: int = Field(8, ge=1, description="calls at once, at most; fewer while the server queues")
    wait: float = Field(900.0, ge=0, description="seconds that an ingest waits for a server that went away")
    timeout: float = Field(60.0, gt=0)


class CacheSettings(Section):
    """Vectors kept by content and model, so that the same text is never embedded twice."""

    kind: Literal["none", "sqlite", "redis"] = Field("sqlite", description="sqlite: a file in data_dir")
    max_mb: int = Field(2048, ge=1, description="sqlite: the least recently used go from here on")
    url: Url = Field("redis://localhost:6379/0", description="redis: where; rediss:// encrypts")
    api_key: SecretStr | None = Field(None, description="redis: its password")
    ttl_days: float = Field(30.0, gt=0, description="redis: how long a vector lives")
    timeout: float = Field(1.0, gt=0, description="redis: seconds after which it goes on without")


class PubMedSettings(Section):
    """PubMed as a source (`citewell ingest pubmed:QUERY`), by NCBI's E-utilities."""

    url: Url = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    api_key: SecretStr | None = Field(None, description="allows ten calls a second instead of three")
    email: str | None = Field(None, description="where NCBI may write to before it blocks anyone")
    limit: int = Field(500, ge=1, le=9_999, description="records of one query")
    timeout: float = Field(60.0, gt=0)
    patience: float = Field(
        1.0, gt=0, description="seconds before the first repeated call, doubled for each further one"
    )


class RetrievalSettings(Section):
    """What is fetched, and how the two halves are weighed."""

    limit: int = Field(6, ge=1, description="passages given to an answer")
    candidates: int = Field(100, ge=1, description="taken from each half before fusion")
    fusion: Literal["convex", "rrf", "dbsf"] = Field("convex", description="of scores, ranks or their distributions")
    dense_weight: float = Field(0.7, ge=0, le=1, description="convex: share of cosine against BM25 over its best")
    expand_abbreviations: bool = Field(
        False, description="search for what the corpus says an abbreviation of the question means, and the reverse"
    )
    filter: str = Field(
        "", description="which records to search where nothing else is said, e.g. year>=2015 -type:preprint"
    )
    retracted: Literal["exclude", "flag"] = Field("exclude", description="leave retracted records out, or flag them")
    join: int = Field(3, ge=1, le=20, description="neighbouring passages made one result, at most; 1: none are joined")


class RerankSettings(Section):
    """A second look at the best passages, by a model that reads question and passage together."""

    provider: Literal["none", "server", "fastembed"] = Field("none", description="server: one with /rerank, as SGLang")
    url: Url = "http://localhost:30002/v1"
    model: str = "Qwen/Qwen3-Reranker-0.6B"
    model_path: UserPath | None = Field(None, description="a folder with a cross-encoder's model.onnx, for fastembed")
    api_key: SecretStr | None = None
    candidates: int = Field(30, ge=2, le=1000, description="how many of the best passages it reads")
    instruct: str | None = Field(None, description="what it is told to look for; none: the domain's task")
    timeout: float = Field(5.0, gt=0, description="seconds, after which the passages stay as they were")


class GenerationSettings(Section):
    """The model that writes answers; with no `url`, answers are verbatim quotes."""

    url: UrlOrNone = None
    model: str = "Qwen/Qwen3-8B"
    api_key: SecretStr | None = None
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(1024, ge=1)
    context_tokens: int = Field(6000, ge=256, description="budget for passages in the prompt")
    concurrency: int = Field(4, ge=1, le=256, description="questions of a file that are answered at once")
    timeout: float = Field(60.0, gt=0, description="longest silence of the stream, in seconds")


class AnsweringSettings(Section):
    """When to abstain, and what becomes of a sentence that its sources do not bear out, or that has none."""

    abstain_below: float = Field(
        0.5, ge=0, le=1, description="probability that the passages answer below which nothing is quoted; 0: never"
    )
    unsupported: Literal["warn", "withhold"] = Field("warn", description="sentences found unsupported or contradicted")
    uncited: Literal["warn", "withhold"] = Field("warn", description="sentences that cite no source")


class VerificationSettings(Section):
    """A model's second opinion on each cited sentence; what is not set is that of the model that writes."""

    enabled: bool = False
    url: UrlOrNone = None
    model: str | None = None
    api_key: SecretStr | None = None
    max_tokens: int = Field(512, ge=32)
    max_sentences: int = Field(40, ge=1, description="of an answer; the rest stay unchecked by the model")
    concurrency: int = Field(8, ge=1)
    timeout: float = Field(30.0, gt=0, description="seconds for one sentence")


class ServedModel(Section):
    """One SGLang server that `citewell serve` starts."""

    model: str
    port: int = Field(ge=1, le=65_535)
    host: str = "127.0.0.1"
    arguments: tuple[str, ...] = Field((), description="further sglang.launch_server flags")


class ServeSettings(Section):
    """The servers of this profile, started by `citewell serve`."""

    python: Path | None = Field(None, description="interpreter of an environment with SGLang; none: this one")
    start_timeout: float = Field(1800.0, gt=0, description="seconds until a model must be loaded and answer")

    embedding: ServedModel = ServedModel(model="Qwen/Qwen3-Embedding-0.6B", port=30000)
    generation: ServedModel = ServedModel(model="Qwen/Qwen3-8B", port=30001)
    reranker: ServedModel = ServedModel(model="Qwen/Qwen3-Reranker-0.6B", port=30002)


class ChatSettings(Section):
    """The terminal chat."""

    theme: str = "citewell-dark"


class ClassifySettings(Section):
    """Classifiers that label passages as they are stored (`citewell classify train`)."""

    labels: tuple[str, ...] = Field((), description="KEY=MODEL each: filters then know KEY; MODEL is a folder")


class Settings(Section):
    """Everything that can be set. Build it with `load`, which also says where values came from."""

    profile: str = "quickstart"
    privacy: Literal["warn", "block", "off"] = Field(
        "warn", description="a question that seems to name a patient, before it leaves this machine"
    )
    data_dir: UserPath = Field(default_factory=lambda: platformdirs.user_data_path("citewell"))
    index: IndexSettings = IndexSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    lexical: LexicalSettings = LexicalSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    cache: CacheSettings = CacheSettings()
    pubmed: PubMedSettings = PubMedSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    rerank: RerankSettings = RerankSettings()
    generation: GenerationSettings = GenerationSettings()
    answering: AnsweringSettings = AnsweringSettings()
    verification: VerificationSettings = VerificationSettings()
    serve: ServeSettings = ServeSettings()
    chat: ChatSettings = ChatSettings()
    classify: ClassifySettings = ClassifySettings()
