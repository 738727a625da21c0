"""Which files are read and how: folders, suffixes, compression, encodings, standard input."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from configs.errors import InputError
from ingest.documents import Document
from ingest.readers import registry
from ingest.readers.base import Rejected

if TYPE_CHECKING:
    from pathlib import Path

LINE = b'{"id": "1", "title": "T"}\n'


def test_folders_are_searched_through(tmp_path: Path) -> None:
    """Every readable file below is found, in a fixed order; the others are passed over."""
    for name in ("b.jsonl", "a.ndjson", "deep/er/c.jsonl.gz", "notes.docx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINE)
    found = registry.find_files([str(tmp_path), "-"])
    assert [name.removeprefix(f"{tmp_path}/") for name in found] == ["a.ndjson", "b.jsonl", "deep/er/c.jsonl.gz", "-"]


def test_a_suffix_in_capitals_is_the_same(tmp_path: Path) -> None:
    """CORPUS.JSONL, as some systems write it, is read."""
    path = tmp_path / "CORPUS.JSONL"
    path.write_bytes(LINE)
    assert registry.find_files([str(path)]) == registry.find_files([str(tmp_path)]) == [str(path)]


@pytest.mark.parametrize(
    ("name", "told"),
    [("missing.jsonl", "no such file"), ("paper.docx", "format"), ("empty", "no file that citewell reads")],
)
def test_a_path_that_cannot_be_used_is_told_before_anything_is_done(name: str, told: str, tmp_path: Path) -> None:
    """The path is named, with what could be given instead."""
    (tmp_path / "good.jsonl").write_bytes(LINE)
    (tmp_path / "paper.docx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=told) as caught:
        registry.find_files([str(tmp_path / "good.jsonl"), str(tmp_path / name)])
    assert caught.value.where == str(tmp_path / name)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["plain.jsonl", "packed.jsonl.gz", "plain.jsonl.gz", "packed.jsonl"])
def test_compression_is_told_by_content(name: str, tmp_path: Path) -> None:
    """A file that a browser unpacked, or that was packed without saying so, is read all the same."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINE) if name.startswith("packed") else LINE)
    (document,) = registry.read(str(path))
    assert document == Document("1", "T", "T", {}, f"{path}:1")


LINES = [
    json.dumps({"id": str(n), "title": f"Trial {n}", "abstract": hashlib.sha256(b"%d" % n).hexdigest()})
    for n in range(3000)
]
ARTICLE = "<PubmedArticle><MedlineCitation><PMID>{}</PMID><Article><ArticleTitle>{}</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
ARTICLES = [ARTICLE.format(n + 1, hashlib.sha256(b"%d" % n).hexdigest()) for n in range(3000)]


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
@pytest.mark.parametrize(
    ("name", "content", "end"),
    [
        ("cut.jsonl.gz", "\n".join(LINES) + "\n", b"}\n"),
        ("cut.xml.gz", f"<PubmedArticleSet>{''.join(ARTICLES)}</PubmedArticleSet>", b"</PubmedArticle>"),
    ],
    ids=["lines", "xml"],
)
def test_all_that_stands_before_a_break_is_read(
    name: str, content: str, end: bytes, kept: float, tmp_path: Path
) -> None:
    """Of a download that broke off, every record that came whole is there, and one message tells of the rest."""
    packed = gzip.compress(content.encode())
    packed = packed[: int(len(packed) * kept)]
    path = tmp_path / name
    path.write_bytes(packed)
    whole = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed).count(end)
    *documents, rejected = registry.read(str(path))
    assert whole > 10
    assert len(documents) == whole
    assert isinstance(rejected, Rejected)
    assert "ends early" in rejected.reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf16_is_named(encoding: str, tmp_path: Path) -> None:
    """A whole file in a wide encoding gives one message with its remedy, not one for each line."""
    path = tmp_path / "wide.jsonl"
    path.write_bytes(
        ("\ufeff" if encoding != "utf-16" else "").encode(encoding) + (LINE * 50).decode().encode(encoding)
    )
    (rejected,) = registry.read(str(path))
    assert isinstance(rejected, Rejected)
    assert "convert the file to UTF-8" in rejected.reason


def test_a_file_that_vanishes_is_rejected_alone(tmp_path: Path) -> None:
    """What cannot be opened any more is reported, and the others are read on."""
    (rejected,) = registry.read(str(tmp_path / "gone.jsonl"))
    assert isinstance(rejected, Rejected)
    assert "No such file" in rejected.reason


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read(packed: bool) -> None:
    """`-` takes JSON Lines from a pipe, gzip included."""
    script = (
        "from ingest.readers import registry; import json;"
        "print(json.dumps([[d.id, d.origin] for d in registry.read('-')]))"
    )
    content = LINE * 2
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=gzip.compress(content) if packed else content,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == [["1", "standard input:1"], ["1", "standard input:2"]]
