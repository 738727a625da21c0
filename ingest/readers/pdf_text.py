"""The lines of a PDF as the text of a paper: paragraphs, headings after “#”, tables in rows, captions apart.

Left out: running heads and page numbers (lines that repeat at the edge of pages), what stands before the abstract, the
reference list up to an appendix, acknowledgements and the like. A paragraph that a table or a figure interrupts is one.

A heading is what the file's own table of contents names; a known name (“Methods”) on a line of its own; and what is set
as those are set. Its depth is that of the contents, of its number (2.1), or of its style.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.readers.pdf_page import Line

_KNOWN = re.compile(
    r"(?:structured )?abstract|summary|(?:general )?introduction|background|objectives?|aims?|(?:(?:patients?|subjects|materials?|participants) and )?methods?"
    r"|methods? and materials?|methodology|study design|results?|findings|results and discussion|discussion|conclusions?|(?:study )?limitations"
    r"|case (?:report|presentation)|experimental|appendix(?: [a-z\d])?|references?(?: and notes)?|bibliography|literature cited|works cited"
    r"|acknowledge?ments?|funding|conflicts? of interest|competing interests|authors?[’']? contributions?|author details|abbreviations"
    r"|摘要|引言|前言|背景|目的|(?:资料|材料|对象)与方法|方法|结果|讨论|结论|参考文献|致谢|附录",
    re.IGNORECASE,
)
_TOP = re.compile(
    r"introduction|background|.*methods?|results?.*|discussion|conclusions?|.*方法|结果|讨论|结论",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    r"references?(?: and notes)?|bibliography|literature cited|works cited|reference list|参考文献", re.IGNORECASE
)
_APPENDIX = re.compile(
    r"(?:appendix|appendices|annex|supplement|supporting information|附录|附件).{0,60}", re.IGNORECASE
)
_LEFT_OUT = re.compile(
    r"acknowledge?ments?|致谢|author details|authors?[’']? contributions?|pre-publication history|cite this article.*"
    r"|about the authors?|open access",
    re.IGNORECASE,
)
_ABSTRACT = re.compile(r"(?:structured )?abstract|summary|摘要", re.IGNORECASE)
_CAPTION = re.compile(
    r"(?:supplementary )?(?:fig(?:ure|\.)?|table|box|scheme|图|表)\s*(?:S?\d+|[IVX]+)\b(?![^.]{0,20}\b(?:shows?|and)\b)",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"\*?\s*correspond(?:ence|ing)|full list of author|©|copyright\b|this is an open.access|received \d|e-?mail:"
    r"|open access|r\s?e\s?s\s?e\s?a\s?r\s?c\s?h\s?a\s?r\s?t\s?i\s?c\s?l\s?e|academic editor",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?:(\d{1,2}(?:\.\d{1,2})*)\.?|[IVX]{1,5}\.)\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.:?!。：？！]['”’\")\]]*(?:\[[\d,–\s-]+\])?$")
_BROKEN = re.compile(r"[^\W_][-\u00ad]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_FIRST_PART = re.compile(r"^.*[^\w-]")
_LONGEST_WORD = 60
# Lines at the edge of a page that are looked at, and the share of pages on which one of them has to repeat itself.
_EDGE, _REPEATED = 3, 0.3
_SHORTEST_ABSTRACT = 300
_LONGEST_HEADING, _MOST_WORDS = 110, 14
Contents = Mapping[str, int]
"""Headings of the file's own table of contents, as `folded`, with their depth from 1."""


@dataclass
class _Block:
    """A paragraph, a heading, a caption or a table on its way, with the page of each piece."""

    kind: str
    pieces: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    depth: int = 0
    last: Line | None = None

    def add(self, text: str, page: int, line: Line) -> None:
        self.pieces.append(text.replace("+\u2212", "±") + ("-" if line.cut else ""))
        self.pages.append(page)
        self.last = line


def written(pages: Sequence[list[Line]], contents: Contents) -> tuple[str, list[tuple[int, int]]]:
    """The text, and the characters at which it goes over to a page (from 1), in order."""
    kept = _without_edges(pages)
    writer = _Writer(kept, contents)
    for number, lines in enumerate(kept, 1):
        for line in lines:
            writer.take(line, number)
    return _joined(_chosen(writer.blocks), _vocabulary(kept))


def folded(heading: str) -> str:
    """A heading as it is compared: letters and digits alone, without its number."""
    return "".join(filter(str.isalnum, _NUMBER.sub("", heading.strip()))).casefold()


