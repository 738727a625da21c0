"""Formats where a file is one document: plain text, Markdown, HTML."""

from __future__ import annotations

import pytest

from ingest.readers import base
from tests.ingest.readers.reading import one, read, refused


def test_the_first_line_of_a_text_is_its_title() -> None:
    """Unless it is a whole paragraph: then the file's name serves."""
    kept = one("plain_text", "\n\nThe title\r\n\r\nThe text.\r\n")
    assert (kept.id, kept.title, kept.text) == ("f", "The title", "The text.")
    assert one("plain_text", "x " * 500).title == "f"
    assert one("plain_text", "Only this").text == "Only this"
    assert read("plain_text", " \n") == []


def test_what_is_no_text_is_told() -> None:
    """A picture or a program named .txt is not turned into words."""
    assert refused("plain_text", b"GIF89a\x00\x01").reason == "is no text"
    assert "UTF-8" in refused("plain_text", "糖尿病患者".encode("gb18030")).reason


def test_a_file_too_large_to_be_one_document_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read into memory."""
    monkeypatch.setattr(base, "MAX_BYTES", 10)
    for kind in ("plain_text", "markdown", "webpage", "pdf"):
        assert "split it" in refused(kind, "x" * 11).reason


def test_front_matter_is_metadata() -> None:
    """Titles, authors, dates and identifiers of notes and of Quarto, Hugo and Obsidian land under the common keys."""
    kept = one(
        "markdown",
        "---\ntitle: The title\nauthor: Li, Na; Wu, Bo\ndate: 2020-01-02\nlang: zh-CN\ntype: Guideline\npmid: 7\n"
        "tags: [a, b]\nnested:\n  deep: yes\n---\n\n# Heading\n\nText.\n",
    )
    assert (kept.id, kept.title, kept.text) == ("PMID_7", "The title", "# Heading\n\nText.")
    expected = {
        "authors": ["Li, Na", "Wu, Bo"],
        "year": 2020,
        "lang": "zh",
        "type": "guideline",
        "tags": ["a", "b"],
        "nested": {"deep": "yes"},
    }
    assert {key: kept.metadata[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("# One *two* `three` [four](http://x) #\n\ntext", "One two three four"),
        ("intro\n\n## Second\n", "Second"),
        ("Under\n=====\n\ntext", "Under"),
        ("```\n# code\n```\n\n# Real\n", "Real"),
        ("text alone", ""),
    ],
)
def test_the_first_heading_is_the_title(content: str, title: str) -> None:
    """Marks aside, and not a comment in a block of code."""
    assert one("markdown", content).title == title


@pytest.mark.parametrize(
    "front",
    [
        "a: &x [1, 1]\nb: [*x, *x]",
        "a: " + "[" * 1000,
        "- a\n- b",
        "a: [",
        "a: " + "x" * 70_000,
        "? [a]\n: b",
    ],
    ids=["anchors", "deep", "list", "broken", "long", "key"],
)
def test_front_matter_cannot_do_harm(front: str) -> None:
    """References that multiply, endless nesting and what is no mapping reject the file; nothing is executed."""
    found = read("markdown", f"---\n{front}\n---\n# T\n")
    assert len(found) == 1
    assert one("markdown", "---\na: !!python/object/apply:os.abort []\n---\n# T\n").title == "T"


def test_a_page_is_its_visible_text() -> None:
    """Scripts, styles, menus and hidden parts are dropped; headings, items and cells stay apart."""
    kept = one(
        "webpage",
        "<html lang='de'><head><title>The &amp; title</title><style>p{}</style></head><body><nav>Menu</nav><header>Top</header>"
        "<h2>Head</h2><p>One\n two<br>three <b>bold</b>.</p><script>alert('x')</script><ul><li>a<li>b</ul>"
        "<table><tr><th>k<th>v</tr><tr><td>1<td>2</table><p style='display: none'>hidden</p><p hidden>hidden</p>"
        "<noscript>no</noscript><footer>Foot</footer><!-- not this --></body></html>",
    )
    assert kept.title == "The & title"
    assert kept.text == "## Head\n\nOne two\nthree bold.\n\n- a\n- b\n\nk | v\n1 | 2"
    assert kept.metadata["lang"] == "de"


def test_a_publishers_page_says_what_it_is() -> None:
    """The tags that Google Scholar reads are metadata, and a DOI is the id."""
    tags = {
        "title": "T",
        "author": "Li, Na",
        "doi": "10.1000/X",
        "journal_title": "J",
        "publication_date": "2001/02/03",
    }
    head = "".join(f'<meta name="citation_{key}" content="{value}">' for key, value in tags.items())
    kept = one("webpage", f"<head>{head}<title>J | T</title></head><p>Text.")
    assert (kept.id, kept.title, kept.metadata["journal"], kept.metadata["year"]) == ("doi:10.1000/x", "T", "J", 2001)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "cp1252"])
def test_a_page_names_its_own_encoding(encoding: str) -> None:
    """Old Chinese pages in GBK are read by what they declare."""
    word = "Café" if encoding == "cp1252" else "糖尿病患者"
    assert one("webpage", f"<meta charset='{encoding}'><p>{word}".encode(encoding)).text == word


def test_a_page_without_visible_text_is_told() -> None:
    """An application shell that a script would fill is no document, and nesting without end does no harm."""
    for content in ("<script>x</script>", "<!-- x -->", "<div>" * 20_000 + "deep"):
        assert "seen" in refused("webpage", content).reason
    assert read("webpage", " ") == []
