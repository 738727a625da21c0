"""JSON: lists of records, alone or wrapped, read as they come."""

from __future__ import annotations

import io
import json
from typing import BinaryIO, cast

import pytest

from ingest.readers import json_list
from tests.ingest.readers.reading import one, parted, read, refused

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


def test_only_a_piece_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are read whole however the file is cut into pieces, and no value without end is waited for."""
    monkeypatch.setattr(json_list, "_CHUNK", 7)
    content = json.dumps([{"id": n, "title": f"T{n}", "n": n * 1000.5, "s": 'é\\"'} for n in range(50)])
    assert parted(read("json_list", content)) == ([f"T{n}" for n in range(50)], [])
    monkeypatch.setattr(json_list, "_LONGEST", 1000)
    endless = read("json_list", cast("BinaryIO", io.BytesIO(b'[{"id": "1", "title": "' + b"x" * 1_000_000)))
    assert parted(endless) == ([], ["f"])
