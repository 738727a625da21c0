"""An answer's Markdown as the stretches of text that say something: paragraphs, list items, headings, table rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Kind: TypeAlias = Literal["text", "heading", "header", "row"]
_BETWEEN_CELLS = "; "
_DEEPER = frozenset({"list_item_open", "table_open"})
_SHALLOWER = frozenset({"list_item_close", "table_close"})


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text without its bullets, quote marks and pipes; code is in none."""

    kind: Kind
    text: str
    at: tuple[int, ...]
    """For each character of `text`, and for its end, the offset in the Markdown."""
    depth: int
    """How many lists and tables it stands in."""
    outer: tuple[int, int]
    """Its whole lines in the Markdown."""


def blocks(markdown: str) -> list[Block]:
    """The blocks of a text, in order, as CommonMark with tables reads it.

    What is indented, looks like HTML, or is underlined stays a paragraph: a model means text by it.
    """
    # As the parser reads them, at the same length, so that offsets stay true.
    markdown = markdown.replace("\r\n", " \n").replace("\r", "\n").replace("\0", "\ufffd")
    lines = _line_starts(markdown)
    found: list[Block] = []
    depth = 0
    kind: Kind = "text"
    cells: list[Token] = []
    for token in _parser().parse(markdown):
        depth += (token.type in _DEEPER) - (token.type in _SHALLOWER)
        if token.type == "heading_open":
            kind = "heading"
        elif token.type == "tr_open":
            cells = []
            kind = "header" if kind == "header" else "row"
        elif token.type == "thead_open":
            kind = "header"
        elif token.type == "tr_close" and cells and cells[0].map:
            found.append(_row(kind, cells, markdown, lines, depth))
            kind = "row"
        elif token.type in ("heading_close", "table_close"):
            kind = "text"
        elif token.type == "inline" and token.map:
            if kind in ("header", "row"):
                cells.append(token)
            else:
                found.append(_paragraph(kind, token, markdown, lines, depth))
    return found


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Imported here: what only a finished answer needs must not delay its first word.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable(["code", "html_block", "lheading", "inline"])


def _line_starts(markdown: str) -> list[int]:
    starts = [0]
    for line in markdown.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    starts[-1] -= 1
    return starts


def _outer(token: Token, lines: list[int]) -> tuple[int, int]:
    first, behind = token.map or (0, 0)
    return lines[first], max(lines[first], lines[min(behind, len(lines) - 1)] - (behind < len(lines) - 1))


def _paragraph(kind: Kind, token: Token, markdown: str, lines: list[int], depth: int) -> Block:
    """Its lines, each found behind its indent, bullet or quote mark."""
    at: list[int] = []
    texts: list[str] = []
    first = token.map[0] if token.map else 0
    for n, line in enumerate(token.content.split("\n")):
        start, end = lines[first + n], lines[min(first + n + 1, len(lines) - 1)]
        text = line if line in markdown[start:end] else line.strip()  # a tab may have become spaces
        begin = markdown.rfind(text, start, end)
        if begin >= 0:
            at += range(begin, begin + len(text) + 1)
            texts.append(text)
    return Block(kind, "\n".join(texts), tuple(at or [lines[first]]), depth, _outer(token, lines))


def _row(kind: Kind, cells: list[Token], markdown: str, lines: list[int], depth: int) -> Block:
    """A row as one text: its cells, those with nothing in them left out."""
    outer = _outer(cells[0], lines)
    texts: list[str] = []
    at: list[int] = []
    for begin, text in _cells(cells, markdown, outer):
        if texts:
            at += [at.pop()] * (len(_BETWEEN_CELLS) + 1)
            at.pop()
        texts.append(text)
        at += range(begin, begin + len(text) + 1)
    return Block(kind, _BETWEEN_CELLS.join(texts), tuple(at or [outer[0]]), depth, outer)


def _cells(cells: list[Token], markdown: str, outer: tuple[int, int]) -> Iterator[tuple[int, str]]:
    position = outer[0]
    for cell in cells:
        text = cell.content.replace("|", "\\|")  # as it is written
        begin = markdown.find(text, position, outer[1]) if text else -1
        if begin >= 0:
            yield begin, text
            position = begin + len(text)
