"""A local HTTP server for tests: a real socket, a thread and an event loop of its own, faults on demand.

    with SomeServer() as server:
        server.fault = faults.BUSY                          # every request from now on
        server.faults.extend([None, faults.Hang()])         # the next goes well, the one after hangs
        … server.requests, server.wait_for(2), server.release() …

Synchronous code, asynchronous code and other processes can all call it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support import faults

Json = dict[str, Any]


@dataclass(slots=True)
class Recorded:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    hung_up: threading.Event = field(default_factory=threading.Event)
    """Set when the client left before the answer was whole: a cancelled stream, a timeout."""


class LocalServer:
    """Start it with `with` or `start`, set its attributes at any time; a subclass says what it answers."""

    def __init__(self) -> None:
        self.api_key: str | None = None
        """What a client must send where it is set."""
        self.latency = 0.0
        """Seconds before each answer."""
        self.fault: faults.Fault | None = None
        self.faults: deque[faults.Fault | None] = deque()
        """Faults of the next requests, one each, used up before `fault` counts; None goes well."""
        self.requests: list[Recorded] = []
        self.busiest = 0
        """The most requests that were under way at once."""
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        """Set before it starts, it speaks HTTPS."""
        self._busy = 0
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def respond(self, request: web.Request, recorded: Recorded, fault: faults.Fault | None) -> web.StreamResponse:
        """The answer to a request; `fault` is none of those that every server has."""
        raise NotImplementedError

    def refusal(self, recorded: Recorded) -> web.Response | None:
        """The answer to a request without the right key, or that no fault may touch; None for all others."""
        raise NotImplementedError

    def fail_with(self, status: int, body: Any = None) -> None:
        """Answer every request from now on with this status; `heal` ends it."""
        self.fault = faults.Status(status, {} if body is None else body)

    def heal(self) -> None:
        """No more faults."""
        self.fault = None
        self.faults.clear()

    def release(self) -> None:
        """Let every hanging request and silent stream go on, now and later."""
        self._loop.call_soon_threadsafe(self._released.set)

    def wait_for(self, count: int, path: str = "", timeout: float = 20.0) -> list[Recorded]:
        """Block until `count` requests of this path (any, by default) have arrived; return them.

        From a coroutine, call it through `asyncio.to_thread`.
        """

        def arrived() -> list[Recorded]:
            return [request for request in self.requests if request.path.startswith(path)]

        with self._arrived:
            if not self._arrived.wait_for(lambda: len(arrived()) >= count, timeout):
                raise TimeoutError(f"{len(arrived())} requests came, {count} were awaited")
        return arrived()

    def start(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=20)
        return self

    def stop(self) -> None:
        """Break off what is under way, close the socket and end the thread. A later request is refused."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=20)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        leftover = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        form = request.content_type == "application/x-www-form-urlencoded"
        body: Json = dict(await request.post()) if form else json.loads(text) if text else {}
        recorded = Recorded(request.method, request.path, dict(request.headers), body)
        with self._arrived:
            self.requests.append(recorded)
            self._arrived.notify_all()
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            return await self._answer(request, recorded)
        except (asyncio.CancelledError, ConnectionError):
            recorded.hung_up.set()
            raise
        finally:
            self._busy -= 1

    async def _answer(self, request: web.Request, recorded: Recorded) -> web.StreamResponse:
        refusal = self.refusal(recorded)
        if refusal is not None:
            return refusal
        fault = self.faults.popleft() if self.faults else self.fault
        await asyncio.sleep(self.latency)
        match fault:
            case faults.Status():
                body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
                kind = "text/plain" if isinstance(fault.body, str) else "application/json"
                return web.Response(status=fault.status, text=body, content_type=kind, headers=fault.headers)
            case faults.Hang():
                await self._released.wait()
            case faults.Reset():
                if request.transport is not None:
                    request.transport.abort()
                raise ConnectionResetError
            case faults.Garbage():
                return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
        return await self.respond(request, recorded, fault)
