"""Markers in an answer's text ↔ its sources: sentence by sentence, unknown ones struck, nothing repaired in silence."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assistant.answering import markers, references
from assistant.answering.answer import Sentence
from assistant.answering.blocks import Block, blocks
from assistant.answering.markers import Marker
from ingest import sentences

_NOTES = {
    "name": "The model named sources instead of numbering them; their numbers were put in.",
    "superscript": "The model cited in superscript; these numbers were read as citations.",
    "parenthesis": "The model cited in parentheses, such as “(1)”; these numbers were read as citations.",
    "list": "The model's own list of references was left out; the sources are those it was given.",
    "footnotes": "The model's own footnotes were left out; each was read as the source it names, or else as that of its number.",
    "whole": "The model named its source only below its answer; every sentence is held against it.",
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """An answer with its citations resolved."""

    text: str
    """Markdown in which every marker is `[n]`, the number of a source."""
    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...] = ()
    """What was read otherwise than it was written, in words."""
    unknown: tuple[int, ...] = ()
    """Every number that no source has, those in a list of references included."""


@dataclass(slots=True)
class _Run:
    """Markers side by side, with the space before them, in the Markdown."""

    start: int
    end: int
    numbers: list[int]


@dataclass(slots=True)
class _Draft:
    text: str
    numbers: list[int]
    block: int
    start: int
    end: int
    own: bool = field(init=False)
    """Whether it brought its own citations."""

    def __post_init__(self) -> None:
        self.own = bool(self.numbers)


def resolve(text: str, known: Collection[int], called: Mapping[str, int] | None = None) -> Resolved:
    """What a model wrote, its markers in the form `[1][2]`, unknown ones struck, and its sentences.

    A marker speaks of the sentence it stands in or right behind; alone on a line, of the sentence before
    it, and below a table, of the rows that cite nothing. A table's row is one sentence: what any of its
    cells cites, and what the head of the table cites, holds for the row. A line that ends in a colon and
    cites speaks of the list or table below it where nothing in that cites. Headings without a marker,
    code and a list of references at the end are no sentences.

    Args:
        text: what the model wrote.
        known: the numbers of the sources it was given.
        called: what else these may be called (`markers.names`).
    """
    body, listed = references.cut(text.strip(), called or {})
    parts = blocks(body)
    found, styles = _markers(parts, known, called or {}, listed.footnotes)
    runs: list[_Run] = []
    drafts: list[_Draft] = []
    for n, (block, own) in enumerate(zip(parts, found, strict=True)):
        runs += _drafted(drafts, parts, n, block, own)
    notes = [_NOTES[style] for style in ("name", "superscript", "parenthesis") if style in styles]
    if listed.present:
        notes.append(_NOTES["footnotes" if listed.footnotes else "list"])
    _pass_on(drafts, parts)
    if listed.numbers and 1 in (len(listed.numbers), len(drafts)) and not any(draft.numbers for draft in drafts):
        notes.append(_NOTES["whole"])
        for draft in drafts:
            draft.numbers = list(listed.numbers)
    shown, moved = _struck(body, runs, known)
    resolved = tuple(_sentence(draft, known, moved, shown) for draft in drafts)
    unknown = {n for numbers in (*(draft.numbers for draft in drafts), listed.numbers) for n in numbers} - set(known)
    return Resolved(shown, resolved, tuple(notes), tuple(sorted(unknown)))


def _markers(
    parts: Sequence[Block], known: Collection[int], called: Mapping[str, int], footnotes: markers.Notes
) -> tuple[list[list[Marker]], set[str]]:
    """The markers of each block, and the styles they are in."""
    found = [markers.find(block.text, known, called, footnotes) for block in parts]
    if not any(found):
        texts = [block.text for block in parts]
        count = sum(len(sentences.spans(block.text)) for block in parts if block.kind not in ("heading", "header"))
        found = markers.parenthesised(texts, count, known)
    return found, {marker.style for own in found for marker in own}


def _drafted(drafts: list[_Draft], parts: Sequence[Block], n: int, block: Block, own: list[Marker]) -> list[_Run]:
    """Add a block's sentences to `drafts`; its runs of markers."""
    canonical: list[str] = []
    at: list[int] = []
    marked: list[tuple[int, int, list[int]]] = []
    runs = []
    position = 0
    for start, end, numbers in _runs(block.text, own):
        at += range(position, start)
        canonical.append(block.text[position:start])
        shape = " " * (start > 0) + "".join(f"[{number}]" for number in numbers)
        marked.append((len(at), len(at) + len(shape), numbers))
        at += [start] * len(shape)
        canonical.append(shape)
        runs.append(_Run(block.at[start], block.at[end - 1] + 1, numbers))
        position = end
    at += range(position, len(block.text) + 1)
    canonical.append(block.text[position:])
    text = "".join(canonical)
    spans = [(0, len(text))] if block.kind in ("row", "header") else sentences.spans(text)
    for start, end, numbers in _attributed(spans, marked):
        bare = "".join(
            text[a:b] for a, b in _outside((start, end), [(a, b) for a, b, _ in marked if a < end and b > start])
        ).strip()
        place = block.outer if block.kind == "row" else (block.at[at[start]], block.at[at[min(end, len(text))]])
        if not any(character.isalnum() for character in bare):
            _append(drafts, parts, n, numbers)
        elif block.kind not in ("heading", "header") or numbers:
            drafts.append(_Draft(bare, numbers, n, *place))
    return runs


