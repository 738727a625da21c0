"""One connection from a client to the owner of an embedded index."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count

from ingest.index import wire


class Gone(Exception):
    """Nobody is at the other end of the socket (any more)."""


class Link:
    """One connection to an owner: calls go out at once, answers are matched to them by number."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: wire.Head) -> None:
        self.said = said
        self.loop = asyncio.get_running_loop()
        self._writer = writer
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[tuple[wire.Head, bytes]]] = {}
        self._listening = asyncio.create_task(self._listen(reader))

    @property
    def usable(self) -> bool:
        """Whether it can be called from the event loop that runs now."""
        return not self._listening.done() and self.loop is asyncio.get_running_loop()

    async def call(self, call: str, head: wire.Head, body: bytes) -> tuple[wire.Head, bytes]:
        """Make one call.

        Raises:
            Gone: the connection broke before the answer.
            CitewellError: what went wrong over there.
        """
        number = next(self._numbers)
        answer = self._waiting[number] = self.loop.create_future()
        try:
            self._writer.write(wire.frame({**head, "id": number, "call": call}, body))
            await self._writer.drain()
            told, data = await answer
        except ConnectionError:
            raise Gone from None
        finally:
            self._waiting.pop(number, None)
        if "error" in told:
            raise wire.error_from_json(told["error"])
        return told, data

    async def ended(self) -> None:
        """Wait until the other end hangs up."""
        await asyncio.wait([self._listening])

    async def close(self) -> None:
        """Hang up."""
        if self.loop is not asyncio.get_running_loop():
            return  # its loop has ended, and the connection with it
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            with contextlib.suppress(wire.Garbled):
                while (came := await wire.read(reader)) is not None:
                    waiting = self._waiting.get(came[0].get("id", 0))
                    if waiting is not None and not waiting.done():
                        waiting.set_result(came)
        finally:
            self._writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(Gone())
