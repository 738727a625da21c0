"""An embedding server that costs nearly nothing: ready vectors over a real socket, all at once or at a given rate.

Usage: python -m tests.benchmarks.instant_server DIMENSIONS DOCUMENTS_A_SECOND (0: as many as are asked for);
prints its base URL, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import struct
import sys

from aiohttp import web

_READY = 64


class Model:
    """Answers with vectors that were made before, one call after the other where there is a rate."""

    def __init__(self, dimensions: int, rate: float) -> None:
        draw = random.Random(1)  # noqa: S311
        self._vectors = [_vector(draw, dimensions) for _ in range(_READY)]
        self._rate = rate
        self._free = 0.0

    async def embeddings(self, request: web.Request) -> web.Response:
        """See the OpenAI protocol; base64 alone."""
        texts = json.loads(await request.read())["input"]
        if self._rate:
            now = asyncio.get_running_loop().time()
            self._free = max(now, self._free) + len(texts) / self._rate
            await asyncio.sleep(self._free - now)
        items = ",".join(
            f'{{"object":"embedding","index":{n},"embedding":"{self._vectors[n % _READY]}"}}' for n in range(len(texts))
        )
        usage = '"model":"stub","usage":{"prompt_tokens":1,"total_tokens":1}'
        return web.Response(text=f'{{"object":"list","data":[{items}],{usage}}}', content_type="application/json")


def _vector(draw: random.Random, dimensions: int) -> str:
    values = [draw.gauss(0, 1) for _ in range(dimensions)]
    length = sum(value * value for value in values) ** 0.5
    return base64.b64encode(struct.pack(f"<{dimensions}f", *(value / length for value in values))).decode()


async def serve(dimensions: int, rate: float) -> None:
    """Serve until standard input ends."""
    app = web.Application(client_max_size=2**30)
    app.router.add_post("/v1/embeddings", Model(dimensions, rate).embeddings)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
