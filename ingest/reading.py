"""Records read ahead in a thread of their own, so that the network and the store are not kept waiting by a file.

A thread of its own and not the loop's pool: a read that waits for standard input must not hold up the end of the program.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from typing import TypeAlias

from ingest.documents import Document
from ingest.readers.base import Rejected

# Each record with its source, where that is known (`ingest.sources`).
Sourced: TypeAlias = "Iterator[tuple[str | None, Document | Rejected]]"
Chunk: TypeAlias = "list[tuple[str | None, Document | Rejected]]"
# So many times the size of a list may wait to be taken; more would only fill the memory.
_AHEAD = 2
# Seconds after which what is there is handed on, though it is little: a pipe may take its time.
_SOON = 0.2


async def read_ahead(records: Sourced, size: int) -> AsyncGenerator[Chunk, None]:
    """The records in lists of at most `size`, an empty one where none came for a while; what reading raises comes after them."""
    loop = asyncio.get_running_loop()
    enough = asyncio.Event()
    room = threading.Condition()
    waiting: Chunk = []
    ends: list[BaseException | None] = []
    left = False

    def read() -> None:
        error: BaseException | None = None
        try:
            for record in records:
                with room:
                    waiting.append(record)
                    if len(waiting) == size:
                        loop.call_soon_threadsafe(enough.set)
                    room.wait_for(lambda: left or len(waiting) < _AHEAD * size)
                    if left:
                        return
        except BaseException as raised:  # noqa: BLE001 — whatever it is, it is raised where the records are taken
            error = raised
        with room:
            ends.append(error)
            if not left:
                loop.call_soon_threadsafe(enough.set)

    threading.Thread(target=read, name="reader", daemon=True).start()
    try:
        while True:
            # Not `wait_for`, which in Python 3.11 swallows a cancellation that comes as it ends.
            with suppress(TimeoutError):
                async with asyncio.timeout(_SOON):
                    await enough.wait()
            enough.clear()
            with room:
                taken, ended = waiting[:], bool(ends)
                waiting.clear()
                room.notify()
            for start in range(0, max(len(taken), 1), size):
                yield taken[start : start + size]
            if ended:
                break
        if ends[0] is not None:
            raise ends[0]
    finally:
        with room:
            left = True
            room.notify()
