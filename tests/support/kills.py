"""An ingest that kills itself at a chosen point of its progress, in a process forked from one that has everything loaded.

A point is a number: as many calls of citewell's own functions have gone by. So it may lie between any two steps:
after a batch is stored and before it is noted, amid the replacing of a document, before the index is whole.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import FrameType
from typing import Any

from qdrant_edge import EdgeShard, ScrollRequest

from configs.loading import load
from ingest import pipeline, run
from tests.support.corpora import Watcher

_OURS = str(Path(pipeline.__file__).parent)
_BATCH = 8
Points = dict[str, tuple[Any, Any]]


def forked() -> ForkServerContext:
    """Where such processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tests.support.warm"])
    return context


def ingest_until(context: ForkServerContext, path: str, flags: dict[str, Any], point: int | None) -> tuple[int, int]:
    """Ingest in another process, killed (-9) at that point; gives its exit status and how many calls it made."""
    calls = context.Value("q", 0)
    process = context.Process(target=_ingest, args=(path, flags, point, calls))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode, int(calls.value)


def _ingest(path: str, flags: dict[str, Any], point: int | None, calls: Any) -> None:
    run._BATCH = _BATCH
    count = 0

    def called(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event == "call" and frame.f_code.co_filename.startswith(_OURS):
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)

    settings = load(flags=flags).settings
    sys.setprofile(called)
    asyncio.run(pipeline.ingest([path], settings, Watcher()))
    sys.setprofile(None)
    calls.value = count


def points_in(folder: Path) -> Points:
    """Every point of an embedded index that nobody holds: its payload and its vectors."""
    shard = EdgeShard.load(str(folder / "shard"))
    found: Points = {}
    offset = None
    try:
        while True:
            request = ScrollRequest(offset=offset, limit=1_000, with_payload=True, with_vector=True)
            records, offset = shard.scroll(request)
            found |= {str(record.id): (record.payload, _plain(record.vector)) for record in records}
            if offset is None:
                return found
    finally:
        shard.close()


def _plain(vectors: Any) -> dict[str, Any]:
    return {name: getattr(vector, "indices", vector) for name, vector in (vectors or {}).items()}
