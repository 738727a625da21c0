"""Text as tokens that compare equal whatever the typography: ligatures, dashes, decimal marks, broken lines, Chinese.

A token keeps the offsets of the very characters it stands for, so that whatever is found can be shown.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from assistant.answering.support import dates, numerals, units
from configs.settings import LexicalSettings
from ingest.lexical import LexicalEncoder

_LETTER = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_HAN = "\u3400-\u9fff"
_TOKEN = re.compile(
    rf"(?P<name>[{_LETTER}]+(?:-?\d+[{_LETTER}]*)+(?!\.?\d))"  # IL-6, CD44v6, p53: no number stands in these
    rf"|(?P<number>{numerals.DIGITS}|{numerals.CHINESE})"
    rf"|(?P<word>[{_LETTER}]+(?:['’][{_LETTER}]+)?)"
    rf"|(?P<unit>{units.CHINESE})"
    rf"|(?P<han>[{_HAN}])"
    r"|(?P<letters>[^\W\d_]+)"
    r"|(?P<symbol>[<>=≤≥%°])"
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]|(?<=[a-z])-[ \t]*\r?\n[ \t]*(?=[a-z])")
_DECIMAL_POINT = re.compile(r"(?<=\d)[·∙•‧・](?=\d)")
_CLUSTER = re.compile("[^\x00-\x7f\u0300-\u036f]|[\x00-\x7f]?[\u0300-\u036f]+")
_DASHES = str.maketrans(
    dict.fromkeys("‐‑‒–—―−﹣－", "-") | {"µ": "u", "μ": "u", "≦": "≤", "≧": "≥", "⩽": "≤", "⩾": "≥"}
)
_POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"


class Token(NamedTuple):
    """A word, name, number, unit or sign; `key` is what makes two of them the same."""

    text: str
    key: str
    kind: str
    """word · name · number · unit · han · sign · function (a word without a meaning of its own)"""
    start: int
    end: int
    value: float | None = None


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order, with offsets in `text` itself."""
    normal, starts, ends = normalised(text)
    found: list[Token] = []
    for match in _TOKEN.finditer(normal):
        start, end = starts[match.start()], ends[match.end() - 1]
        measures = bool(found) and found[-1].kind in ("number", "unit") and start - found[-1].end <= 1
        key, kind, value = _read(match[0], match.lastgroup or "word", measures)
        found.append(Token(match[0], key, kind, start, end, value))
    return dates.in_order(numerals.merged(found))


def normalised(text: str) -> tuple[str, list[int], list[int]]:
    """NFKC with one kind of dash and decimal point, no soft or line-end hyphens; the start and end of each character in `text`."""
    if text.isascii() and "-\n" not in text and "-\r" not in text:
        return text, list(range(len(text))), list(range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(piece: str, start: int, end: int) -> None:
        pieces.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([end] * len(piece))

    def plain(start: int, end: int) -> None:
        pieces.append(text[start:end])
        starts.extend(range(start, end))
        ends.extend(range(start + 1, end + 1))

    position = 0
    marks = sorted(
        [(m.start(), m.end(), "") for m in _UNSEEN.finditer(text)]
        + [(m.start(), m.end(), ".") for m in _DECIMAL_POINT.finditer(text)]
        + [(m.start(), m.end(), _folded(m[0])) for m in _CLUSTER.finditer(text)]
    )
    for start, end, piece in marks:
        if start < position:
            continue
        plain(position, start)
        put(piece, start, end)
        position = end
    plain(position, len(text))
    return "".join(pieces), starts, ends


@lru_cache(maxsize=4096)
def _folded(cluster: str) -> str:
    if cluster in _POWERS:
        return "^" + unicodedata.normalize("NFKC", cluster)
    return unicodedata.normalize("NFKC", cluster).translate(_DASHES)


@lru_cache(maxsize=65_536)
def _read(text: str, group: str, measures: bool) -> tuple[str, str, float | None]:
    """Key, kind and value of what the pattern's `group` matched; `measures` where it stands right behind a number or unit."""
    if group == "number":
        value = numerals.value(text)
        return numerals.key(value), "number", value
    if group in ("word", "unit") and (unit := units.find(text, follows_number=measures)):
        return f"u:{unit.name}", "unit", None
    if group == "word" and (count := numerals.word(text)) is not None:
        return numerals.key(count), "number", count
    if group == "symbol":
        return (f"u:{text}", "unit", None) if text in "%°" else (text, "sign", None)
    if group in ("han", "unit"):
        return text, "han", None
    if group == "name":
        return text.casefold().replace("-", ""), "name", None
    key, meaning = stem(text)
    return key, "word" if meaning else "function", None


@lru_cache(maxsize=65_536)
def stem(word: str) -> tuple[str, bool]:
    """What a word is compared by (British and American spelling alike), and whether it means something by itself."""
    folded = word.casefold().replace("’", "'")
    terms = _lexical().terms(folded)
    if not terms:
        return folded, False
    american = folded.replace("ae", "e").replace("oe", "e").replace("our", "or").replace("ys", "yz").replace("is", "iz")
    if american != folded:
        terms = _lexical().terms(american)
    return ("~" + "-".join(map(str, sorted(terms))) if terms else american), True


@lru_cache(maxsize=1)
def _lexical() -> LexicalEncoder:
    return LexicalEncoder(LexicalSettings())
