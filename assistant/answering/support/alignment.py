"""A sentence laid beside the place of the source it was taken from, and the segments in which the two differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import pairwise

from assistant.answering.support.analysis import Analysis
from assistant.answering.support.text import Token

# Share of a sentence's tokens that must stand in the source in the same order for the two to be twins.
_ALIKE = 0.6
# … and where the words that match are those that say little.
_ALIKE_IN_FEW_WORDS = 0.75
# Share of a sentence's weight from which what is left is a change and no paraphrase.
SAME_WORDS = 0.8
_SHORTEST = 3
_TOO_COMMON = 40
_DRIFT = 4
_FAR = 40
_CANDIDATES = 8
_TRIED = 2
_STRAY = 6
_LONG = 12  # tokens that may be left out, or put in, between two parts
_LEAD = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch where the two differ: token ranges of the sentence and of the source, either may be empty."""

    claimed: tuple[int, int]
    stated: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Twin:
    """The stretch of the source that says nearly the same, word for word."""

    first: int
    last: int
    """Tokens of the source, both included."""
    share: float
    """How much of the sentence, by weight, stands there unchanged (0 … 1)."""
    segments: tuple[Segment, ...]
    lead: tuple[int, int]
    """Tokens of the source's clause before the stretch, which the sentence leaves out."""
    tail: tuple[int, int]
    """The same behind it (“… did not”)."""


def twin(claim: Analysis, source: Analysis) -> Twin | None:
    """The source's near-verbatim counterpart of a sentence; None where it is said in other words, or not at all."""
    if len(claim.tokens) < _SHORTEST:
        return None
    best: Twin | None = None
    for offset in _offsets(claim, source):
        found = _beside(claim, source, offset)
        if found and (best is None or found.share > best.share):
            best = found
        if best and best.share == 1:
            break
    return best


def _beside(claim: Analysis, source: Analysis, offset: int) -> Twin | None:
    n = len(claim.tokens)
    low, high = _window(source, offset, n)
    ours, theirs = claim.keys, source.keys[low:high]
    if offset >= 0 and theirs[offset - low : offset - low + n] == ours:
        return Twin(offset, offset + n - 1, 1.0, (), (_clause_start(source, offset), offset), _tail(source, offset + n))
    blocks = _held_together(
        [b for b in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks() if b.size],
        source.sentence_of[low:high],
    )
    kept = sum(block.size for block in blocks) / n
    share = sum(sum(claim.weights[block.a : block.a + block.size]) for block in blocks) / (sum(claim.weights) or 1.0)
    few = _ALIKE if claim.script == "CJK" else _ALIKE_IN_FEW_WORDS  # a Chinese token is a character, no word
    if kept < _ALIKE or (kept < few and share < SAME_WORDS):
        return None
    return _compared(claim, source, [(block.a, block.b + low, block.size) for block in blocks], share)


def _held_together(blocks: list[Match], sentence_of: Sequence[int]) -> list[Match]:
    """Without a stray token or two at either end that happen to match far from the rest, or in another sentence."""

    def apart(one: Match, other: Match) -> bool:
        parted = sentence_of[one.b + one.size - 1] != sentence_of[other.b]
        return parted or (other.b - one.b) - (other.a - one.a) > _STRAY

    while len(blocks) > 1 and blocks[0].size <= 2 and apart(blocks[0], blocks[1]):
        blocks = blocks[1:]
    while len(blocks) > 1 and blocks[-1].size <= 2 and apart(blocks[-2], blocks[-1]):
        blocks = blocks[:-1]
    return blocks


def _window(source: Analysis, offset: int, n: int) -> tuple[int, int]:
    """The whole sentences between which the stretch lies, no further than a long parenthesis away."""
    last = len(source.tokens) - 1
    low, high = max(0, min(offset, last)), max(0, min(offset + n - 1, last))
    first, final = source.sentence_of[low], source.sentence_of[high]
    nearest, farthest = max(0, offset - _FAR), min(last, offset + n + _FAR)
    while low > nearest and (source.sentence_of[low - 1] == first or low > offset - _DRIFT):
        low -= 1
    while high < farthest and (source.sentence_of[high + 1] == final or high < offset + n + _DRIFT):
        high += 1
    return low, high + 1


def _offsets(claim: Analysis, source: Analysis) -> list[int]:
    """Where the sentence may begin in the source: the diagonals on which most of its tokens match, the best first."""
    places = [source.positions.get(key, ()) for key in claim.keys]
    needed = _ALIKE * len(places)
    if sum(map(bool, places)) < needed:
        return []
    votes = Counter(place - n for n, found in enumerate(places) if len(found) <= _TOO_COMMON for place in found)

    def near(offset: int, reach: int) -> int:
        return sum(votes.get(offset + shift, 0) for shift in range(-reach, reach + 1))

    likely = [offset for offset, _ in votes.most_common(_CANDIDATES) if near(offset, _LONG) >= needed]
    chosen: list[int] = []
    for offset in sorted(likely, key=lambda offset: (-near(offset, _DRIFT), -votes[offset])):
        if all(abs(offset - other) > _LONG for other in chosen):
            chosen.append(offset)
    return chosen[:_TRIED]


def _compared(claim: Analysis, source: Analysis, blocks: Sequence[tuple[int, int, int]], share: float) -> Twin:
    segments = []
    first_a, first_b, _ = blocks[0]
    last_a, last_b = blocks[-1][0] + blocks[-1][2], blocks[-1][1] + blocks[-1][2]
    begin = _clause_start(source, first_b)
    if first_a:
        begin = max(begin, first_b - first_a - 2)
        segments.append(Segment((0, first_a), (begin, first_b)))
    for (a, b, size), (next_a, next_b, _) in pairwise(blocks):
        if (a + size, b + size) != (next_a, next_b):
            segments.append(Segment((a + size, next_a), (b + size, next_b)))
    end = last_b
    if rest := len(claim.tokens) - last_a:
        limit = min(len(source.tokens), last_b + rest + 2)
        while end < limit and source.sentence_of[end] == source.sentence_of[last_b - 1]:
            end += 1
        segments.append(Segment((last_a, len(claim.tokens)), (last_b, end)))
    lead = (first_b, first_b) if first_a else (begin, first_b)
    tail = _tail(source, end) if end == last_b else (end, end)
    return Twin(first_b, max(end, last_b) - 1, share, tuple(segments), lead, tail)


def _tail(source: Analysis, end: int) -> tuple[int, int]:
    """The token behind a stretch, where it closes the clause."""
    behind = end + 1
    if end >= len(source.tokens) or source.sentence_of[end] != source.sentence_of[end - 1]:
        return end, end
    gap = source.text[source.tokens[end - 1].end : source.tokens[end].start]
    closes = (
        behind == len(source.tokens) or not source.text[source.tokens[end].end : source.tokens[behind].start].isspace()
    )
    return (end, behind) if gap.isspace() and closes else (end, end)


def _clause_start(source: Analysis, token: int) -> int:
    """The first token of the clause in which a token stands, at most a few tokens back."""
    begin = token
    while begin > 0 and token - begin < _LEAD and source.sentence_of[begin - 1] == source.sentence_of[token]:
        between = source.text[source.tokens[begin - 1].end : source.tokens[begin].start]
        if any(mark in between for mark in ",;:.()"):
            break
        begin -= 1
    return begin


def slice_of(analysis: Analysis, bounds: tuple[int, int]) -> Sequence[Token]:
    """The tokens of a range."""
    return analysis.tokens[bounds[0] : bounds[1]]
