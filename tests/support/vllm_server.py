"""An embedding server that speaks as vLLM does, where that differs from SGLang: the second dialect of the protocol.

As read in vLLM's source (entrypoints/pooling/embed, entrypoints/openai/engine/protocol, entrypoints/openai/models):
the model's name must be right (404; 400 in the versions whose pooling entry points raise ValueError), `dimensions` is
refused unless the model is a Matryoshka one, an over-long text unless `truncate_prompt_tokens` is given, an empty text
is embedded, and an error stands under `error`, in versions up to 0.9 at the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.support import bag_of_words, faults
from tests.support.local_server import Json, Recorded
from tests.support.openai_server import OpenAIServer, encoded


class VLLMServer(OpenAIServer):
    """Embeds as `OpenAIServer` does, so that the vectors of both can be compared."""

    def __init__(self, *, model: str = "fake/model", dimensions: int = 64) -> None:
        super().__init__(model=model, dimensions=dimensions)
        self.matryoshka = False
        self.unknown_model = 404
        """The status for a model that is not served."""
        self.old_errors = False
        """Errors as up to version 0.9."""

    async def respond(self, request: web.Request, recorded: Recorded, fault: faults.Fault | None) -> web.StreamResponse:
        """See `LocalServer.respond`."""
        match recorded.method, recorded.path:
            case "GET", "/v1/models":
                card = {"id": self.model, "object": "model", "created": 1, "owned_by": "vllm", "root": self.model}
                card |= {"parent": None, "max_model_len": self.context_length, "permission": []}
                return web.json_response({"object": "list", "data": [card]})
            case "POST", "/v1/embeddings":
                return self._answer_embedding(recorded.body)
        return await super().respond(request, recorded, fault)

    def _answer_embedding(self, body: Json) -> web.Response:
        if body.get("model") not in (None, self.model):
            kind = "NotFoundError" if self.unknown_model == 404 else "BadRequestError"
            return self._error(f"The model `{body['model']}` does not exist.", kind, self.unknown_model)
        if body.get("dimensions") is not None and not self.matryoshka:
            return self._error(
                f'Model "{self.model}" does not support matryoshka representation, '
                "changing output dimensions will lead to poor results."
            )
        texts: Sequence[str] = [body["input"]] if isinstance(body["input"], str) else body["input"]
        cut = body.get("truncate_prompt_tokens")
        lengths = [len(bag_of_words.tokens(text)) for text in texts]
        for length in lengths:
            if cut is None and length > self.context_length:
                return self._error(
                    f"This model's maximum context length is {self.context_length} tokens. However, you requested "
                    f"{length} tokens in the input for embedding generation. Please reduce the length of the input."
                )
        vectors = [bag_of_words.normalised(bag_of_words.embed(text, self.dimensions)) for text in texts]
        data = [
            {"index": n, "object": "embedding", "embedding": encoded(vector, body.get("encoding_format", "float"))}
            for n, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": sum(lengths), "total_tokens": sum(lengths), "completion_tokens": 0}
        whole = {"id": "embd-1", "object": "list", "created": 1, "model": self.model, "data": data, "usage": usage}
        return web.json_response(whole)

    def _error(self, message: str, kind: str = "BadRequestError", code: int = 400) -> web.Response:
        told: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
        return web.json_response({"object": "error", **told} if self.old_errors else {"error": told}, status=code)
