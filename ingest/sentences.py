"""Sentence boundaries as character spans: English and Chinese, with medicine's abbreviations and decimals."""

from __future__ import annotations

import re

# What may end a sentence, with closing quotes, brackets or emphasis and citation markers that belong to it.
_END = re.compile(
    r"(?P<stop>[。！？；]+|[.!?]+)"
    r"(?P<tail>[\"'”’»」』）)\]*_]*)"
    r"(?P<markers>(?:\s*(?:\[\^?\d+(?:\s*[,，、;–-]\s*\^?\d+)*\]|【\d+(?:\s*[,，、;–-]\s*\d+)*】))*)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|al|etc|ca|approx|resp|Dr|Mr|Mrs|Ms|Prof|St|Fig|Figs|Tab|Ref|Refs|Eq|No|Nos|Vol|pp|min|max|incl|spp|subsp|var|Inc|Ltd|Jr|Sr)"
    r"|(?i:(?<!vitamin)(?<!hepatitis)(?<!group)(?<!type)(?<!grade)(?<!class)(?<!factor)(?<!stage))(?:^|[\s(])[A-Z]|(?:\b[A-Za-z]\.)+[A-Za-z])\.$"
)
_ABBREVIATION_REACH = 16
"""Characters up to its full stop in which an abbreviation lies: what is long before need not be searched each time."""
_BREAK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>|\|)\s)")


def spans(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of `text`, in order, without the white space between them.

    A blank line or the start of a list item, heading, quote or table row ends a sentence too.
    `text[start:end]` is verbatim; a marker right behind a full stop belongs to the sentence before it.
    """
    found: list[tuple[int, int]] = []
    position = 0
    for block_end in [*(match.start() for match in _BREAK.finditer(text)), len(text)]:
        found += _in_block(text, position, block_end)
        position = block_end
    return found


def split(text: str) -> list[str]:
    """The sentences of `text`, verbatim."""
    return [text[start:end] for start, end in spans(text)]


def _in_block(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found = []
    position = start
    for match in _END.finditer(text, start, end):
        if _ends_sentence(text, position, match, end):
            found.append(_trimmed(text, position, match.end()))
            position = match.end()
    found.append(_trimmed(text, position, end))
    return [(begin, stop) for begin, stop in found if begin < stop]


def _ends_sentence(text: str, start: int, match: re.Match[str], end: int) -> bool:
    if match["stop"][0] in "。！？；":
        return True
    after = text[match.end() : end]
    if after and not after[0].isspace() and not _is_chinese(after[0]):
        return False  # 3.5, p.o., example.org
    following = after.lstrip()
    if match["stop"] == "." and not match["markers"]:
        stop = match.end("stop")
        if following and _ABBREVIATION.search(text, max(start, stop - _ABBREVIATION_REACH), stop):
            return False
        if following and following[0].islower():
            return False
    return True


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff"


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
