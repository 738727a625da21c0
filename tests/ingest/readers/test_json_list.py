"""JSON: lists of records, alone or wrapped, read as they come."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from ingest.readers import json_list, registry
from ingest.readers.base import Rejected
from tests.ingest.readers.reading import one, parted, read, refused

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [{"id": "1", "title": "A", "year": 2001}, {"id": 2, "title": "B"}]


@pytest.mark.parametrize("wrap", [None, "records", "articles", "data"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_is_read_bare_or_wrapped(wrap: str | None, indent: int | None) -> None:
    """What stands beside the list in its object is passed over."""
    content = json.dumps({"meta": {"n": [1, 2]}, wrap: RECORDS, "next": None} if wrap else RECORDS, indent=indent)
    assert parted(read("json_list", content)) == (["A", "B"], [])


def test_a_single_record_is_read() -> None:
    """A file that holds one object holds one document; metadata is kept as in JSON Lines."""
    assert one("json_list", json.dumps(RECORDS[0], indent=1)).metadata == {"year": 2001}


def test_a_record_that_cannot_be_used_costs_itself_alone() -> None:
    """Items that are no records are told by their number."""
    assert parted(read("json_list", '[{"id":"1","title":"A"}, 5, {"title":"B"}, {"id":"4","title":"D"}]')) == (
        ["A", "D"],
        ["f:record 2", "f:record 3"],
    )


@pytest.mark.parametrize(
    "rest", ['{"id"', '{"id": "2" "title"}]', "", ",]", '{"id":"2","title":"\\ud800', "NaN]", "]]", '{"t": 1e999}]']
)
def test_broken_json_keeps_what_came_before(rest: str) -> None:
    """Where the next record would begin cannot be known: the rest is told as lost, once."""
    separator = "," if rest and rest[0] not in ",]" else ""
    titles, places = parted(read("json_list", f'[{{"id":"1","title":"A"}}{separator}{rest}'))
    assert (titles, places) == (["A"], ["f:record 1"])


@pytest.mark.parametrize("content", ["nothing", '"text"', "[" * 100_000, '{"a":' * 100_000, b"[\xff]"])
def test_what_is_no_list_of_records_is_told(content: str | bytes) -> None:
    """Rubbish, and nesting that would exhaust the parser, give one complaint."""
    assert refused("json_list", content).origin == "f"


@pytest.mark.parametrize("cut", [1, 8, 9, 20, 1000, 20_000])
def test_a_packed_file_that_ends_early_gives_every_whole_record(cut: int, tmp_path: Path) -> None:
    """All that stands before the break, wherever in a letter or record it is; one complaint says what is lost."""
    content = json.dumps(
        [{"id": n, "title": f"é{n}", "s": sha256(str(n).encode()).hexdigest()} for n in range(9_000)],
        ensure_ascii=False,
    )
    packed = gzip.compress(content.encode())[:-cut]
    path = tmp_path / "list.json.gz"
    path.write_bytes(packed)
    whole = zlib.decompressobj(wbits=31).decompress(packed).count(b"}")
    found = list(registry.read(str(path)))
    titles, places = parted(found)
    assert (titles, places) == ([f"é{n}" for n in range(whole)], [f"{path}:record {whole}"])
    assert isinstance(found[-1], Rejected)
    assert "ends early" in found[-1].reason


def test_only_a_piece_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are read whole however the file is cut into pieces, and no value without end is waited for."""
    monkeypatch.setattr(json_list, "_CHUNK", 7)
    content = json.dumps([{"id": n, "title": f"T{n}", "n": n * 1000.5, "s": 'é\\"'} for n in range(50)])
    assert parted(read("json_list", content)) == ([f"T{n}" for n in range(50)], [])
    monkeypatch.setattr(json_list, "_LONGEST", 1000)
    endless = read("json_list", cast("BinaryIO", io.BytesIO(b'[{"id": "1", "title": "' + b"x" * 1_000_000)))
    assert parted(endless) == ([], ["f"])
