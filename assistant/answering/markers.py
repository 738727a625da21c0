"""The ways in which models write citations, found in a stretch of text; what only looks like one is passed over."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from assistant.answering.answer import Source

Style: TypeAlias = Literal["bracket", "name", "superscript", "parenthesis"]

_LABEL = (
    r"(?:(?:(?:re)?sources?|passages?|references?|refs?\.?|documents?|docs?\.?|citations?|来源|段落|资料|文献|参考文献|参考|文档|出处|引用)"
    r"\s*(?:no\.|number|第)?\s*[:：#]?\s*)"
)
_ONE = rf"{_LABEL}?[\^#]?\d{{1,3}}"
_NUMBERS = rf"{_ONE}(?:\s*(?:[,，、;；&和及与~–—-]|\band\b)\s*{_ONE})*"
_OPEN, _CLOSE = r"[\[【［]", r"[\]】］]"
_BRACKET = re.compile(
    rf"\^?{_OPEN}\s*{_NUMBERS}\s*(?:†[^\]】\n]*|[:,，：]\s*(?:pp?\.?|pages?|第)\s*[\d–-]+\s*页?)?{_CLOSE}",
    re.IGNORECASE,
)
_LABELLED = re.compile(rf"[(（]\s*(?:see\s+)?{_LABEL}{_NUMBERS}\s*[)）]", re.IGNORECASE)
_FOOTNOTE = re.compile(r"\[\^([^\]\s\[]{1,20})\]")
_NAMED = re.compile(r"(?P<open>[\[【［(（])(?P<names>[^\[\]【】［］()（）\n]{2,300})[\]】］)）]")
_RANGE = re.compile(r"(\d+)\s*[~–—-]\s*(\d+)")
_LONGEST_RANGE = 20
_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
# Behind a word of some length or a stop: not m², not 10⁻³, not Ca²⁺.
_SUPERSCRIPT = re.compile(
    r"(?:(?<=[a-z]{4})|(?<=[A-Za-z)\]%”\"'\u3400-\u9fff][.,;:!?”\"')。，；：！？])|(?<=[\u3400-\u9fff]{2}))"
    rf"[ \t]?(?:(?P<raised>[{_DIGITS}]{{1,3}}(?:[,˒⸴·⁻–-][{_DIGITS}]{{1,3}})*)(?![⁺⁻\w])|<sup>\s*(?P<tag>\d{{1,3}}(?:\s*[,–-]\s*\d{{1,3}})*)\s*</sup>)"
)
_PARENTHESIS = re.compile(r"[(（]\s*(\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)\s*[)）]")
_COUNTED = re.compile(
    r"(?:\d|\b(?:table|fig(?:ure)?|grade|type|stage|phase|step|class|eq(?:uation)?|group|level|category|n|part|chapter)|[表图第])\.?\s*$",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s*(?:$|[.!?;](?!\w)|[。！？；])")

# Brackets that hold an interval and no citation: "95% CI [2, 5]", "median 3 [2–5] days", "[10-20] mg".
_SPAN = r"\d{1,3}\s*[–-]\s*\d{1,3}"
_UNIT = r"(?:%|°|(?:[mkµμn]?g|[mµμd]?[lL]|mmol|mmHg|IU|units?|points?|hours?|h|days?|weeks?|months?|years?)\b)"
_PASSED_OVER = re.compile(
    rf"(?<=\d)\s?\[{_SPAN}\]|\[{_SPAN}\](?=\s*{_UNIT})"
    rf"|\b(?:CI|CrI|IQR|range|interval|quartiles?)\b[:,=]?\s*\[\d{{1,3}}\s*[,;–-]\s*\d{{1,3}}\]"
    # Code, links and images, addresses, mathematics, tags.
    r"|(?<!`)(`+)(?!`)[\s\S]+?(?<!`)\1(?!`)"
    r"|!?\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)?\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+[\"'][^\"'\n]*[\"'])?\)"
    r"|https?://[^\s<>\"“”，。；！？（）【】)]+"
    r"|\$\$[^$]+\$\$|\$(?=\S)[^$\n]*(?<=\S)\$(?!\d)|\\\([^\n]+?\\\)|\\\[[^\n]+?\\\]"
    r"|</?(?!sup\b)[a-zA-Z][\w-]*(?:\s+[\w:-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?)*\s*/?>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Marker:
    """A citation as written: where, of which sources (known or not), and in which style."""

    start: int
    end: int
    numbers: tuple[int, ...]
    style: Style = "bracket"


Names: TypeAlias = Mapping[str, int]
Notes: TypeAlias = Mapping[str, Collection[int]]


def names(sources: Sequence[Source]) -> dict[str, int]:
    """What a source may be called instead of its number: document id, title, DOI, PubMed number; ambiguous ones left out."""
    found: dict[str, set[int]] = {}
    for source in sources:
        doi, pmid = (str(source.metadata.get(key) or "") for key in ("doi", "pmid"))
        called = [source.doc_id, source.title, doi and f"doi{doi}", doi, pmid and f"pmid{pmid}", pmid]
        for name in {folded(name) for name in called if name}:
            if len(name) > 3 or not name.isdigit():
                found.setdefault(name, set()).add(source.n)
    return {name: min(numbers) for name, numbers in found.items() if len(numbers) == 1}


def folded(name: str) -> str:
    """A name as it is compared: no case, no space, no colon, no closing stop."""
    return re.sub(r"[\s:：]", "", unicodedata.normalize("NFKC", name)).casefold().rstrip(".")


def find(text: str, known: Collection[int], called: Names, footnotes: Notes) -> list[Marker]:
    """The markers of a stretch of text, in order; numbers in parentheses are none (`parenthesised` finds these).

    Args:
        text: a paragraph, a list item, a table's row.
        known: the sources' numbers, by which `¹²` is read as 12 or as 1 and 2.
        called: what else sources are called (`names`).
        footnotes: label → sources, as far as the text defines its footnotes.
    """
    over = [match.span() for match in _PASSED_OVER.finditer(text)]
    found: list[Marker] = []
    for marker in _candidates(text, known, called, footnotes):
        taken = any(marker.start < end and start < marker.end for start, end in over)
        if not taken and not any(marker.start < other.end and other.start < marker.end for other in found):
            found.append(marker)
    return sorted(found, key=lambda marker: marker.start)


def _candidates(text: str, known: Collection[int], called: Names, footnotes: Notes) -> Iterator[Marker]:
    for match in _FOOTNOTE.finditer(text):
        if match[1] in footnotes:
            yield Marker(*match.span(), tuple(footnotes[match[1]]))
    for pattern in (_BRACKET, _LABELLED):
        yield from (Marker(*match.span(), tuple(numbers(match[0]))) for match in pattern.finditer(text))
    for match in _NAMED.finditer(text) if called else ():
        parts = [match["names"]] if folded(match["names"]) in called else re.split(r"[,;，；、]", match["names"])
        ids = [called.get(folded(part)) for part in parts]
        in_brackets = match["open"] not in "(（"
        telling = in_brackets or all(re.search(r"\d|\s|[\u3400-\u9fff]{4}", part.strip()) for part in parts)
        if telling and None not in ids:
            yield Marker(*match.span(), tuple(n for n in ids if n is not None), "name")
    for match in _SUPERSCRIPT.finditer(text):
        if read := _raised(match, known):
            yield Marker(*match.span(), read, "superscript")


def parenthesised(texts: Sequence[str], sentences: int, known: Collection[int]) -> list[list[Marker]]:
    """For each stretch the numbers in parentheses, where they can only be citations; else none in any.

    They can where every one of them closes a sentence, names a source, counts nothing, and half of the
    answer's sentences have one; “(1) first …, (2) second …” is an enumeration.
    """
    none: list[list[Marker]] = [[] for _ in texts]
    found: list[list[Marker]] = []
    for text in texts:
        over = [match.span() for match in _PASSED_OVER.finditer(text)]
        found.append([])
        matches = [
            match
            for match in _PARENTHESIS.finditer(text)
            if not any(match.start() < end and start < match.end() for start, end in over)
        ]
        for n, match in enumerate(matches):
            read = tuple(int(digits) for digits in re.findall(r"\d+", match[1]))
            beside = n + 1 < len(matches) and not text[match.end() : matches[n + 1].start()].strip()
            before = text[: match.start()].rstrip()
            closes = beside or _ENDS.match(text, match.end())
            follows = n > 0 and found[-1] and found[-1][-1].end >= len(before)
            if not closes or not before or not set(read) <= set(known) or (not follows and _COUNTED.search(before)):
                return none
            found[-1].append(Marker(*match.span(), read, "parenthesis"))
    return found if sum(map(len, found)) * 2 >= sentences else none


def numbers(text: str) -> Iterator[int]:
    """The numbers in one marker, in order, ranges written out."""
    inner = re.sub(r"†.*|[:,，：]\s*(?:p|第).*", "", text)
    position = 0
    for ends in _RANGE.finditer(inner):
        yield from map(int, re.findall(r"\d+", inner[position : ends.start()]))
        first, last = int(ends[1]), int(ends[2])
        yield from range(first, last + 1) if 0 <= last - first < _LONGEST_RANGE else (first, last)
        position = ends.end()
    yield from map(int, re.findall(r"\d+", inner[position:]))


def _raised(match: re.Match[str], known: Collection[int]) -> tuple[int, ...]:
    """¹² is 1 and 2 where there is no source 12, and nothing where it may be either."""
    if match["tag"]:
        return tuple(numbers(match["tag"]))
    found: list[int] = []
    for part in re.findall(rf"[{_DIGITS}]+", match["raised"]):
        digits = [_DIGITS.index(character) for character in part]
        whole = int("".join(map(str, digits)))
        apart = set(digits) <= set(known)
        if whole in known and len(digits) > 1 and apart:
            return ()
        found += digits if apart and whole not in known else [whole]
    return tuple(found)
