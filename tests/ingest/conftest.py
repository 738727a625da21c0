"""Fixtures of the ingest side: a run over some records, watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ingest import pipeline
from tests.support.corpora import Watcher

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.pipeline import Summary
    from tests.conftest import CorpusWriter

Ingest: TypeAlias = "Callable[..., Awaitable[tuple[Summary, Watcher]]]"


@pytest.fixture
def ingest(corpus: CorpusWriter) -> Ingest:
    """A function that writes a corpus and ingests it; it gives the summary, and the watcher with what it saw."""

    async def run(records: Iterable[Mapping[str, Any]], settings: Settings) -> tuple[Summary, Watcher]:
        watcher = Watcher()
        return await pipeline.ingest([str(corpus(records))], settings, watcher), watcher

    return run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedding calls are not repeated, so that a failure takes no seconds."""
    monkeypatch.setattr(pipeline, "_RETRIES", 0)
