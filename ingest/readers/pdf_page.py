"""One page of a PDF as lines in reading order, each with its place, font and size; by PDFium.

Lines come in the order of the file, which is that of reading where a typesetter made it. Where it goes to and fro between
two columns (PDFs made row by row), the columns are put one after the other, between what spans both.
"""

from __future__ import annotations

import ctypes
import math
import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pypdfium2

# What PDFium puts where a word was cut at the end of a line.
_CUT = (0x02, 0xFFFE)
_BOLD = re.compile(r"bold|black|heavy|semi|demi|[-.,]b$|medi\b", re.IGNORECASE)
_HEAVY = 600
_LONGEST_POWER = 40
_POWER = re.compile(r"\d[-−–+]?\d")
# A page counts as one of two columns where so many lines stand on each side, and at most this share of all across.
_ENOUGH, _MOST_ACROSS = 8, 0.4
# Share of lines followed by one of the other column, from which on their order in the file is not that of reading.
_TO_AND_FRO = 0.3


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a blank between them. Points, the origin at the lower left."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    font: str
    bold: bool
    apart: bool = True
    """Whether the file has a blank before it; where lines were put together, the gap decides."""


@dataclass(frozen=True)
class Line:
    """Words side by side; `cut` where the last is the first part of a word."""

    words: tuple[Word, ...]
    cut: bool = False

    @cached_property
    def text(self) -> str:
        """Its words, with one blank between those that stand apart."""
        pieces = [self.words[0].text]
        for before, word in pairwise(self.words):
            pieces += [" " if _apart(before, word) else "", word.text]
        return "".join(pieces)

    @cached_property
    def cells(self) -> str:
        """Its text with “|” where words stand as far apart as in a table."""
        pieces = [self.words[0].text]
        for before, word in pairwise(self.words):
            gap = (word.left - before.right) / max(before.size, word.size, 1.0)
            pieces += [" | " if gap > 1 else " " if _apart(before, word) else "", word.text]
        return "".join(pieces)

    @cached_property
    def left(self) -> float:
        """Where it begins."""
        return self.words[0].left

    @cached_property
    def right(self) -> float:
        """Where it ends."""
        return max(word.right for word in self.words)

    @cached_property
    def top(self) -> float:
        """Its upper edge."""
        return max(word.top for word in self.words)

    @cached_property
    def bottom(self) -> float:
        """Its lower edge."""
        return min(word.bottom for word in self.words)

    @cached_property
    def size(self) -> float:
        """Its font's size in points, to the half point: the one that most of its characters have."""
        return max(self._style_lengths().items(), key=lambda one: one[1])[0][1]

    @cached_property
    def style(self) -> tuple[str, float]:
        """Font and size of most of its characters."""
        return max(self._style_lengths().items(), key=lambda one: one[1])[0]

    @cached_property
    def bold(self) -> bool:
        """Whether all of it is."""
        return all(word.bold for word in self.words if any(map(str.isalnum, word.text)))

    def _style_lengths(self) -> dict[tuple[str, float], int]:
        lengths: dict[tuple[str, float], int] = {}
        for word in self.words:
            key = word.font, round(2 * word.size) / 2
            lengths[key] = lengths.get(key, 0) + len(word.text)
        return lengths


def _apart(one: Word, other: Word) -> bool:
    return other.apart or other.left - one.right > 0.12 * max(one.size, other.size)


def lines(page: pypdfium2.PdfPage) -> list[Line]:
    """The lines of a page, in reading order; what stands across its text (a stamp on the margin) is left out."""
    found = list(_joined(_raw(page)))
    gutter = _gutter(found)
    return found if gutter is None else _in_columns(found, gutter)


def _raw(page: pypdfium2.PdfPage) -> Iterator[Line]:
    textpage = page.get_textpage()
    try:
        count = textpage.count_chars()
        told = [(word, turn, cut) for word, turn, cut in _words(textpage, count)]
    finally:
        textpage.close()
    turns = [turn for word, turn, _ in told if word is not None for _ in word.text]
    upright = statistics.mode(turns) if turns else 0
    line: list[Word] = []
    for word, turn, cut in told:
        if word is not None and turn == upright:
            line.append(_turned(word, upright))
        if (word is None or cut) and line:
            yield Line(tuple(line), cut)
            line = []
    if line:
        yield Line(tuple(line))


def _words(textpage: Any, count: int) -> Iterator[tuple[Word | None, int, bool]]:
    """Each word with the quarter turns it stands at, and whether it goes on in the next line; None ends a line."""
    import pypdfium2.raw as pdfium

    begin, text = 0, ""
    for at in range(count + 1):
        code = pdfium.FPDFText_GetUnicode(textpage, at) if at < count else 0x0A
        letter = chr(code)
        if code > 0x20 and code not in _CUT and not letter.isspace():
            begin, text = begin if text else at, text + letter
            continue
        if text:
            word, turn = _word(textpage, begin, at - 1, text)
            yield word, turn, code in _CUT
            text = ""
        if code in (0x0A, 0x0D):
            yield None, 0, False


