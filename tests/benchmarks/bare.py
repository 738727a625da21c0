"""The baseline of `asking`: a question answered by the openai client over Qdrant Edge, and nothing more.

Usage: python -m tests.benchmarks.bare SHARD_FOLDER BASE_URL QUESTION
"""

from __future__ import annotations

import sys

import openai
import qdrant_edge


def first_token(shard: qdrant_edge.EdgeShard, client: openai.OpenAI, question: str) -> str:
    """Embed, search, put six passages into a prompt, and return the first piece of the answer."""
    vector = client.embeddings.create(input=[question], model="m", dimensions=1024).data[0].embedding
    request = qdrant_edge.QueryRequest(
        query=qdrant_edge.Query.Nearest(vector, using="dense"), limit=6, with_payload=True
    )
    passages = "\n\n".join(str((point.payload or {})["text"]) for point in shard.query(request))
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"{passages}\n\n{question}"}], stream=True
    )
    with stream:
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                return str(chunk.choices[0].delta.content)
    raise AssertionError("no answer came")


if __name__ == "__main__":
    folder, url, asked = sys.argv[1:]
    sys.stdout.write(
        first_token(qdrant_edge.EdgeShard.load(folder), openai.OpenAI(base_url=url, api_key="none"), asked)
    )
    sys.stdout.flush()
