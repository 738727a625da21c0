"""How fast files become documents, and that memory stays flat: `python -m tests.benchmarks.readers`.

The real files of ../shared/data/formats are multiplied. PubMed XML is measured twice: its short records (about 5 KB,
as most of the baseline's are; a file of 30,000 has some 190 MB) and all of them (17 KB, long lists of references).
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lxml import etree

from ingest.documents import Document
from ingest.readers import registry
from tests.benchmarks.harness import SHARED, interleaved, report

_RUNS = 5
_SHORT = 8_000
_GOAL = 5_000
_PEAK = """
import resource, sys
from ingest.readers import registry
count = sum(1 for _ in registry.read(sys.argv[1]))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        short, long = _pubmed(Path(folder), "short", 10_000, _SHORT), _pubmed(Path(folder), "all", 3_000, 10**9)
        for path, count in ((short, 10_000), (long, 3_000)):
            times = interleaved(_RUNS, lxml=_cpu(partial(_parse, path)), reader=_cpu(partial(_read, path)))
            megabytes = path.stat().st_size / 1e6
            report(
                f"PubMed XML, {path.stem} records, {megabytes / count * 1e3:.1f} KB each, CPU", times, "lxml", bound=2
            )
            print(
                f"  {count / statistics.median(times['reader']):,.0f} records/s (goal: {_GOAL:,}), best {count / min(times['reader']):,.0f}"
            )
        for kind, name, times_over in (
            ("MEDLINE", "medline/pubmed-balloongui-set.nbib", 20),
            ("RIS", "ris/schoot-ptsd-included-1.ris", 10),
            ("CSV", "csv/cohen_UrinaryIncontinence.csv", 10),
            ("JATS", "jats/mds526.nxml", 1),
            ("PDF", "pdf/datta2010_dvt_prophylaxis_CCBY2.pdf", 1),
        ):
            _other(kind, SHARED / "formats" / name, Path(folder), times_over)
        print("\nPeak memory of a process that reads, MB")
        for count in (2_000, 40_000):
            path = _pubmed(Path(folder), "memory", count, _SHORT)
            done = subprocess.run([sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True)
            print(f"  {path.stat().st_size / 1e6:6.0f} MB of PubMed XML   {done.stdout.split()[1]:>5}")


def _pubmed(folder: Path, name: str, count: int, longest: int) -> Path:
    """A file of `count` records, the real ones over and over."""
    files = sorted((SHARED / "formats" / "pubmed_xml").glob("*.xml"))
    found = [
        r for file in files for r in re.findall(rb"<PubmedArticle>.*?</PubmedArticle>", file.read_bytes(), re.DOTALL)
    ]
    records = [record for record in found if len(record) <= longest]
    path = folder / f"{name}.xml"
    with path.open("wb") as file:
        file.write(b'<?xml version="1.0"?>\n<PubmedArticleSet>\n')
        for n in range(count):
            file.write(records[n % len(records)] + b"\n")
        file.write(b"</PubmedArticleSet>\n")
    return path


def _parse(path: Path) -> Iterator[object]:
    """The least that can be done: lxml builds each record and lets it go."""
    for _, element in etree.iterparse(path, tag="PubmedArticle", resolve_entities=False):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _read(path: Path) -> Iterator[object]:
    return registry.read(str(path))


def _cpu(begin: Callable[[], Iterator[object]]) -> Callable[[], float]:
    def measure() -> float:
        before = time.process_time()
        for _ in begin():
            pass
        return time.process_time() - before

    return measure


def _other(kind: str, source: Path, folder: Path, times_over: int) -> None:
    content = source.read_bytes()
    head, _, rest = content.partition(b"\n") if source.suffix == ".csv" else (b"", b"", content)
    path = folder / source.name
    path.write_bytes(head + b"\n" + (rest + b"\n") * times_over if times_over > 1 else content)
    count = sum(isinstance(record, Document) for record in registry.read(str(path)))
    seconds = statistics.median(_cpu(partial(_read, path))() for _ in range(3))
    print(f"  {kind:<8} {count / seconds:>9,.1f} documents/s   {path.stat().st_size / seconds / 1e6:6.1f} MB/s")


if __name__ == "__main__":
    main()
