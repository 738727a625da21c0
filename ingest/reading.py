"""Records read ahead in a thread of their own, so that the network and the store are not kept waiting by a file.

A thread of its own and not the loop's pool: a read that waits for standard input must not hold up the end of the program.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import TypeAlias

from ingest.documents import Document
from ingest.readers.base import Rejected

# Each record with its source, where that is known (`ingest.sources`).
Sourced: TypeAlias = "Iterator[tuple[str | None, Document | Rejected]]"
Chunk: TypeAlias = "list[tuple[str | None, Document | Rejected]]"
# Lists that may wait to be taken; more would only fill the memory.
_AHEAD = 2


async def read_ahead(records: Sourced, size: int) -> AsyncGenerator[Chunk, None]:
    """The records in lists of `size`, the last one shorter; what reading raises is raised here, after what was read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Chunk | BaseException | None] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)
    left = threading.Event()

    def hand_over(item: Chunk | BaseException | None) -> None:
        if not left.is_set():
            loop.call_soon_threadsafe(ready.put_nowait, item)

    def read() -> None:
        chunk: Chunk = []
        try:
            for record in records:
                chunk.append(record)
                if len(chunk) >= size:
                    hand_over(chunk)
                    chunk = []
                    room.acquire()
                if left.is_set():
                    return
            hand_over(chunk)
            hand_over(None)
        except BaseException as error:  # noqa: BLE001 — whatever it is, it is raised where the records are taken
            hand_over(chunk)
            hand_over(error)

    threading.Thread(target=read, name="reader", daemon=True).start()
    try:
        while (item := await ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            room.release()
            if item:
                yield item
    finally:
        left.set()
        room.release()