def _runs(text: str, own: list[Marker]) -> Iterator[tuple[int, int, list[int]]]:
    """Markers with nothing but space between them, and the space before them, as one."""
    n = 0
    while n < len(own):
        start, end = own[n].start, own[n].end
        numbers = list(own[n].numbers)
        while n + 1 < len(own) and not text[end : own[n + 1].start].strip(" \t"):
            n += 1
            end = own[n].end
            numbers += own[n].numbers
        yield len(text[:start].rstrip(" \t")), end, list(dict.fromkeys(numbers))
        n += 1


def _attributed(
    spans: Sequence[tuple[int, int]], marked: Sequence[tuple[int, int, list[int]]]
) -> Iterator[tuple[int, int, list[int]]]:
    """Each sentence with the numbers of its markers.

    Where a paragraph begins with a marker and ends without, markers stand before their sentences: those
    behind a full stop then speak of what follows.
    """
    leading = len(spans) > 1 and bool(marked) and marked[0][0] == spans[0][0] and marked[-1][1] < spans[-1][1] - 1
    bounds = list(spans)
    if leading and any(b == end for _, b, _ in marked for _, end in spans[:-1]):
        for n in range(1, len(bounds)):
            for a, b, _ in marked:
                if b == bounds[n - 1][1]:
                    bounds[n - 1], bounds[n] = (bounds[n - 1][0], a), (a, bounds[n][1])
    for start, end in bounds:
        inside = [number for a, b, numbers in marked if start <= b - 1 < end for number in numbers]
        yield start, end, list(dict.fromkeys(inside))


def _outside(span: tuple[int, int], taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    position = span[0]
    for start, end in taken:
        yield position, max(position, start)
        position = max(position, end)
    yield position, max(position, span[1])


def _append(drafts: list[_Draft], parts: Sequence[Block], n: int, numbers: list[int]) -> None:
    """Markers that stand alone: they speak of the sentence before them, or of the table's rows that cite nothing."""
    if not drafts or not numbers:
        return
    before = [drafts[-1]]
    if parts[n].kind == "text" and parts[drafts[-1].block].kind == "row":
        rows = [draft for draft in drafts if parts[draft.block].kind == "row" and not draft.numbers]
        before = [row for row in rows if all(parts[k].kind == "row" for k in range(row.block, n))] or before
    for draft in before:
        draft.numbers = list(dict.fromkeys([*draft.numbers, *numbers]))


def _pass_on(drafts: list[_Draft], parts: Sequence[Block]) -> None:
    """What the head of a table cites goes to its rows; what “… [1]:” cites, to a list or table that cites nothing."""
    for k, draft in enumerate(drafts):
        block = parts[draft.block]
        header = block.kind == "header"
        if not draft.own or not (header or draft.text.rstrip(" *_").endswith((":", "："))):
            continue
        below = []
        for other in drafts[k + 1 :]:
            inner = parts[other.block]
            if inner.kind != "row" if header else inner.depth <= block.depth:
                break
            below.append(other)
        if header or not any(other.numbers for other in below):
            for other in below:
                other.numbers = list(dict.fromkeys([*other.numbers, *draft.numbers]))
    drafts[:] = [draft for draft in drafts if parts[draft.block].kind != "header"]


def _struck(body: str, runs: Sequence[_Run], known: Collection[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text with each run in the form `[1][2]`; and from which offset on others are how far moved."""
    shown: list[str] = []
    moved = [(0, 0)]
    position = shift = 0
    for run in runs:
        space = body[run.start : run.end]
        space = space[: len(space) - len(space.lstrip(" \t"))]
        kept = "".join(f"[{n}]" for n in run.numbers if n in known)
        shown += [body[position : run.start], space + kept if kept else ""]
        position = run.end
        shift += len(shown[-1]) - (run.end - run.start)
        moved.append((run.end, shift))
    text = "".join([*shown, body[position:]])
    lead = len(text) - len(text.lstrip())
    return text.strip(), [(offset, by - lead) for offset, by in moved]


def _sentence(draft: _Draft, known: Collection[int], moved: list[tuple[int, int]], shown: str) -> Sentence:
    start, end = (max(0, x + moved[bisect_right(moved, (x, 1 << 62)) - 1][1]) for x in (draft.start, draft.end))
    start += len(shown[start:end]) - len(shown[start:end].lstrip())
    end = start + len(shown[start:end].rstrip())
    return Sentence(
        re.sub(r"\s*\n\s*", " ", draft.text),
        tuple(n for n in draft.numbers if n in known),
        tuple(n for n in draft.numbers if n not in known),
        place=(start, end),
    )
