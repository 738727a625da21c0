"""A copy of an open shard, to be optimized in another process and put in its place, while the shard goes on serving.

{folder}/shard.XXXXXXXX   the copy
{folder}/shard.old        the shard that a copy is replacing; for a moment there is no {folder}/shard

Documents stored meanwhile are noted by id and carried over before the exchange, so none is lost. A kill at any
moment leaves either the old shard whole or the new one: `recover` finds out which.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from qdrant_edge import (
    CountRequest,
    EdgeShard,
    FieldCondition,
    Filter,
    MatchAny,
    Point,
    Record,
    ScrollRequest,
    UpdateOperation,
)

from ingest.index.faults import explained, need_space

# Documents carried over in one go: what else the event loop has to do waits no longer.
_CARRIED = 32
# A copy is read while its optimized form is written beside it.
_TIMES_ITS_SIZE = 2


class Copy:
    """A copy of a shard, and the documents that the shard has changed since. Made by `copied`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"shard.{secrets.token_hex(4)}"
        self.changed: set[str] = set()


def recover(folder: Path) -> None:
    """Undo what a kill left half done; only for who holds the index."""
    shard, old = folder / "shard", folder / "shard.old"
    if old.is_dir() and not shard.is_dir():
        old.rename(shard)
    for leftover in folder.glob("shard.*"):  # `shard` itself has no dot
        shutil.rmtree(leftover, ignore_errors=True)


async def copied(folder: Path, shard: EdgeShard) -> Copy:
    """Copy a shard as it is now; nothing may be stored in it meanwhile, but it can be searched.

    Raises:
        IndexStoreError: there is no space for it.
    """
    with explained(folder, "copied"):
        _make_room(folder)
        shard.flush()
    copy = Copy(folder)
    await asyncio.to_thread(_copy, folder, copy.path)
    return copy


def _make_room(folder: Path) -> None:
    for leftover in folder.glob("shard.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    size = sum(file.stat().st_blocks * 512 for file in (folder / "shard").rglob("*") if file.is_file())
    need_space(folder, _TIMES_ITS_SIZE * size)


def _copy(folder: Path, to: Path) -> None:
    with explained(folder, "copied"):
        shutil.copytree(folder / "shard", to)


async def carried(copy: Copy, folder: Path, shard: EdgeShard) -> bool:
    """Bring the copy up to date with the shard; whether it then holds as many points. Nothing may be stored meanwhile."""
    with explained(folder, "read"):
        fresh = EdgeShard.load(str(copy.path))
    try:
        changed = sorted(copy.changed)
        for start in range(0, len(changed), _CARRIED):
            these = Filter(must=[FieldCondition(key="doc_id", match=MatchAny(changed[start : start + _CARRIED]))])
            with explained(folder, "written"):
                fresh.update(UpdateOperation.delete_points_by_filter(these))
                for points in _points(shard, these):
                    fresh.update(UpdateOperation.upsert_points(points))
            await asyncio.sleep(0)
        with explained(folder, "written"):
            fresh.flush()
            return fresh.count(CountRequest()) == shard.count(CountRequest())
    finally:
        fresh.close()


def _points(shard: EdgeShard, these: Filter) -> Iterable[list[Point]]:
    offset = None
    while True:
        request = ScrollRequest(offset=offset, limit=1_000, filter=these, with_payload=True, with_vector=True)
        records, offset = shard.scroll(request)
        if records:
            yield [_point(record) for record in records]
        if offset is None:
            return


def _point(record: Record) -> Point:
    return Point(record.id, record.vector or {}, record.payload)


def exchanged(copy: Copy, folder: Path, shard: EdgeShard) -> EdgeShard:
    """Close a shard, put its copy in its place and open that."""
    place, old = folder / "shard", folder / "shard.old"
    with explained(folder, "written"):
        shard.close()
        place.rename(old)
        copy.path.rename(place)
        fresh = EdgeShard.load(str(place))
    with contextlib.suppress(OSError):  # the next to open it tries again
        shutil.rmtree(old)
    return fresh
