"""The index as callers see it: a protocol, the hits it returns, and the manifest that says how it was made."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from configs.errors import IndexMismatch, IndexStoreError
from ingest.documents import Passage
from ingest.facets import FACETS, YEAR
from ingest.lexical import SparseVector

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.filters import Filter

FORMAT = 2
DENSE = "dense"
LEXICAL = "lexical"
# Payload keys that are filtered on, and how Qdrant indexes them.
INDEXED_KEYS = {"doc_id": "keyword", "ordinal": "integer", YEAR: "integer", FACETS: "keyword"}
# Under these names the metadata of records state which paper they are: what is read of a stored document for its ledger.
IDENTIFIERS = ("pmid", "PMID", "doi", "DOI")
LEDGER_KEYS = ["doc_id", "hash", "text_hash", *(f"metadata.{key}" for key in IDENTIFIERS)]
# The most frequent facets that are counted: a corpus has thousands of journals, and labels of its own.
MOST_FACETS = 10_000

Vector = Sequence[float]


@dataclass(frozen=True)
class Manifest:
    """How an index was made. What must match the settings is in `made_with`."""

    id: str
    format: int
    made_with: Mapping[str, Mapping[str, Any]]
    domain: str = ""
    """Whose instruction its questions are embedded with, where nothing else is said."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Keys that classifiers label its passages with, and the id of each classifier."""

    @classmethod
    def of(cls, settings: Settings, dimensions: int | None) -> Manifest:
        """The manifest of a new index; `dimensions` is what the embedder answers with, None without one."""
        made_with, labels = _made_with(settings, dimensions), _labelled_by(settings)
        return cls(uuid.uuid4().hex, FORMAT, made_with, settings.embedding.domain, labels)

    def filled(self, settings: Settings) -> Settings:
        """The settings as questions of this index use them: with its domain, unless somebody chose one."""
        if not self.domain or "domain" in settings.embedding.model_fields_set:
            return settings
        embedding = settings.embedding.model_copy(update={"domain": self.domain})
        return settings.model_copy(update={"embedding": embedding})

    @property
    def dimensions(self) -> int | None:
        """Size of the dense vectors; None where there are none."""
        size = self.made_with["embedding"].get("dimensions")
        return None if size is None else int(size)

    def check(self, settings: Settings, name: str, dimensions: int | None = None, *, storing: bool = True) -> None:
        """Refuse settings that would mix incompatible passages or vectors.

        Without `dimensions`, those that the settings ask for count; where they ask for none, any will do. How passages
        are cut concerns only who stores some.

        Raises:
            IndexMismatch: names both sides and the command that mends it.
        """
        wanted = _made_with(settings, dimensions or settings.embedding.dimensions or self.dimensions)
        differ = [
            (part, key, value, wanted[part].get(key))
            for part, made in self.made_with.items()
            for key, value in made.items()
            if wanted[part].get(key) != value and (storing or part != "chunking")
        ]
        if differ:
            part, key, value, now = differ[0]
            remedies = [_remedy(part, key, value) for part, key, value, _ in differ]
            again = f"Use what it was made with: {' '.join(remedies)}; or another" if all(remedies) else "Use another"
            raise IndexMismatch(
                f"index “{name}” was made with {part} {key} = {_show(value)}, the settings now say {_show(now)}",
                fix=f"{again} --index NAME; or make it anew, while the old one answers: "
                f"citewell ingest --rebuild --index {name}.",
            )

    def check_labels(self, settings: Settings, name: str) -> None:
        """Refuse to store passages that other classifiers label than those that are stored, or none.

        Raises:
            IndexMismatch: names both sides and the command that mends it.
            InputError: a classifier of the settings cannot be read.
        """
        wanted = _labelled_by(settings)
        for key in sorted({*self.labels, *wanted}):
            made, now = self.labels.get(key), wanted.get(key)
            if made != now:
                what = f"with classifier {made}" if made else "without a classifier"
                told = f"classifier {now}" if now else "none"
                keep = f"name that classifier: --label {key}=MODEL" if made else f"leave out {key}=MODEL"
                anew = f"label all anew, while the old index answers: citewell ingest --rebuild --index {name} --label {key}=MODEL"
                raise IndexMismatch(
                    f"index “{name}” was labelled {what} for {key}, the settings now name {told}",
                    fix=f"Go on as it was made: {keep} (or classify.labels); or {anew if now else 'use another --index NAME'}.",
                )

    def to_json(self) -> dict[str, Any]:
        """As stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], where: str) -> Manifest:
        """The inverse of `to_json`.

        Raises:
            IndexStoreError: it is not a manifest, or of another format than this.
        """
        try:
            made_with = {part: dict(stored["made_with"][part]) for part in ("embedding", "chunking", "lexical")}
            labels = {str(key): str(model) for key, model in dict(stored.get("labels") or {}).items()}
            manifest = cls(str(stored["id"]), int(stored["format"]), made_with, str(stored.get("domain", "")), labels)
        except (KeyError, TypeError, ValueError):
            raise IndexStoreError(
                "the manifest is damaged", where=where, fix="Delete the index and ingest again."
            ) from None
        if manifest.format > FORMAT:
            raise IndexStoreError("was made by a newer citewell", where=where, fix="Upgrade citewell.")
        if manifest.format < FORMAT:  # 1 stored nothing to filter by, so retracted records could not be told
            raise IndexStoreError(
                "the index was made by an older citewell, in a form without filters",
                where=where,
                fix="Make it anew: citewell ingest PATH… --rebuild --prune; or ingest into another --index NAME.",
            )
        return manifest


def made_embedding(settings: Settings, dimensions: int | None) -> dict[str, Any]:
    """What of the embedder of these settings must be the same wherever its vectors are compared."""
    # Imported here, as below: the owner of an index (ingest/index/owner.py) has to start fast and needs none of it.
    from ingest.embedding_in_process import fingerprint
    from prompts import library

    embedding: dict[str, Any] = {"provider": "none"}
    if settings.embedding.provider != "none":
        prefix = library.instruction(settings.embedding.domain).document_prefix
        embedding = {
            "provider": settings.embedding.provider,
            "model": settings.embedding.model,
            "dimensions": dimensions,
            "document_prefix": prefix if settings.embedding.prefix_documents else "",
        }
        if settings.embedding.provider == "fastembed":
            folder = settings.embedding.model_path
            embedding["model_file"] = None if folder is None else fingerprint(folder)
    return embedding


def _labelled_by(settings: Settings) -> dict[str, str]:
    if not settings.classify.labels:
        return {}
    from ingest.labelling import identities

    return identities(settings.classify)


def _made_with(settings: Settings, dimensions: int | None) -> dict[str, dict[str, Any]]:
    from ingest.lexical import ANALYZER

    return {
        "embedding": made_embedding(settings, dimensions),
        "chunking": {"size": settings.chunking.size, "overlap": settings.chunking.overlap},
        "lexical": {"analyzer": ANALYZER, **settings.lexical.model_dump()},
    }


def _remedy(part: str, key: str, value: Any) -> str:
    """What makes the settings say `value` again; empty where nothing does."""
    from prompts import library

    if key == "analyzer":
        return ""
    if key == "model_file":
        folder = "--set embedding.model_path=FOLDER (the folder of that model)"
        return "no embedding.model_path" if value is None else folder
    if key != "document_prefix":
        return _flag(f"{part}.{key}", value)
    if not value:
        return _flag("embedding.prefix_documents", False)
    domains = [domain for domain, one in library.instructions().items() if one.document_prefix == value]
    return f"{_flag('embedding.prefix_documents', True)} {_flag('embedding.domain', domains[0])}" if domains else ""


def _flag(key: str, value: Any) -> str:
    return f"--set {shlex.quote(f'{key}={value if isinstance(value, str) else _show(value)}')}"


def _show(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage with its vectors, ready to store."""

    passage: Passage
    lexical: SparseVector
    dense: Vector | None = None


