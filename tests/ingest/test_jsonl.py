"""JSON Lines: what becomes a document, what is rejected, and what the person is told about it."""

from __future__ import annotations

import gzip
import io
import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from ingest.documents import Document
from ingest.readers import jsonl
from ingest.readers.base import Rejected
from ingest.readers.fields import build

if TYPE_CHECKING:
    from typing import BinaryIO


def read(content: bytes) -> list[Document | Rejected]:
    """All that comes of a file called `f` with this content."""
    return list(jsonl.read_jsonl(io.BytesIO(content), "f"))


def one(record: Any) -> Document | Rejected:
    """What comes of a single record."""
    (result,) = read(json.dumps(record).encode())
    return result


def document(record: Any) -> Document:
    """The document of a record that must be kept."""
    result = one(record)
    assert isinstance(result, Document), result
    return result


def reason(record: Any) -> str:
    """Why a record is rejected."""
    result = one(record)
    assert isinstance(result, Rejected), result
    return result.reason


def test_a_record_becomes_a_document_with_its_origin() -> None:
    """Id, title and abstract are taken over, all else is metadata, and it is known where it was read."""
    record = {"id": "1", "title": "T", "abstract": "A.", "year": 2020, "authors": [{"name": "李"}]}
    (result,) = read(json.dumps(record).encode())
    assert result == Document("1", "T", "A.", {"year": 2020, "authors": [{"name": "李"}]}, "f:1")


def test_beirs_id_serves_for_id() -> None:
    """A BEIR corpus is read as it is; where a record has both, `id` counts and the other is kept."""
    assert document({"_id": "7", "title": "T", "text": "A."}) == Document("7", "T", "A.", {}, "f:1")
    assert document({"_id": "7", "id": "1", "text": "A."}).metadata == {"_id": "7"}


def test_text_serves_for_abstract() -> None:
    """Corpora that say `text`, and those that have both with a null abstract, are read alike."""
    assert document({"id": "1", "text": "A."}).text == "A."
    assert document({"id": "1", "abstract": None, "text": "A."}).text == "A."
    both = document({"id": "1", "abstract": "A.", "text": "Full."})
    assert (both.text, both.metadata) == ("A.", {"text": "Full."})


def test_a_title_alone_is_kept() -> None:
    """A record without an abstract can still be found by its title."""
    for record in ({"id": "1", "title": "T"}, {"id": "1", "title": "T", "abstract": "  "}):
        kept = document(record)
        assert (kept.title, kept.text) == ("T", "T")


@pytest.mark.parametrize(("identity", "stored"), [(7, "7"), (10**30, str(10**30)), ("  x ", "x"), ("０７", "０７")])
def test_ids_are_text(identity: Any, stored: str) -> None:
    """A whole number is an id too, exact however long."""
    assert document({"id": identity, "title": "T"}).id == stored


@pytest.mark.parametrize(
    "record", [{}, {"id": None}, {"id": ""}, {"id": "  "}, {"id": True}, {"id": 1.5}, {"id": ["1"]}]
)
def test_a_record_without_an_id_is_rejected(record: dict[str, Any]) -> None:
    """Nothing is stored under an id that was made up."""
    assert "“id”" in reason({"title": "T", **record})


@pytest.mark.parametrize("record", [{}, {"title": "", "abstract": " \n"}, {"title": None, "text": None}])
def test_a_record_without_any_text_is_rejected(record: dict[str, Any]) -> None:
    """Neither title nor abstract: there is nothing to find or cite."""
    assert reason({"id": "1", **record}) == "neither a title nor an abstract"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"title": 5}, "“title” must be a string, this is a number"),
        ({"title": "T", "abstract": ["a", "b"]}, "“abstract” must be a string, this is a list"),
        ({"title": "T", "text": {"a": 1}}, "“text” must be a string, this is a object"),
    ],
)
def test_text_of_another_type_is_told(record: dict[str, Any], told: str) -> None:
    """The message names the key and what stands there."""
    assert reason({"id": "1", **record}) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"id": "1", "title": }', "column 22"),
        (b'{"id": "1"', "not valid JSON"),
        (b"[1]", "a JSON object is needed, this is a list"),
        (b'"text"', "a JSON object is needed, this is a string"),
        (b"null", "a JSON object is needed, this is a null"),
        (b'{"id": "1", "title": "T", "p": NaN}', "NaN is not JSON"),
        (b'{"id": "1", "title": "T", "p": -Infinity}', "-Infinity is not JSON"),
        (b'{"id": "1", "title": "T", "p": 1e999}', "1e999 is larger than any number"),
        (b'{"id": "1", "title": "\xff"}', "not UTF-8: byte 0xff at column 23"),
        ("{'id': '糖尿病'}".encode("gb18030"), "not UTF-8"),
        (b'{"id": "1", "title": "\\ud800"}', "surrogate"),
        (b'{"id": "1", "title": "T", "m": {"\\udfff": 1}}', "surrogate"),
        (b'{"id": "1", "title": "T", "m": ' + b"[" * 100 + b"]" * 100 + b"}", "64 levels"),
        (b'{"id": "1", "title": "T", "m": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "too deeply"),
        (b'{"id": "1", "title": "T", "m": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", "levels|too deeply"),
    ],
)
def test_a_malformed_line_is_told_and_the_next_one_read(line: bytes, told: str) -> None:
    """What is wrong, on which line; the records around it are kept."""
    good = b'{"id": "0", "title": "T"}'
    before, bad, after = read(b"\n".join([good, line, good]))
    assert isinstance(before, Document)
    assert isinstance(after, Document)
    assert isinstance(bad, Rejected)
    assert bad.origin == "f:2"
    assert re.search(told, bad.reason), bad.reason


