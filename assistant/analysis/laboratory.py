"""One corpus, read and embedded once, searched under many settings by the same `Searcher` that answers questions.

Each combination that changes what is stored (chunking, lexical weights, embedder, vector size) gets an embedded index
of its own in a temporary folder, so quality and latency are those of the product; the embedder's work is done before,
and not part of the latency.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

from assistant.analysis import metrics, reduction
from assistant.analysis.evaluation import Progress, Ranked, percentiles, rank
from assistant.analysis.judged import Judgments, Questions
from assistant.analysis.reduction import Reduction
from assistant.analysis.vectors import embed_documents, embed_questions
from assistant.answering.rerank import open_reranking
from assistant.answering.retrieval import Searcher
from configs.errors import InputError
from configs.settings import Settings
from ingest.chunking import passages
from ingest.documents import Document, Passage
from ingest.index.base import Candidates, Entry, Hit, Index
from ingest.index.open import create_index
from ingest.lexical import LexicalEncoder
from ingest.matrix import Matrix
from ingest.readers import registry
from ingest.readers.base import Rejected

if TYPE_CHECKING:
    from ingest.embedding import Embedder
    from ingest.filters import Filter
    from ingest.index.base import Vector
    from ingest.lexical import SparseVector

# As many documents as nDCG@10 and MRR@10 look at, and as a reader does.
DEPTH = 10
_STORED_AT_ONCE = 1_000
_OVERSAMPLING = 4
# So many questions are asked so many times more, where only their time is wanted.
_TIMED, _AGAIN = 100, 4

Stage: TypeAlias = Callable[[str], AbstractContextManager[Progress]]
"""Opens a named stage of long work and gives what is told of its progress."""


@dataclass(frozen=True)
class Measured:
    """One setting's figures.

    `milliseconds` is median and 95th percentile of a search, each at its fastest of a few times (with a reranker: of
    one); None where it was simulated. `variance` is the share of the vectors' variance that fewer dimensions keep; None
    where nothing is left out.
    """

    per_query: metrics.PerQuery
    dimensions: int | None
    bytes_per_vector: int | None
    milliseconds: tuple[float, float] | None
    warnings: Counter[str]
    variance: float | None = None


class Laboratory:
    """Open it with `async with`; what it stores is gone at the end."""

    def __init__(self, paths: Sequence[str], questions: Questions, judgments: Judgments, stage: Stage) -> None:
        self._paths = paths
        self._questions = questions
        self._judgments = judgments
        self._stage = stage
        self._documents: list[Document] = []
        self.rejected = 0
        self._kept: dict[str, Any] = {}
        self._indexes: dict[str, Index] = {}
        self._made = 0

    async def __aenter__(self) -> Self:
        """Read the corpus.

        Raises:
            InputError: it is not there, or no document is in it.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="citewell-eval-")
        found: dict[str, Document] = {}
        for name in registry.find_files(self._paths):
            for record in registry.read(name):
                if isinstance(record, Rejected):
                    self.rejected += 1
                else:
                    found[record.id] = record
        if not found:
            raise InputError("no document could be read", where=", ".join(self._paths))
        self._documents = list(found.values())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for index in self._indexes.values():
            await index.close()
        self._folder.cleanup()

    @property
    def ids(self) -> set[str]:
        """The documents there are."""
        return {document.id for document in self._documents}

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self._documents)

    async def dimensions(self, settings: Settings) -> int:
        """How many the embedder of these settings gives at full size."""
        return int((await self._question_vectors(settings)).shape[1])

    async def measure(self, settings: Settings, reduced: Reduction | None, label: str) -> Measured:
        """Ask every question under these settings.

        Raises:
            ServerError, SettingsError, NotInstalled, IndexStoreError
        """
        index = await self._index(settings, reduced)
        embedder = await self._embedder(settings, reduced)
        if reduced is not None and reduced.method == "binary":
            index = await self._binary(index, settings)
        searcher = Searcher(index, settings, embedder, open_reranking(settings))
        with self._stage(f"Searching, {label}") as progress:
            ranked = await rank(searcher, self._questions, progress, depth=DEPTH)
        seconds = ranked.seconds if settings.rerank.provider != "none" else await self._undisturbed(searcher, ranked)
        full = None if embedder is None else await self.dimensions(settings)
        size = full if reduced is None else reduced.dimensions
        simulated = reduced is not None and reduced.method in ("int8", "binary")
        stored = None if size is None else (reduced or Reduction("truncation", size)).bytes_per_vector
        return Measured(
            metrics.per_query(self._judgments, ranked.run),
            size,
            stored,
            None if simulated else percentiles(seconds),
            ranked.warnings,
            None if reduced is None else reduction.variance_kept(reduced, await self._passage_vectors(settings)),
        )

    async def _undisturbed(self, searcher: Searcher, ranked: Ranked) -> list[float]:
        """How long some of the questions take at their fastest of a few times: what else the machine does counts less."""
        some = dict(islice(self._questions.items(), _TIMED))
        again = [(await rank(searcher, some, lambda done, total: None, depth=DEPTH)).seconds for _ in range(_AGAIN)]
        return [min(times) for times in zip(ranked.seconds[: len(some)], *again, strict=True)]

    async def _embedder(self, settings: Settings, reduced: Reduction | None) -> Embedder | None:
        if settings.embedding.provider == "none":
            return None
        vectors = await self._question_vectors(settings)
        if reduced is not None:
            _, vectors = reduction.reduce(reduced, await self._passage_vectors(settings), vectors)
        return _Prepared(dict(zip(self._questions.values(), vectors.tolist(), strict=True)))

    async def _index(self, settings: Settings, reduced: Reduction | None) -> Index:
        """The index of what these settings store; the first is kept to the end, of the others the latest."""
        if reduced is not None and reduced.method == "binary":
            reduced = None
        key = f"{_stored(settings)} {reduced}"
        if key in self._indexes:
            return self._indexes[key]
        for other in list(self._indexes)[1:]:
            await self._indexes.pop(other).close()
        vectors = None
        if settings.embedding.provider != "none":
            vectors = await self._passage_vectors(settings)
            if reduced is not None:
                vectors, _ = reduction.reduce(reduced, vectors, vectors[:1])
        self._indexes[key] = await self._filled(settings, vectors)
        return self._indexes[key]

    async def _filled(self, settings: Settings, vectors: Matrix | None) -> Index:
        self._made += 1
        place = settings.index.model_copy(update={"home": "embedded", "name": f"eval-{self._made}", "shared": False})
        inside = settings.model_copy(update={"data_dir": Path(self._folder.name), "index": place})
        index = await create_index(inside, None if vectors is None else int(vectors.shape[1]))
        lexical = LexicalEncoder(settings.lexical)
        cut = self._passages(settings)
        with self._stage("Storing") as progress:
            for start in range(0, len(cut), _STORED_AT_ONCE):
                batch = cut[start : start + _STORED_AT_ONCE]
                rows = [None] * len(batch) if vectors is None else vectors[start : start + _STORED_AT_ONCE].tolist()
                pairs = zip(batch, rows, strict=True)
                await index.store([Entry(p, lexical.passage(p.title, p.text), row) for p, row in pairs], [])
                progress(start + len(batch), len(cut))
        return index

    def _passages(self, settings: Settings) -> list[Passage]:
        key = f"passages {settings.chunking!r}"
        if key not in self._kept:
            self._kept[key] = [p for document in self._documents for p in passages(document, settings.chunking)]
        return cast("list[Passage]", self._kept[key])

    async def _passage_vectors(self, settings: Settings) -> Matrix:
        key = f"vectors {_stored(settings)}"
        if key not in self._kept:
            texts = [passage.searchable for passage in self._passages(settings)]
            with self._stage("Embedding passages") as progress:
                self._kept[key] = await embed_documents(texts, settings, progress)
        return cast("Matrix", self._kept[key])

    async def _question_vectors(self, settings: Settings) -> Matrix:
        key = f"questions {_embedder_of(settings)}"
        if key not in self._kept:
            with self._stage("Embedding questions") as progress:
                self._kept[key] = await embed_questions(list(self._questions.values()), settings, progress)
        return cast("Matrix", self._kept[key])

    async def _binary(self, index: Index, settings: Settings) -> Index:
        documents = await self._passage_vectors(settings)
        points = [passage.point_id for passage in self._passages(settings)]
        # It is an index in all that a searcher asks of one; what it does not define it leaves to the real one.
        return cast("Index", _Binary(index, points, documents))


