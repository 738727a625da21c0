"""Loads what an ingest loads on its way, so that a process forked after this import need not (see `kills.forked`)."""

from configs.settings import ChunkingSettings, EmbeddingSettings
from ingest import openai_api
from ingest.chunking import passages
from ingest.documents import Document
from ingest.index import server  # noqa: F401 — qdrant-client

passages(Document("warm", "Up", "Sentences that are cut. " * 20), ChunkingSettings(size=16, overlap=0))
_ = openai_api.make_client(EmbeddingSettings().url, None, 1.0, retries=0).embeddings
