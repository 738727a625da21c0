"""Fixtures of the ingest side: a run over some records, watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ingest import embedding_stage, pipeline, run
from ingest.run import PLAIN, Manner
from tests.support.corpora import Watcher

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.progress import Summary
    from tests.conftest import CorpusWriter

Ingest: TypeAlias = "Callable[..., Awaitable[tuple[Summary, Watcher]]]"


@pytest.fixture
def ingest(corpus: CorpusWriter) -> Ingest:
    """A function that writes a corpus and ingests it; it gives the summary, and the watcher with what it saw."""

    async def ingested(
        records: Iterable[Mapping[str, Any]], settings: Settings, manner: Manner = PLAIN
    ) -> tuple[Summary, Watcher]:
        watcher = Watcher()
        return await pipeline.ingest([str(corpus(records))], settings, watcher, manner), watcher

    return ingested


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches; embedding calls that fail are not repeated, so that a failure takes no seconds."""
    monkeypatch.setattr(run, "_BATCH", 4)
    monkeypatch.setattr(embedding_stage, "_REPEATS", 0)
