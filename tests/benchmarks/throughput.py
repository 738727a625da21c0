"""Documents a second through ingest, beside a bare script and llama-index's pipeline, against a stub server.

    python -m tests.benchmarks.throughput [documents] [rounds]

1,024 dimensions, real PubMed records, each subject in a process of its own, in turn. What is timed begins with reading
the file and ends when all of it is flushed; imports are left out, the start of our processes is not. Documents are embedded
whole, so that all send the same texts. llama-index
takes part where `llama-index-vector-stores-qdrant` is installed, over 1,000 documents, which is kind to it: its local
store slows as it fills.
"""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.benchmarks.harness import SHARED, environment, instant_server, interleaved

_DIMENSIONS = 1024
_OF_LLAMA_INDEX = 1_000
_RATE = 1_000


def main() -> None:
    """Print documents a second of each subject, and the ratios that the bounds are about."""
    documents, rounds = (int(given) for given in [*sys.argv[1:], *("14374", "3")[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as folder:
        full = _corpus(Path(folder, "full.jsonl"), documents)
        small = _corpus(Path(folder, "small.jsonl"), min(_OF_LLAMA_INDEX, documents))
        with instant_server(_DIMENSIONS) as url:
            subjects = {
                "bare script": ("bare", full, url, "store"),
                "citewell": ("citewell", full, url, "store"),
                "citewell, vectors kept": ("citewell", full, url, "store", "sqlite"),
                "bare, no store": ("bare", full, url, "none"),
                "citewell, no store": ("citewell", full, url, "none"),
            }
            if find_spec("llama_index.vector_stores"):
                subjects["llama-index"] = ("llama", small, url, "store")
            rates = _measured(rounds, subjects, f"Instant stub, {documents:,} documents")
        _ratio(rates, "citewell", "bare script", "≥ 0.8; ≥ 1.5 once the raw response is parsed")
        _ratio(rates, "citewell, no store", "bare, no store", "≥ 0.8")
        if "llama-index" in rates:
            _ratio(rates, "citewell", "llama-index", "≥ 8")
        with instant_server(_DIMENSIONS, _RATE) as url:
            subjects = {"citewell": ("citewell", full, url, "store")}
            rates = _measured(1, subjects, f"A stub that serves {_RATE:,} documents/s")
        print(f"  of what it serves: {rates['citewell'] / _RATE:.2f}  (bound: ≥ 0.95)")


def _measured(rounds: int, subjects: dict[str, tuple[Any, ...]], title: str) -> dict[str, float]:
    """The best of all rounds: what disturbs a subject only ever slows it."""
    print(f"\n{title}")
    runs = {name: (lambda given=given: _seconds(*given)) for name, given in subjects.items()}
    best = {name: min(times) for name, times in interleaved(rounds, **runs).items()}
    rates = {name: sum(1 for _ in subjects[name][1].open()) / seconds for name, seconds in best.items()}
    for name, rate in rates.items():
        print(f"  {name:<24} {rate:8,.0f} documents/s   {1000 / rate:.3f} ms a document")
    return rates


def _ratio(rates: dict[str, float], ours: str, theirs: str, bound: str) -> None:
    print(f"  {ours} ÷ {theirs}: {rates[ours] / rates[theirs]:.2f}  (bound: {bound})")


def _seconds(subject: str, corpus: Path, url: str, store: str, cache: str = "none") -> float:
    served = {
        "CITEWELL_EMBEDDING__PROVIDER": "openai",
        "CITEWELL_EMBEDDING__URL": url,
        "CITEWELL_EMBEDDING__DIMENSIONS": str(_DIMENSIONS),
        "CITEWELL_EMBEDDING__CONCURRENCY": "16",
        "CITEWELL_CACHE__KIND": cache,
        "CITEWELL_CHUNKING__SIZE": "4096",
    }
    with environment(**served) as folder:
        command = [sys.executable, "-m", "tests.benchmarks.throughput_subjects", subject, str(corpus), url, store]
        told = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    if told.returncode:
        sys.exit(told.stderr)
    return float(told.stdout)


def _corpus(path: Path, documents: int) -> Path:
    """The first records of the pool as JSON Lines."""
    with gzip.open(SHARED / "pubmed_pool" / "corpus.jsonl.gz") as pool, path.open("wb") as file:
        file.writelines(itertools.islice(pool, documents))
    return path


if __name__ == "__main__":
    main()
