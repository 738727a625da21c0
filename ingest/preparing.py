"""Documents to entries without vectors: cut into passages, their words weighed; of a large corpus in processes of their own.

This is half of what an ingest computes, and Python's threads share one core. A process takes a second to start, so that a
small corpus is better off without.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeAlias

from configs.settings import ChunkingSettings, LexicalSettings, Settings
from ingest.chunking import Span, cut, spans
from ingest.documents import Document
from ingest.index.base import Entry
from ingest.lexical import LexicalEncoder, SparseVector

# What is made of a passage elsewhere: its place in the document, and its words; the text need not travel back.
Prepared: TypeAlias = tuple[Span, SparseVector]
# Documents from which on processes are worth their start.
MANY = 3_000
# One feeds an embedder of several thousand documents a second.
_MOST_PROCESSES = 3


class Preparer:
    """Prepares documents as some settings say, any number of callers at once. Close it."""

    def __init__(self, settings: Settings, processes: bool, expected: Callable[[], int]) -> None:
        """`processes`: whether there may be any; `expected`: about how many documents there will be, 0 if not known."""
        self._how = (settings.chunking, settings.lexical)
        self._expected = expected
        self._lexical = LexicalEncoder(settings.lexical)
        self._processes = min(_MOST_PROCESSES, _cores() - 1) if processes else 0
        self._pool: ProcessPoolExecutor | None = None
        self._prepared = 0

    async def entries(self, documents: Sequence[Document]) -> list[Entry]:
        """The passages of these documents, in order, with their words."""
        self._prepared += len(documents)
        if self._processes and self._pool is None and max(self._expected(), self._prepared) >= MANY:
            self._pool = ProcessPoolExecutor(self._processes, get_context("spawn"), _begin, self._how)
        if self._pool is not None:
            try:
                with _deaf_to_ctrl_c():  # what is begun here is so from the start
                    prepared = asyncio.get_running_loop().run_in_executor(self._pool, _prepared, documents)
                return _entries(documents, await prepared)
            except BrokenExecutor:  # killed, by hand or for its memory: it can all be done here
                self._pool, self._processes = None, 0
        return _entries(documents, _prepare(documents, self._how[0], self._lexical))

    async def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Ctrl+C goes to all processes of a terminal; it is the parent's to hear, which hears it when this is over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepare(
    documents: Sequence[Document], chunking: ChunkingSettings, lexical: LexicalEncoder
) -> list[list[Prepared]]:
    return [
        [
            ((start, end), lexical.passage(document.title, document.text[start:end]))
            for start, end in spans(document, chunking)
        ]
        for document in documents
    ]


def _entries(documents: Sequence[Document], prepared: Sequence[Sequence[Prepared]]) -> list[Entry]:
    return [
        Entry(passage, words)
        for document, parts in zip(documents, prepared, strict=True)
        for passage, (_, words) in zip(cut(document, [span for span, _ in parts]), parts, strict=True)
    ]


_way: tuple[ChunkingSettings, LexicalEncoder]
"""Of a process that prepares."""


def _begin(chunking: ChunkingSettings, lexical: LexicalSettings) -> None:
    """Make this process one that prepares: it dies with its parent, however that dies."""
    global _way
    _way = chunking, LexicalEncoder(lexical)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be blocked
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _prepared(documents: Sequence[Document]) -> list[list[Prepared]]:
    return _prepare(documents, *_way)
