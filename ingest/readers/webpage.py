"""HTML: one document a file, its visible text; scripts, styles, navigation, headers and footers of the page dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from lxml import etree

from ingest.readers.base import TOO_LARGE, Records, Rejected, TooLarge, read_whole, tells_damage
from ingest.readers.fields import build, distinct, doi_in, place_id, pmid_in, tidy
from ingest.readers.markup import Element
from ingest.readers.text import Line, decode

_DROPPED = re.compile("script|style|noscript|template|nav|header|footer|aside|form|button|select|svg|math|iframe|head")
_BLOCK = re.compile(
    "address|article|blockquote|body|br|caption|dd|details|div|dl|dt|fieldset|figcaption|figure|h[1-6]|hr|html|li|main|ol|p"
    "|pre|section|summary|table|tbody|tfoot|thead|tr|ul"
)
_LINE = re.compile("br|dd|dt|hr|li|tr")
_APART = re.compile("p|pre|h[1-6]")
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# libxml2 stops at this depth on its own; kept here as well, for the recursion below.
_DEEPEST = 250


@tells_damage
def read_webpage(stream: BinaryIO, name: str) -> Records:
    """Yield the document of an HTML file, with what its head says for Google Scholar (citation_… tags)."""
    try:
        said = _decoded(read_whole(stream))
    except TooLarge:
        yield Rejected(name, TOO_LARGE)
        return
    if said.problem:
        yield Rejected(name, f"is {said.problem}")
        return
    if not said.text.strip():
        return
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(said.text.replace("\0", "").encode(), parser)
    except etree.XMLSyntaxError as error:
        yield Rejected(name, f"is no HTML: {error.msg}")
        return
    if root is None:
        yield Rejected(name, "holds no text that would be seen")
        return
    pieces: list[str] = []
    _visible(root, pieces, 0)
    lines = (tidy(line) for line in "".join(pieces).split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    facts = _facts(root)
    if said.western:
        facts["encoding"] = "cp1252"
    title = facts.pop("title") or tidy("".join(root.itertext("title"))) or next(_headings(root), "")
    if title or text:
        yield build(title, text, facts, origin=f"{name}:1", fallback=place_id(name), headed=True)
    else:
        yield Rejected(name, "holds no text that would be seen")


def _decoded(content: bytes) -> Line:
    """By the byte order mark or as UTF-8, else in the encoding that the page names."""
    said = decode(content)
    named = _CHARSET.search(content[:4096])
    if named and (said.western or said.problem):
        try:
            return Line(1, content.decode(named[1].decode("ascii")))
        except (LookupError, UnicodeError):
            return said
    return said


def _visible(element: Element, pieces: list[str], depth: int) -> None:
    """Text as it is seen: blocks on lines of their own, headings after “#”, cells between “|”, items after “-”."""
    tag = element.tag if isinstance(element.tag, str) else ""
    if not _DROPPED.fullmatch(tag) and depth <= _DEEPEST and not _is_hidden(element):
        border = ("\n\n" if _APART.fullmatch(tag) else "\n") if _BLOCK.fullmatch(tag) else ""
        pieces.append(border)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            pieces.append("#" * int(tag[1]) + " ")
        elif tag == "li":
            pieces.append("- ")
        elif tag in {"td", "th"} and element.getprevious() is not None:
            pieces.append(" | ")
        _add(element.text, pieces)
        for child in element:
            _visible(child, pieces, depth + 1)
        pieces.append("" if _LINE.fullmatch(tag) else border)
    _add(element.tail, pieces)


def _add(text: str | None, pieces: list[str]) -> None:
    """Text of the source, whose own line breaks mean nothing."""
    if text:
        pieces.append(re.sub(r"\s+", " ", text))


def _is_hidden(element: Element) -> bool:
    style = element.get("style")
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or bool(style and _HIDDEN.search(style))
    )


def _headings(root: Element) -> Iterator[str]:
    for heading in root.iter("h1", "h2"):
        if text := tidy("".join(heading.itertext())):
            yield text


def _facts(root: Element) -> dict[str, Any]:
    said: dict[str, list[str]] = {}
    for meta in root.iter("meta"):
        key = (meta.get("name") or meta.get("property") or "").lower()
        if key.startswith("citation_") and meta.get("content"):
            said.setdefault(key.removeprefix("citation_"), []).append(meta.get("content"))

    def first(*keys: str) -> str:
        return next((tidy(said[key][0]) for key in keys if key in said), "")

    return {
        "title": first("title"),
        "authors": distinct(said.get("author", [])),
        "journal": first("journal_title"),
        "year": first("publication_date", "date", "online_date", "year"),
        "lang": first("language") or root.get("lang") or "",
        "pmid": pmid_in(first("pmid")),
        "doi": doi_in(first("doi")),
        "keywords": distinct(said.get("keywords", [])),
    }
