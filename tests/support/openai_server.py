"""A local server that speaks the OpenAI protocol over a real socket, as SGLang 0.5.23 does, and fails on demand.

    with OpenAIServer() as server:
        server.reply = ["Statins lower ", "LDL [1]."]      # or a function of the request's JSON
        server.fault = faults.BUSY                          # every request from now on
        server.faults.extend([None, faults.Hang()])         # the next goes well, the one after hangs
        … server.url, server.requests, server.release() …

`/health` is never faulty and needs no key, as with SGLang.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable, Sequence

from aiohttp import web

from tests.support import bag_of_words, faults
from tests.support.local_server import Json, LocalServer, Recorded

Reply = Sequence[str] | Callable[[Json], Sequence[str]]


class OpenAIServer(LocalServer):
    """An embedding, reranking and chat server; see `LocalServer` for how it is started, watched and made to fail."""

    def __init__(self, *, model: str = "fake/model", dimensions: int = 64) -> None:
        super().__init__()
        self.model = model
        self.dimensions = dimensions
        self.matryoshka = True
        """Whether it obeys `dimensions`; SGLang answers 400 to it unless started so."""
        self.context_length = 32_768
        """Tokens (here: words) one input may have."""
        self.template = True
        """Whether a reranker has its chat template; SGLang answers 200 with meaningless scores if not."""
        self.queue: int | None = None
        """SGLang's --max-queued-requests: 503 to a call with more texts than this, were it the only one."""
        self.reply: Reply = ("A scripted ", "answer [1].")
        """The pieces of a chat answer; a piece is a token where `max_tokens` counts them."""
        self.piece_delay = 0.0
        """Seconds before each piece of a stream."""
        self.starting = False
        """While true, `/health` answers 503, as while the model loads."""

    @property
    def url(self) -> str:
        """What goes into `embedding.url`, `rerank.url` and `generation.url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def embedded(self) -> list[str]:
        """Every text that was sent to be embedded, in order."""
        sent = [request.body["input"] for request in self.requests if request.path == "/v1/embeddings"]
        return [text for item in sent for text in ([item] if isinstance(item, str) else item)]

    def refusal(self, recorded: Recorded) -> web.Response | None:
        """See `LocalServer.refusal`."""
        if recorded.path == "/health":
            return web.Response(status=503 if self.starting else 200)
        if self.api_key is not None and recorded.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        return None

    async def respond(self, request: web.Request, recorded: Recorded, fault: faults.Fault | None) -> web.StreamResponse:
        """See `LocalServer.respond`."""
        match recorded.method, recorded.path:
            case "GET", "/v1/models":
                card = {"id": self.model, "object": "model", "owned_by": "sglang", "max_model_len": self.context_length}
                return web.json_response({"object": "list", "data": [card]})
            case "POST", "/v1/embeddings":
                return self._embed(recorded.body, fault)
            case "POST", "/v1/rerank":
                return self._rerank(recorded.body, fault)
            case "POST", "/v1/chat/completions":
                return await self._chat(request, recorded.body, fault)
        return web.json_response({"detail": "Not Found"}, status=404)

    def _embed(self, body: Json, fault: faults.Fault | None) -> web.Response:
        items = [body["input"]] if isinstance(body["input"], str) else body["input"]
        wanted = body.get("dimensions") or self.dimensions
        if not items or any(isinstance(item, str) and not item.strip() for item in items):
            return _refuse("Input cannot be empty or whitespace only")
        if self.queue is not None and len(items) > self.queue:
            return web.json_response(faults.BUSY.body, status=faults.BUSY.status)
        if body.get("dimensions") is not None and not (self.matryoshka and wanted <= self.dimensions):
            return _refuse(f"Model '{self.model}' does not support matryoshka representation of {wanted} dimensions")
        texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in items]
        for length in (len(bag_of_words.tokens(text)) for text in texts):
            if length >= self.context_length:
                return _refuse(
                    f"The input ({length} tokens) is longer than the model's context length ({self.context_length} tokens)."
                )
        vectors = [bag_of_words.normalised(bag_of_words.embed(text, self.dimensions)[:wanted]) for text in texts]
        if isinstance(fault, faults.Spoil):
            vectors = fault.change(vectors)
        form = body.get("encoding_format", "float")
        data = [
            {"object": "embedding", "index": n, "embedding": encoded(vector, form)} for n, vector in enumerate(vectors)
        ]
        return web.json_response({"object": "list", "data": data, "model": self.model, "usage": _usage(len(texts), 0)})

    def _rerank(self, body: Json, fault: faults.Fault | None) -> web.Response:
        """A bare list, best first. A text's score is the share of the question's longer words that it holds."""
        documents = body["documents"]
        if not documents or not all(document.strip() for document in documents):
            return _refuse("Each document cannot be empty or whitespace only")
        scores = [bag_of_words.covered(body["query"], document) for document in documents]
        if not self.template:
            scores = [0.5424 + len(document) % 7 / 1000 for document in documents]
        rows: list[Json] = [{"score": score, "index": n, "meta_info": None} for n, score in enumerate(scores)]
        if body.get("return_documents", True):
            rows = [row | {"document": documents[row["index"]]} for row in rows]
        answer: object = sorted(rows, key=lambda row: -row["score"])[: body.get("top_n") or len(rows)]
        if isinstance(fault, faults.SpoilRows):
            answer = fault.change(answer)
        return web.Response(text=json.dumps(answer), content_type="application/json")

    async def _chat(self, request: web.Request, body: Json, fault: faults.Fault | None) -> web.StreamResponse:
        reply = list(self.reply(body) if callable(self.reply) else self.reply)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or len(reply)
        reason = "length" if limit < len(reply) else "stop"
        pieces = reply[:limit]
        head = {"id": f"chat-{len(self.requests)}", "created": 1, "model": body.get("model", self.model)}
        usage = _usage(sum(len(bag_of_words.tokens(str(m["content"]))) for m in body["messages"]), len(pieces))
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(pieces)}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
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
                await _send(stream, {"error": faults.error_body(fault.message, "SERVICE_UNAVAILABLE", fault.code)})
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


def encoded(vector: Sequence[float], form: str) -> str | list[float]:
    """A vector as it is sent: base64 of little-endian float32, or a list of floats."""
    if form != "base64":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _usage(prompt: int, completion: int) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


async def _send(stream: web.StreamResponse, event: Json) -> None:
    await stream.write(f"data: {json.dumps(event)}\n\n".encode())