def _word(textpage: Any, first: int, last: int, text: str) -> tuple[Word, int]:
    import pypdfium2.raw as pdfium

    left, bottom, right, top = _box(textpage, first)
    other = _box(textpage, last)
    matrix, flags, name = pdfium.FS_MATRIX(), ctypes.c_int(), ctypes.create_string_buffer(64)
    pdfium.FPDFText_GetMatrix(textpage, first, matrix)
    pdfium.FPDFText_GetFontInfo(textpage, first, name, 64, flags)
    size = pdfium.FPDFText_GetFontSize(textpage, first) * math.hypot(matrix.c, matrix.d)
    font, bold = _font(name.value)
    weight = pdfium.FPDFText_GetFontWeight(textpage, first)
    turn = round(math.atan2(matrix.b, matrix.a) / (math.pi / 2)) % 4
    if len(text) < _LONGEST_POWER and _POWER.search(text):
        text = _raised(textpage, first, text, turn)
    box = min(left, other[0]), max(right, other[2]), min(bottom, other[1]), max(top, other[3])
    return Word(text, *box, size, font, weight >= _HEAVY or bold), turn


@lru_cache(maxsize=256)
def _font(name: bytes) -> tuple[str, bool]:
    font = name.decode("utf-8", "replace")
    return font, bool(_BOLD.search(font))


def _raised(textpage: Any, first: int, text: str, turn: int) -> str:
    """A power with its caret, as `ingest.readers.markup` writes it: 10 and a small raised -3 are “10^-3”."""
    pieces = [text[0]]
    for at, (before, letter) in enumerate(pairwise(text), first + 1):
        (low, high), (bottom, top) = (_reach(textpage, one, turn) for one in (at - 1, at))
        risen = before.isdigit() and letter in "-−–+0123456789" and bottom > low + 0.35 * (high - low) and top > high
        pieces += ["^" if risen else "", letter]
    return "".join(pieces)


def _reach(textpage: Any, at: int, turn: int) -> tuple[float, float]:
    """From where to where a character reaches upwards, as who reads its line holds the page."""
    left, bottom, right, top = _box(textpage, at)
    return [(bottom, top), (-right, -left), (-top, -bottom), (left, right)][turn]


def _box(textpage: Any, at: int) -> tuple[float, float, float, float]:
    import pypdfium2.raw as pdfium

    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    pdfium.FPDFText_GetCharBox(textpage, at, left, right, bottom, top)
    return left.value, bottom.value, right.value, top.value


def _turned(word: Word, turn: int) -> Word:
    """A word of a page whose text stands on its side, as if the page had been turned."""
    corners = {
        0: (word.left, word.right, word.bottom, word.top),
        1: (word.bottom, word.top, -word.right, -word.left),
        2: (-word.right, -word.left, -word.top, -word.bottom),
        3: (-word.top, -word.bottom, word.left, word.right),
    }[turn]
    return replace(word, left=corners[0], right=corners[1], bottom=corners[2], top=corners[3])


def _joined(found: Iterable[Line]) -> Iterator[Line]:
    """Lines put together that PDFium parted at a raised or lowered character."""
    held: Line | None = None
    for line in found:
        if held is not None and not held.cut and _beside(held, line):
            first = replace(line.words[0], apart=False)
            held = Line((*held.words, first, *line.words[1:]), line.cut)
            continue
        if held is not None:
            yield held
        held = line
    if held is not None:
        yield held


def _beside(one: Line, other: Line) -> bool:
    shared = min(one.top, other.top) - max(one.bottom, other.bottom)
    gap, size = other.left - one.words[-1].right, max(one.words[-1].size, other.words[0].size)
    return shared > 0.3 * min(one.top - one.bottom, other.top - other.bottom) and -0.5 * size < gap < 0.8 * size


def _gutter(found: list[Line]) -> float | None:
    """The x between two columns, where there are two."""
    if len(found) < _ENOUGH:
        return None
    left, right = min(line.left for line in found), max(line.right for line in found)
    at = [left + (right - left) * share / 100 for share in range(35, 66)]
    sides = {x: [_side(line, x) for line in found] for x in at}
    best = min(sides, key=lambda x: (sides[x].count(None), abs(x - (left + right) / 2)))
    both = sides[best].count(0)
    enough = all(sides[best].count(side) + both >= _ENOUGH for side in (1, 2))
    return best if enough and sides[best].count(None) <= _MOST_ACROSS * len(found) else None


def _side(line: Line, x: float) -> int | None:
    """1 or 2 for the column it is in, 0 for a line with a gap there that is wide enough to part two, None across."""
    if line.right <= x:
        return 1
    if line.left >= x:
        return 2
    gap = next(
        (after.left - before.right for before, after in pairwise(line.words) if before.right <= x <= after.left), 0.0
    )
    return 0 if gap > line.size else None


def _in_columns(found: list[Line], x: float) -> list[Line]:
    parted = [piece for line in found for piece in (_parted(line, x) if _side(line, x) == 0 else (line,))]
    sides = [_side(line, x) for line in parted]
    if sum(one != other for one, other in pairwise(sides)) <= _TO_AND_FRO * len(parted):
        return found
    ordered: list[Line] = []
    band: list[Line] = []
    for line in sorted(parted, key=lambda line: -line.top):
        if _side(line, x) is None:
            ordered += [*_columns(band, x), line]
            band = []
        else:
            band.append(line)
    return [*ordered, *_columns(band, x)]


def _parted(line: Line, x: float) -> tuple[Line, Line]:
    return (
        Line(tuple(word for word in line.words if word.right <= x)),
        Line(tuple(word for word in line.words if word.right > x), line.cut),
    )


def _columns(band: list[Line], x: float) -> list[Line]:
    return sorted(band, key=lambda line: line.left >= x)
