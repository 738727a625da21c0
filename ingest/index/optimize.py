"""Optimizing an embedded index: graphs (HNSW, Malkov and Yashunin, 2018) over its vectors, segments merged.

Edge holds the GIL throughout, for minutes: so it works on a copy in a process of its own, and whoever
asked (`ingest`, or `citewell index optimize`) waits, while the index answers; then the copy takes its place.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from configs.errors import IndexStoreError

if TYPE_CHECKING:
    from ingest.index.base import Index

# Edges a node, and candidates weighed for them: Qdrant's own choice of m; more candidates gain recall at the cost of minutes.
_M, _EF_CONSTRUCT = 16, 128
# KB of vectors below which a search with a filter scans what passes it; and a graph is built for, since one asked.
_SCANNED, _BUILT = 10_000, 1
_TRIES = 2
_TOLD_EVERY = 1.0

Progress = Callable[[str], None]


class Optimizable(Protocol):
    """An index whose files are this machine's."""

    async def unoptimized(self) -> int:
        """Passages with a dense vector that no graph leads to."""
        ...

    async def copy(self) -> str:
        """Copy its shard; the folder of the copy, which is the index's until `swap`."""
        ...

    async def swap(self, copy: str) -> bool:
        """Bring a copy up to date and put it in the shard's place; False where that cannot be, and nothing was done."""
        ...


def optimizable(index: Index) -> Optimizable | None:
    """The index, where there is something to optimize: a Qdrant server sees to that itself."""
    return index if hasattr(index, "swap") else None  # type: ignore[return-value]


async def optimize(index: Optimizable, progress: Progress) -> None:
    """Optimize an index; `progress` is told the stage about once a second.

    Raises:
        IndexInUse, IndexStoreError: someone else is at it; no space, or it was disturbed twice.
    """
    for _ in range(_TRIES):
        progress("Copying the index")
        copy = await index.copy()
        await _build(copy, progress)
        progress("Putting the optimized index in its place")
        if await index.swap(copy):
            return
    raise IndexStoreError("the index could not be optimized: it was opened anew meanwhile", fix="Try again.")


async def _build(copy: str, progress: Progress) -> None:
    from ingest.index.starting import command, environment, log, log_file  # only who optimizes needs it

    with log() as descriptor:
        process = await asyncio.create_subprocess_exec(
            *command("optimize", copy),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env=environment(),
        )
    started = time.monotonic()
    try:
        while process.returncode is None:
            progress(f"Building the search graph, {time.monotonic() - started:.0f} s")
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=_TOLD_EVERY)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise IndexStoreError(
            f"the index could not be optimized (exit status {process.returncode})",
            where=copy,
            fix=f"{log_file()} says why; the index is as it was.",
        )


def main() -> None:
    """`… ROOT COPY`: optimize the shard in the folder COPY."""
    from qdrant_edge import EdgeOptimizersConfig, EdgeShard, HnswIndexConfig

    from ingest.index.embedded import config, read_manifest

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would wait until Edge is done
    os.nice(5)
    graph = HnswIndexConfig(m=_M, ef_construct=_EF_CONSTRUCT, full_scan_threshold=_SCANNED)
    few_segments = EdgeOptimizersConfig(indexing_threshold=_BUILT, default_segment_number=1)
    copy = Path(sys.argv[2])
    made = config(read_manifest(copy.parent), hnsw_config=graph, optimizers=few_segments)
    shard = EdgeShard.load(str(copy), made)
    shard.optimize()
    shard.flush()
    shard.close()
    os.sync()