def _without_edges(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """The pages without running heads, running feet and page numbers."""
    edges = [_edge(lines) for lines in pages]
    seen = Counter(key for edge in edges for key in {_blurred(line) for line in edge})
    least = max(2, _REPEATED * len(pages))
    return [
        [
            line
            for line in lines
            if not (id(line) in at and (seen[_blurred(line)] >= least or not any(map(str.isalpha, line.text))))
        ]
        for lines, edge in zip(pages, edges, strict=True)
        for at in [{id(line) for line in edge}]
    ]


def _edge(lines: list[Line]) -> list[Line]:
    """The lines nearest to the upper and the lower edge of a page, if there are others between."""
    heights = sorted({round(line.bottom) for line in lines})
    deep = _EDGE if len(heights) > 2 * _EDGE else 1
    outer = {*heights[:deep], *heights[-deep:]}
    return [line for line in lines if round(line.bottom) in outer]


def _blurred(line: Line) -> str:
    return re.sub(r"\d+", "#", "".join(line.text.split()).casefold())


def _vocabulary(pages: Iterable[list[Line]]) -> set[str]:
    """The words that stand whole somewhere, by which a word that was cut is put together again."""
    return {
        word.casefold()
        for lines in pages
        for line in lines
        for word in _WORD.findall(" ".join(one.text for one in line.words[: -1 if line.cut else None]))
    }


class _Writer:
    """Takes lines in reading order and makes blocks of them."""

    def __init__(self, pages: Sequence[list[Line]], contents: Contents) -> None:
        self.blocks: list[_Block] = []
        self._contents = contents
        lengths: Counter[tuple[str, float]] = Counter()
        for line in (line for lines in pages for line in lines):
            lengths[line.style] += len(line.text)
        self._body = lengths.most_common(1)[0][0] if lengths else ("", 0.0)
        self._bold = any(line.bold for lines in pages for line in lines if line.style == self._body)
        alone = [line for lines in pages for line in lines if self._stands_out(line) and _is_known(line.text)]
        self._styles = {_look(line) for line in alone}
        self._tops = {_look(line) for line in alone if _TOP.fullmatch(_NUMBER.sub("", line.text.strip()))}
        self._begun = not alone
        """Whether the first heading of a known name has come: what looks like one before it is title or author."""

    def take(self, line: Line, page: int) -> None:
        """The next line."""
        block = self.blocks[-1] if self.blocks else None
        small = line.size < self._body[1] - 0.4
        depth = 0 if small and block and block.kind == "table" else self._depth(line)
        if depth:
            if block and block.kind == "heading" and block.depth == depth and self._continues(block, line):
                block.add(line.text, page, line)
            else:
                self._begin("heading", line, page, depth)
        elif _CAPTION.match(line.text) and line.style != self._body:
            self._begin(
                "table" if re.match(r"\W*(?:supplementary )?table|表", line.text, re.I) else "caption", line, page
            )
        elif block and block.kind in ("table", "caption") and small:
            block.add(line.cells if block.kind == "table" else line.text, page, line)
        else:
            self._prose(line, page)

    def _prose(self, line: Line, page: int) -> None:
        """A line of a paragraph: of the one that a table or figure interrupted, if that is not at its end."""
        block = self.blocks[-1] if self.blocks else None
        if block and block.kind in ("table", "caption"):
            block = next((one for one in reversed(self.blocks) if one.kind not in ("table", "caption")), None)
            if block and not (block.kind == "prose" and _open(block)):
                block = None
        if block and block.kind == "prose" and not self._ends(block, line, page):
            block.add(line.text, page, line)
        else:
            self._begin("prose", line, page)

    def _begin(self, kind: str, line: Line, page: int, depth: int = 0) -> None:
        self.blocks.append(_Block(kind, depth=depth))
        self.blocks[-1].add(line.cells if kind == "table" else line.text, page, line)

    def _depth(self, line: Line) -> int:
        """How deep a heading it is; 0 for none."""
        text = line.text.strip()
        if not any(map(str.isalpha, text)) or len(text) > _LONGEST_HEADING or len(text.split()) > _MOST_WORDS:
            return 0
        if (told := self._contents.get(folded(text))) and (line.style != self._body or _is_known(text)):
            return told
        if _CAPTION.match(text) or text.endswith((".", ",", ";")) or line.cut:
            return 0
        number = _NUMBER.match(text)
        if _is_known(text):
            self._begun = True
            return 1
        if self._contents or not (self._begun and self._stands_out(line)):
            return 0
        styled = _look(line) in self._styles or (line.bold and not self._bold)
        if not styled or not (text[:1].isupper() or text[:1].isdigit() or "\u3400" < text[:1] < "\u9fff"):
            return 0
        if number and number[1]:
            return number[1].count(".") + 1
        return 1 if _look(line) in self._tops else 2

    def _stands_out(self, line: Line) -> bool:
        """Whether it is set otherwise than the text, and no smaller."""
        return line.style != self._body and line.size >= self._body[1] - 0.4

    def _continues(self, block: _Block, line: Line) -> bool:
        last = block.last
        return last is not None and last.style == line.style and 0 < last.bottom - line.bottom < 1.6 * line.size

    def _ends(self, block: _Block, line: Line, page: int) -> bool:
        """Whether a paragraph is over before this line."""
        last = block.last
        if last is None or abs(last.size - line.size) > 0.6:
            return True
        if _open(block):
            return False
        if page != block.pages[-1]:
            return True
        drop = last.bottom - line.bottom
        indented = 0.6 * line.size < line.left - last.left < 5 * line.size
        first = len(block.pieces) == 1 and line.left < last.left
        apart = drop > 1.7 * line.size or (drop < 0 and line.left <= last.left)
        short = last.right < 0.85 * max(line.right, last.right) if abs(last.left - line.left) < 30 else False
        return (indented or apart or short) and not first


def _open(block: _Block) -> bool:
    """Whether a paragraph goes on: its last line ends no sentence."""
    return not _SENTENCE_END.search(block.pieces[-1].strip())


def _look(line: Line) -> tuple[str, float, bool]:
    return *line.style, line.text.isupper()


def _is_known(text: str) -> bool:
    return bool(_KNOWN.fullmatch(_NUMBER.sub("", text.strip()).strip(" .:|■")))


def _chosen(blocks: list[_Block]) -> list[_Block]:
    """Without what comes before the abstract, the reference list, acknowledgements, and the small print."""
    names = [folded(" ".join(block.pieces)) if block.kind == "heading" else "" for block in blocks]
    plain = [" ".join(block.pieces).strip(" .:") if block.kind == "heading" else "" for block in blocks]
    first = next((n for n, name in enumerate(plain) if _ABSTRACT.fullmatch(name)), 0)
    begin = first if blocks and first and blocks[first].pages[0] <= 2 else 0
    body = next((n for n, name in enumerate(names) if name), 0)
    chosen: list[_Block] = []
    skipping = ""
    for n, (block, name, text) in enumerate(zip(blocks, names, plain, strict=True)):
        if n < begin or (n < body and _is_front(block)):
            continue
        heading = _NUMBER.sub("", text)
        if name:
            if _REFERENCES.fullmatch(heading):
                skipping = "references"
                continue
            if skipping == "references" and not _APPENDIX.fullmatch(heading):
                continue
            skipping = "section" if _LEFT_OUT.fullmatch(heading) else ""
        if skipping or (block.pages[0] <= 2 and block.kind == "prose" and _BOILERPLATE.match(block.pieces[0].strip())):
            continue
        chosen.append(block)
    return chosen


def _is_front(block: _Block) -> bool:
    """Whether what stands before the first heading is no abstract: title, authors, addresses, the publisher's line."""
    text = " ".join(block.pieces)
    return len(text) < _SHORTEST_ABSTRACT or bool(_BOILERPLATE.search(text[:_SHORTEST_ABSTRACT]))


def _joined(blocks: list[_Block], vocabulary: set[str]) -> tuple[str, list[tuple[int, int]]]:
    """The blocks as one text, and where it goes over to which page."""
    texts: list[str] = []
    turns: list[tuple[int, int]] = []
    begun = 0
    for block in blocks:
        text = "#" * min(6, block.depth + 1) + " " if block.kind == "heading" else ""
        for n, (piece, page) in enumerate(zip(block.pieces, block.pages, strict=True)):
            if n:
                text = text + "\n" if block.kind == "table" else _bound(text, piece, vocabulary)
            if not turns or page != turns[-1][1]:
                turns.append((begun + (len(text) if n else 0), page))
            text += piece
        texts.append(text)
        begun += len(texts[-1]) + 2
    return "\n\n".join(texts), turns


def _bound(text: str, piece: str, vocabulary: set[str]) -> str:
    """The text ready for its next piece: a word that was cut is made whole, with its hyphen only where it has one elsewhere."""
    tail = text[-_LONGEST_WORD:]
    if not _BROKEN.search(tail):
        return text + " "
    before, after = tail[:-1].rpartition(" ")[2], re.match(r"[^\W\d_]*", piece)
    rest = after[0] if after else ""
    if not before[-1:].islower() or not rest[:1].islower():
        return text
    before = _FIRST_PART.sub("", before)
    whole, hyphened = f"{before}{rest}".casefold(), f"{before}-{rest}".casefold()
    return text if hyphened in vocabulary and whole not in vocabulary else text[:-1]
