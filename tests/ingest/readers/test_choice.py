"""Which reader reads what: by suffix, by content, packed or not, from files, folders, patterns and pipes."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from backports import zstd

from configs.errors import InputError
from ingest.documents import Document
from ingest.readers import registry
from ingest.readers.base import Rejected
from ingest.readers.sniff import format_of

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = {
    "pubmed": "<?xml version='1.0'?>\n<!DOCTYPE PubmedArticleSet PUBLIC 'a' 'b'>\n<PubmedArticleSet><PubmedArticle><MedlineCitation>"
    "<PMID>1</PMID><Article><ArticleTitle>T</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>",
    "jats": "<!-- <html> --><?a b?><article><front><article-meta><title-group><article-title>T</article-title></title-group>"
    "</article-meta></front></article>",
    "medline": "\nPMID- 1\nTI  - T\n",
    "ris": "TY  - JOUR\nTI  - T\nER  - \n",
    "table": "pmid,title,abstract\n1,T,A\n",
    "json_list": '[\n {"id": "1", "title": "T"}\n]',
    "jsonl": '{"id": "1", "title": "T"}\n{"id": "2", "title": "T"}\n',
}
SUFFIXES = {"pubmed": ".xml", "jats": ".nxml", "medline": ".nbib", "ris": ".ris", "table": ".csv", "json_list": ".json"}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_a_file_is_read_by_what_it_is(kind: str, packed: str, tmp_path: Path) -> None:
    """Plain or packed, by its usual suffix and, saved as text or piped in, by its content alone."""
    content = SAMPLES[kind].encode()
    content = gzip.compress(content) if packed == ".gz" else zstd.compress(content) if packed else content
    for suffix in (SUFFIXES.get(kind, ".jsonl"), "" if kind == "table" else ".txt"):
        if suffix:
            path = tmp_path / f"file{suffix}{packed}"
            path.write_bytes(content)
            assert {d.title for d in registry.read(str(path)) if isinstance(d, Document)} == {"T"}
    script = "from ingest.readers import registry; print(*(r.title for r in registry.read('-')))"
    done = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
    assert done.stdout.split()[0] == b"T"


@pytest.mark.parametrize(
    ("suffix", "content", "kind"),
    [
        (".json", '{"records": [{"id": "1"}]}', "json_list"),
        (".json", '{"id": "1", "title": "T"}\n{"id": "2", "title": "T"}', "jsonl"),
        (".json", '{\n"id": "1"\n}', "json_list"),
        ("", '{\n"records": []}', "json_list"),
        ("", '{"id": "1", "title": }\n{"id": "2", "title": "T"}', "jsonl"),
        ("", "", "jsonl"),
        ("", "plain words", "jsonl"),
        (".txt", "plain words", "plain_text"),
        (".txt", "[1] A reference.", "plain_text"),
        (".txt", "<5 mg a day", "plain_text"),
        (".txt", "title, abstract and text", "plain_text"),
        (".txt", "%PDF-1.4", "pdf"),
        (".xml", "<html><p>x", "webpage"),
        (".xml", "<other/>", "jats"),
        (".md", "TY  - JOUR", "markdown"),
        ("", "<!doctype html><p>x", "jsonl"),
        ("", "<!doctype html><html><p>x", "webpage"),
    ],
)
def test_content_tells_where_the_suffix_does_not(suffix: str, content: str, kind: str) -> None:
    """One broken first line never changes how the rest of JSON Lines is read."""
    assert format_of(content.encode(), suffix) == kind


def test_patterns_are_filled_in(tmp_path: Path) -> None:
    """A quoted pattern, and one that a Windows shell leaves as it is; what is of no known format is passed over."""
    for name in ("a.ris", "b.ris.gz", "c.csv", "deep/d.ris", "notes.docx", ".hidden.ris", ".git/x.ris"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("TY  - JOUR\n")

    def found(*paths: str) -> list[str]:
        return [
            os.path.relpath(name, tmp_path) for name in registry.find_files([str(tmp_path / path) for path in paths])
        ]

    assert found("*.ris*", "c.*") == ["a.ris", "b.ris.gz", "c.csv"]
    assert found("**/*.ris") == ["a.ris", "deep/d.ris"]
    assert found("") == ["a.ris", "b.ris.gz", "c.csv", "deep/d.ris"]
    for pattern in ("*.nbib", "*.docx"):
        with pytest.raises(InputError, match=r"no such file|no file that"):
            found(pattern)


def test_documents_without_an_id_are_told_apart_by_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two guides of one name in two folders are two documents, the same two however the path is spelled."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "guide.md").write_text(f"# Guide {folder}")
        (tmp_path / folder / "some.ris").write_text("TY  - JOUR\nTI  - T\n")
    monkeypatch.chdir(tmp_path / "a")
    ids = [
        [d.id for name in registry.find_files([path]) for d in registry.read(name) if isinstance(d, Document)]
        for path in (str(tmp_path), "..", ".", "guide.md")
    ]
    assert ids[0] == ids[1] == ["a/guide.md", "a/some.ris#1", "b/guide.md", "b/some.ris#1"]
    assert ids[2] == ids[0][:2]
    assert ids[3] == ids[0][:1]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_packed_file_that_ends_early_is_told(pack: object, tmp_path: Path) -> None:
    """What was there is kept where it could be unpacked, and the loss is told once."""
    lines = b"".join(b"TY  - JOUR\nTI  - T%d\nER  - \n" % (n * 7919 % 100_003) for n in range(100_000))
    packed = gzip.compress(lines) if pack is gzip.compress else zstd.compress(lines)
    path = tmp_path / "file.ris.gz"
    path.write_bytes(packed[: len(packed) // 2])
    found = list(registry.read(str(path)))
    assert isinstance(found[-1], Rejected)
    assert len([r for r in found if isinstance(r, Rejected)]) == 1
    assert len(found) > 10_000
    path.write_bytes(packed[:6])
    (told,) = registry.read(str(path))
    assert isinstance(told, Rejected)


def test_garbage_in_a_packed_file_is_told(tmp_path: Path) -> None:
    """A wrong checksum or flipped bits are a complaint, never a traceback."""
    for pack in (gzip.compress, zstd.compress):
        packed = bytearray(pack(os.urandom(5000)))
        packed[len(packed) // 2 :] = b"\xff" * 2000
        path = tmp_path / "file.xml"
        path.write_bytes(packed)
        assert all(isinstance(record, Rejected) for record in registry.read(str(path)))