class Hit(NamedTuple):
    """A stored point that matched: its score in one half of the search. A tuple, since each search makes hundreds."""

    point_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What an index holds now."""

    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What the index knows of a document, enough to rebuild a ledger."""

    id: str
    hash: str
    text_hash: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Of all that is stored what `IDENTIFIERS` name."""

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> StoredDocument:
        """Of what a point holds under `LEDGER_KEYS`."""
        return cls(payload["doc_id"], payload["hash"], payload["text_hash"], payload.get("metadata") or {})


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best of each half, best first."""

    lexical: list[Hit] = field(default_factory=list)
    dense: list[Hit] = field(default_factory=list)


class Index(Protocol):
    """One index, open. All calls may wait on a server; the embedded home answers at once."""

    name: str
    manifest: Manifest

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """Upsert entries; of the documents in `replaced`, drop every passage that is not among them."""
        ...

    async def candidates(
        self, lexical: SparseVector, dense: Vector | None, limit: int, where: Filter | None = None
    ) -> Candidates:
        """The best `limit` points of each half that pass `where`; an empty or missing query vector gives an empty half."""
        ...

    async def fetch(self, point_ids: Sequence[str]) -> list[Passage]:
        """The passages of these points, in this order; those that vanished meanwhile are left out."""
        ...

    async def counts(self, where: Filter | None = None) -> Counts:
        """Documents and passages stored now that pass `where`."""
        ...

    async def facets(self) -> dict[str, int]:
        """How many documents have each facet (see `ingest.facets`) and year (as `year=2020`), most first."""
        ...

    def documents(self) -> AsyncIterator[StoredDocument]:
        """Every stored document, in no particular order."""
        ...

    async def size_bytes(self) -> int | None:
        """Bytes on disk; None where the server does not say."""
        ...

    async def flush(self) -> None:
        """Make all that was stored survive a power cut."""
        ...

    async def close(self) -> None:
        """Release files, locks and connections."""
        ...
