"""How many records are to come, told from the bytes that those took which were read."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from ingest.readers import registry
from ingest.readers.meter import Meter
from tests.support.corpora import record, records


@pytest.mark.parametrize("packed", [False, True])
def test_the_number_is_near_long_before_the_end_and_exact_at_it(packed: bool, tmp_path: Path) -> None:
    """Plain or packed, one file or several: within a fifth after the first fifth of 5,000 records."""
    names, chance = [], random.Random(7)  # noqa: S311 — noise that does not pack
    lines = [json.dumps({**record(n), "noise": chance.randbytes(300).hex()}) + "\n" for n in range(5_000)]
    for n, part in enumerate((lines[:4_000], lines[4_000:])):
        path = tmp_path / f"{n}.jsonl{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress("".join(part).encode()) if packed else "".join(part).encode())
        names.append(str(path))
    meter = Meter(names)
    assert meter.expected() == 0
    expected = [meter.expected() for name in names for _ in registry.read(name, meter=meter)]
    assert all(4_000 <= number <= 6_000 for number in expected[1_000:])
    assert meter.expected() == 5_000


def test_what_has_no_size_is_not_counted(tmp_path: Path) -> None:
    """Standard input and queries: nothing is expected of them, nor of the files beside them."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(records(1)[0]), "utf-8")
    meter = Meter([str(path), "-"])
    list(registry.read(str(path), meter=meter))
    assert meter.expected() == 0
    assert Meter(["pubmed:metformin"]).expected() == 0