def test_a_book_in_the_title_is_rejected() -> None:
    """A title goes with every passage, and is not the place for a text; as an abstract it is welcome."""
    assert "is it the text?" in reason({"id": "1", "title": "word " * 3_000})
    assert document({"id": "1", "title": "T" * 10_000, "abstract": "word " * 3_000}).text.startswith("word")


def test_metadata_is_kept_exactly() -> None:
    """Nested values, floats and big numbers come through; past 64 bits a number keeps its digits as text."""
    metadata = {"a.b": 1, "": None, "nest": {"list": [1, 2.5, "x\0y", {"deep": True}]}, "pi": 3.141592653589793}
    assert document({"id": "1", "title": "T", **metadata}).metadata == metadata
    big = document({"id": "1", "title": "T", "max": 2**63 - 1, "min": -(2**63), "huge": 10**30}).metadata
    assert big == {"max": 2**63 - 1, "min": -(2**63), "huge": str(10**30)}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blank_lines_and_line_ends_do_not_count(end: bytes) -> None:
    """Windows line ends, empty lines and a missing last line end change nothing but the line numbers."""
    first, second = read(b'{"id":"1","title":"A"}' + end + end + b"  " + end + b'{"id":"2","title":"B"}')
    assert [cast("Document", d).origin for d in (first, second)] == ["f:1", "f:4"]


def test_a_byte_order_mark_does_not_hurt() -> None:
    """Files saved by Windows editors begin with one."""
    (result,) = read(b'\xef\xbb\xbf{"id": "1", "title": "T"}\n')
    assert isinstance(result, Document)


def test_an_empty_file_holds_nothing() -> None:
    """Neither documents nor complaints."""
    assert read(b"") == read(b"\n\n") == []


@pytest.mark.parametrize(("length", "stored"), [(512, True), (513, False)])
def test_an_over_long_id_is_rejected(length: int, stored: bool) -> None:
    """It would be stored and indexed with each passage; a text in the wrong field is told instead."""
    (record,) = read(json.dumps({"id": f" {'x' * length} ", "title": "T"}).encode())
    assert isinstance(record, Document) is stored
    if isinstance(record, Rejected):
        assert record.reason == "its id is longer than 512 characters: is it the text?"
    built = build("T", "", {}, origin="f", fallback="f#1", identity="x" * length)
    assert isinstance(built, Document) is stored


def test_an_over_long_line_is_rejected_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs itself alone, and is never held in memory whole."""
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 64)
    good = b'{"id": "1", "title": "T"}\n'
    long = json.dumps({"id": "2", "title": "x" * 200}).encode() + b"\n"
    first, rejected, last = read(good + long + good)
    assert isinstance(rejected, Rejected)
    assert (rejected.origin, "longer than" in rejected.reason) == ("f:2", True)
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert last.origin == "f:3"


def _gzip(lines: int) -> bytes:
    return gzip.compress(b"".join(b'{"id": "%d", "title": "T%d"}\n' % (n, n * 7919) for n in range(lines)))


@pytest.mark.parametrize("damage", ["truncated", "bad checksum", "bad data", "junk behind"])
def test_a_damaged_gzip_yields_what_came_before(damage: str) -> None:
    """The readable part is kept, and the loss is told once, with the line after which it begins."""
    content = _gzip(20_000)
    damaged = {
        "truncated": content[: len(content) // 2],
        "bad checksum": content[:-8] + bytes(4) + content[-4:],
        "bad data": content[: len(content) // 2] + b"\xff" * 1000 + content[len(content) // 2 + 1000 :],
        "junk behind": content + b"junk",
    }[damage]
    with gzip.GzipFile(fileobj=io.BytesIO(damaged)) as stream:
        results = list(jsonl.read_jsonl(cast("BinaryIO", stream), "f"))
    documents = [result for result in results if isinstance(result, Document)]
    assert isinstance(results[-1], Rejected)
    assert len(results) - len(documents) < 20  # damaged data can unpack to some lines of rubbish first
    assert len(documents) > 5_000
    assert [d.id for d in documents] == [str(n) for n in range(len(documents))]
    assert results[-1].origin.startswith("f:")
