"""What an ingest's memory does as the corpus grows: flat without a store; with one, beside what the store's process has.

    python -m tests.benchmarks.memory [documents …]      (10,000, 50,000 and 200,000 unless told otherwise)

Each row is a process of its own that reads a JSON Lines file, cuts, weighs words, embeds (an instant server in another
process, 1,024 dimensions), keeps vectors in the cache and documents in the ledger, as `citewell ingest FILE` does with its
defaults. Without a store, the index behind `ingest.index.base` drops what it gets. Documents are those of the PubMed pool,
over and over, with ids and a word of their own. Our own is the ingest with the processes that it begins. MB are 10⁶ bytes;
pages that several processes share are divided among them (Pss in Linux's smaps_rollup, sampled while it runs).
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.harness import SHARED, environment, instant_server

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.documents import Passage
    from ingest.index.base import Candidates, Counts, Entry, Manifest, StoredDocument

_COUNTS = (10_000, 50_000, 200_000)
_DIMENSIONS = 1024
_SECONDS_BETWEEN_LOOKS = 0.25
# Of the bounds: the largest row's share of the smallest's, and MB.
_FLAT, _MOST = 1.10, 350


def main() -> None:
    """Print a row for each count, without a store and with one, and whether the bounds are kept."""
    counts = [int(given) for given in sys.argv[1:]] or list(_COUNTS)
    print(
        f"{'':<16}{'documents':>10}{'docs/s':>9}  our own: {'resident':>9}{'anonymous':>11}   store: {'anonymous':>11}{'mapped':>9}"
    )
    with instant_server(_DIMENSIONS) as url:
        alone = [_row(count, url, "none") for count in counts]
        for count in counts:
            _row(count, url, "store")
    growth = alone[-1] / alone[0]
    print(
        f"\nWithout a store, {counts[0]:,} to {counts[-1]:,} documents: × {growth:.3f}  (bound: ≤ {_FLAT}, and {_MOST} MB)"
    )
    if growth > _FLAT or max(alone) > _MOST:
        sys.exit("not kept")


def _row(count: int, url: str, store: str) -> float:
    served = {
        "CITEWELL_EMBEDDING__PROVIDER": "openai",
        "CITEWELL_EMBEDDING__URL": url,
        "CITEWELL_EMBEDDING__DIMENSIONS": str(_DIMENSIONS),
    }
    with environment(**served) as folder:
        with Path(folder, "corpus.jsonl").open("wb") as corpus:
            corpus.writelines(itertools.islice(_corpus(), count))
        command = [sys.executable, "-m", "tests.benchmarks.memory", "--subject", store, corpus.name]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert told["documents"] == count, told
    ours, theirs = told["ours"], told["theirs"]
    beside = f"{theirs['anonymous']:>11,.0f}{theirs['mapped']:>9,.0f}" if theirs else f"{'–':>11}{'–':>9}"
    print(
        f"{'without a store' if store == 'none' else 'with the store':<16}{count:>10,}{count / told['seconds']:>9,.0f}"
        f"           {ours['resident']:>9,.0f}{ours['anonymous']:>11,.0f}          {beside}",
        flush=True,
    )
    return float(ours["resident"])


def _corpus() -> Iterator[bytes]:
    """The pool's records for ever, each its own document."""
    with gzip.open(SHARED / "pubmed_pool" / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    for turn in itertools.count():
        for record in records:
            first, _, rest = record["abstract"].partition(" ")
            more = {"id": f"{record['id']}-{turn}", "abstract": f"{first} {turn} {rest}"}
            yield json.dumps(record | more, ensure_ascii=False).encode() + b"\n"


class _Dropping:
    """An index that holds nothing of what it gets."""

    name = "default"

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """See `Index`; so below."""

    async def candidates(self, *_: Any) -> Candidates:
        raise NotImplementedError

    async def fetch(self, point_ids: Sequence[str]) -> list[Passage]:
        del point_ids
        return []

    async def counts(self, where: Any = None) -> Counts:
        from ingest.index.base import Counts

        del where
        return Counts(0, 0)

    async def facets(self) -> dict[str, int]:
        return {}

    async def documents(self) -> AsyncIterator[StoredDocument]:
        nothing: list[StoredDocument] = []
        for document in nothing:
            yield document

    async def size_bytes(self) -> int | None:
        return None

    async def flush(self) -> None:
        pass

    async def close(self) -> None:
        pass


class _Looks:
    """The most of each kind of memory that a process had, in MB."""

    def __init__(self) -> None:
        self.ours: dict[str, float] = {}
        self.theirs: dict[str, float] = {}
        self.owner = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            begun = [str(child.pid) for child in active_children()]
            for processes, most in (
                (["self", *begun], self.ours),
                ([str(self.owner)] if self.owner else [], self.theirs),
            ):
                total = Counter[str]()
                for process in processes:
                    total.update(_memory(process))
                for kind, size in total.items():
                    most[kind] = max(size, most.get(kind, 0.0))


def _memory(process: str) -> dict[str, float]:
    """What a process has now; nothing of one that has just ended."""
    try:
        told = Path("/proc", process, "smaps_rollup").read_text("ascii")
    except OSError:
        return {}
    size = {key: int(kilobytes) * 1024 / 1e6 for key, kilobytes in re.findall(r"(\w+): +(\d+) kB", told)}
    return (
        {"resident": size["Pss"], "anonymous": size["Pss_Anon"], "mapped": size["Pss"] - size["Pss_Anon"]}
        if size
        else {}
    )


async def _ingest(settings: Settings, store: str, path: str, looks: _Looks) -> int:
    from contextlib import closing

    from ingest.embedding_cache import open_cached
    from ingest.index.base import Index, Manifest
    from ingest.index.client import SharedIndex
    from ingest.index.open import create_index, ledger_of
    from ingest.ledger import open_ledger
    from ingest.pipeline import sourced
    from ingest.progress import Observer
    from ingest.readers.meter import Meter
    from ingest.run import Manner, Run

    embedder = open_cached(settings, retries=0)
    assert embedder is not None
    dimensions = await embedder.probe()
    index: Index = (
        _Dropping(Manifest.of(settings, dimensions)) if store == "none" else await create_index(settings, dimensions)
    )
    if isinstance(index, SharedIndex):
        looks.owner = int(index.owner.split()[1])
    with closing(await open_ledger(ledger_of(settings), index)) as ledger:
        run = Run(settings, index, ledger, embedder, Observer(), Manner(processes=True))
        meter = Meter([path])
        run.expected = meter.expected
        await run.over(sourced([path], settings, meter))
    looks.owner = 0
    await index.close()
    await embedder.close()
    return run.finished().documents


def subject(store: str, path: str) -> None:
    """Ingest a file; print what was used as JSON."""
    from configs.loading import load

    looks = _Looks()
    started = time.perf_counter()
    documents = asyncio.run(_ingest(load(None, {}).settings, store, path, looks))
    seconds = time.perf_counter() - started
    looks.end()
    print(json.dumps({"documents": documents, "seconds": seconds, "ours": looks.ours, "theirs": looks.theirs}))


if __name__ == "__main__":
    subject(*sys.argv[2:]) if sys.argv[1:2] == ["--subject"] else main()