class _Prepared:
    """An embedder whose work is done."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors

    async def embed_query(self, question: str) -> Vector:
        return self._vectors[question]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        raise AssertionError("only questions are embedded while searching")

    async def close(self) -> None:
        pass


class _Binary:
    """The lexical half of a real index, and a dense half that is searched by signs and rescored with full vectors."""

    def __init__(self, index: Index, points: Sequence[str], documents: Matrix) -> None:
        self._index = index
        self._points = points
        self._documents = documents
        self._signs = reduction.signs(documents)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def candidates(
        self, lexical: SparseVector, dense: Vector | None, limit: int, where: Filter | None = None
    ) -> Candidates:
        import numpy as np

        found = await self._index.candidates(lexical, None, limit, where)
        if dense is None:
            return found
        question = np.asarray(dense, np.float32)
        best = reduction.binary_candidates(self._signs, self._documents, question, limit, _OVERSAMPLING)
        return Candidates(found.lexical, [Hit(self._points[row], score) for row, score in best])


def _embedder_of(settings: Settings) -> str:
    return json.dumps(settings.embedding.model_dump(mode="json", exclude={"api_key", "dimensions"}), sort_keys=True)


def _stored(settings: Settings) -> str:
    """What decides what an index holds; the instruction before questions does so only where passages have a prefix too."""
    embedding = settings.embedding
    domain = embedding.domain if embedding.prefix_documents else "none"
    at_rest = settings.model_copy(update={"embedding": embedding.model_copy(update={"domain": domain})})
    return f"{settings.chunking!r} {settings.lexical!r} {_embedder_of(at_rest)}"
