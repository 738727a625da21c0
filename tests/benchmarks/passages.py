"""What PubMed records become: passages, tokens, bytes and terms, the figures that `citewell plan` assumes.

    python -m tests.benchmarks.passages [every]

Reads `../shared/data/pubmed_pool`; every 4th record by default.
"""

from __future__ import annotations

import json
import sys

from configs.settings import Settings
from ingest import facets, tokens
from ingest.chunking import passages
from ingest.lexical import LexicalEncoder
from ingest.readers import registry
from ingest.readers.base import Rejected
from tests.benchmarks.harness import SHARED


def main() -> None:
    """Count."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    settings = Settings()
    encoder = LexicalEncoder(settings.lexical)
    documents = count = words = payload = terms = 0
    (path,) = registry.find_files([str(SHARED / "pubmed_pool" / "corpus.jsonl.gz")])
    for number, document in enumerate(registry.read(path)):
        if isinstance(document, Rejected) or number % every:
            continue
        documents += 1
        for passage in passages(document, settings.chunking):
            count += 1
            words += tokens.count(passage.searchable)
            payload += len(json.dumps(facets.stored(passage), ensure_ascii=False).encode())
            terms += len(encoder.passage(passage.title, passage.text).indices)
    print(
        f"{documents:,} records: {count / documents:.3f} passages a record; a passage has {words / count:.0f} tokens,"
    )
    print(f"{payload / count:,.0f} bytes of payload and {terms / count:.0f} terms")


if __name__ == "__main__":
    main()
