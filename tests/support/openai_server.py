"""A local server that speaks the OpenAI protocol over a real socket, as SGLang 0.5.23 does, and fails on demand.

    with OpenAIServer() as server:
        server.reply = ["Statins lower ", "LDL [1]."]      # or a function of the request's JSON
        server.fault = faults.BUSY                          # every request from now on
        server.faults.extend([None, faults.Hang()])         # the next goes well, the one after hangs
        … server.url, server.requests, server.release() …

It runs in a thread of its own with its own event loop, so that synchronous code, asynchronous code and
other processes can all call it. `/health` is never faulty and needs no key, as with SGLang.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support import bag_of_words, faults

Json = dict[str, Any]
Reply = Sequence[str] | Callable[[Json], Sequence[str]]


@dataclass(slots=True)
class Recorded:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    hung_up: threading.Event = field(default_factory=threading.Event)
    """Set when the client left before the answer was whole: a cancelled stream, a timeout."""


class OpenAIServer:
    """The server; start it with `with` or `start`, and set its attributes at any time."""

    def __init__(self, *, model: str = "fake/model", dimensions: int = 64) -> None:
        self.model = model
        self.dimensions = dimensions
        self.matryoshka = True
        """Whether it obeys `dimensions`; SGLang answers 400 to it unless started so."""
        self.context_length = 32_768
        """Tokens (here: words) one input may have."""
        self.api_key: str | None = None
        self.reply: Reply = ("A scripted ", "answer [1].")
        """The pieces of a chat answer; a piece is a token where `max_tokens` counts them."""
        self.latency = 0.0
        """Seconds before each answer."""
        self.piece_delay = 0.0
        """Seconds before each piece of a stream."""
        self.starting = False
        """While true, `/health` answers 503, as while the model loads."""
        self.fault: faults.Fault | None = None
        self.faults: deque[faults.Fault | None] = deque()
        """Faults of the next requests, one each, used up before `fault` counts; None goes well."""
        self.requests: list[Recorded] = []
        self.port = 0
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-server", daemon=True)
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """What goes into `embedding.url` and `generation.url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def embedded(self) -> list[str]:
        """Every text that was sent to be embedded, in order."""
        sent = [request.body["input"] for request in self.requests if request.path == "/v1/embeddings"]
        return [text for item in sent for text in ([item] if isinstance(item, str) else item)]

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
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
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
        recorded = Recorded(
            request.method, request.path, dict(request.headers), json.loads(text) if text else {}
        )
        with self._arrived:
            self.requests.append(recorded)
            self._arrived.notify_all()
        try:
            return await self._answer(request, recorded)
        except (asyncio.CancelledError, ConnectionError):
            recorded.hung_up.set()
            raise

    async def _answer(self, request: web.Request, recorded: Recorded) -> web.StreamResponse:
        if recorded.path == "/health":
            return web.Response(status=503 if self.starting else 200)
        if self.api_key is not None and recorded.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        fault = self.faults.popleft() if self.faults else self.fault
        await asyncio.sleep(self.latency)
        match fault:
            case faults.Status():
                body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
                kind = "text/plain" if isinstance(fault.body, str) else "application/json"
                return web.Response(status=fault.status, text=body, content_type=kind, headers=fault.headers)
            case faults.Hang():
                await self._released.wait()
            case faults.Garbage():
                return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
        match recorded.method, recorded.path:
            case "GET", "/v1/models":
                card = {
                    "id": self.model,
                    "object": "model",
                    "owned_by": "sglang",
                    "max_model_len": self.context_length,
                }
                return web.json_response({"object": "list", "data": [card]})
            case "POST", "/v1/embeddings":
                return self._embed(recorded.body, fault)
            case "POST", "/v1/chat/completions":
                return await self._chat(request, recorded.body, fault)
        return web.json_response({"detail": "Not Found"}, status=404)

    def _embed(self, body: Json, fault: faults.Fault | None) -> web.Response:
        items = [body["input"]] if isinstance(body["input"], str) else body["input"]
        wanted = body.get("dimensions") or self.dimensions
        if not items or any(isinstance(item, str) and not item.strip() for item in items):
            return _refuse("Input cannot be empty or whitespace only")
        if wanted != self.dimensions and not (self.matryoshka and wanted <= self.dimensions):
            return _refuse(
                f"Model '{self.model}' does not support matryoshka representation of {wanted} dimensions"
            )
        texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in items]
        for length in (len(bag_of_words.tokens(text)) for text in texts):
            if length >= self.context_length:
                return _refuse(
                    f"The input ({length} tokens) is longer than the model's context length ({self.context_length} tokens)."
                )
        vectors = [
            bag_of_words.normalised(bag_of_words.embed(text, self.dimensions)[:wanted]) for text in texts
        ]
        if isinstance(fault, faults.Spoil):
            vectors = fault.change(vectors)
        encode = _base64 if body.get("encoding_format") == "base64" else list
        data = [
            {"object": "embedding", "index": n, "embedding": encode(vector)}
            for n, vector in enumerate(vectors)
        ]
        return web.json_response(
            {"object": "list", "data": data, "model": self.model, "usage": _usage(len(texts), 0)}
        )

    async def _chat(self, request: web.Request, body: Json, fault: faults.Fault | None) -> web.StreamResponse:
        reply = list(self.reply(body) if callable(self.reply) else self.reply)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or len(reply)
        reason = "length" if limit < len(reply) else "stop"
        pieces = reply[:limit]
        head = {"id": f"chat-{len(self.requests)}", "created": 1, "model": body.get("model", self.model)}
        usage = _usage(
            sum(len(bag_of_words.tokens(str(m["content"]))) for m in body["messages"]), len(pieces)
        )
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(pieces)}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return web.json_response(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            )
        head["object"] = "chat.completion.chunk"
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        deltas: list[Json] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
        for n, delta in enumerate(deltas):
            await _send(stream, {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            if await self._breaks(stream, request, fault, n):
                return stream
            await asyncio.sleep(self.piece_delay)
        await _send(stream, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            await _send(stream, {**head, "choices": [], "usage": usage})
        await stream.write(b"data: [DONE]\n\n")
        return stream

    async def _breaks(
        self, stream: web.StreamResponse, request: web.Request, fault: faults.Fault | None, sent: int
    ) -> bool:
        """Whether the stream ends in failure after `sent` pieces; a silent one waits here."""
        match fault:
            case faults.StreamError(after=after) if after == sent:
                await _send(
                    stream, {"error": faults.error_body(fault.message, "SERVICE_UNAVAILABLE", fault.code)}
                )
                await stream.write(b"data: [DONE]\n\n")
                return True
            case faults.StreamCut(after=after) if after == sent and request.transport is not None:
                request.transport.close()
                return True
            case faults.StreamSilence(after=after) if after == sent:
                await self._released.wait()
        return False


def _refuse(message: str) -> web.Response:
    return web.json_response(faults.error_body(message, "BadRequestError", 400), status=400)


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _usage(prompt: int, completion: int) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


async def _send(stream: web.StreamResponse, event: Json) -> None:
    await stream.write(f"data: {json.dumps(event)}\n\n".encode())
