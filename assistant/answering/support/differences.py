"""What a sentence says otherwise than its near-verbatim counterpart in the source: numbers, units, polarity, entities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assistant.answering.support import dates, entities, polarity, quantities
from assistant.answering.support.alignment import Segment, Twin, slice_of
from assistant.answering.support.analysis import Analysis
from assistant.answering.support.quantities import Quantity
from assistant.answering.support.reasons import Kind, Reason
from assistant.answering.support.text import Token

_LETTERS = frozenset("BCDEKT")  # T cells, vitamin D, hepatitis B: one letter that names
# Words that count or measure without being a number: in each other's place they are another number, or another unit.
_RANKS = """
    first second third fourth fifth sixth seventh eighth ninth tenth once twice thrice single double triple quadruple
    doubled tripled halved half quarter primary secondary tertiary
"""
_PERIODS = """
    hourly daily nightly weekly fortnightly monthly quarterly yearly annually annual biweekly bimonthly biannual
    hour day night week fortnight month year decade hours days nights weeks months years decades minute minutes
"""
_COUNTS: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("number", frozenset(_RANKS.split())),
    ("number", frozenset(dates.MONTHS) - {"may"}),
    ("unit", frozenset(_PERIODS.split())),
)
_CAUSES = frozenset({"cause", "causes", "caused", "causing"})  # in place of “prevent”, no word of every abstract
_NEAR = 4  # tokens from a denial left out to the words that are left


def differences(claim: Analysis, source: Analysis, twin: Twin) -> list[Reason]:
    """Every difference that changes what is said, in the order of the sentence."""
    other_form = entities.abbreviated(claim, source) if twin.segments else {}
    moved = [
        q
        for s in twin.segments
        if not _content(slice_of(source, s.stated))
        for q in _within(source.quantities, s.stated)
    ]
    found: list[Reason] = []
    for segment in twin.segments:
        if _joined(claim, segment.claimed) == _joined(source, segment.stated):
            continue  # dose-response, dose response
        found += _numbers(claim, source, segment, moved)
        turned = _direction(claim, source, segment)
        found += turned or _unmatched_direction(claim, source, segment)
        found += [] if turned else _entities(claim, source, segment, other_form)
    return _negation(claim, source, twin) + found


def _numbers(claim: Analysis, source: Analysis, segment: Segment, moved: Sequence[Quantity]) -> list[Reason]:
    """Quantities that differ; `moved` are those of the source that stand by themselves where the sentence has another."""
    claimed = _within(claim.quantities, segment.claimed) if segment.claimed[0] < segment.claimed[1] else []
    stated = _within(source.quantities, segment.stated)
    found = []
    for quantity in claimed:
        if any(quantity.means(other) for other in stated):
            continue
        other = next((o for o in stated if o.value == quantity.value), next(iter(stated), None))
        if other is None and not quantities.lacking([quantity], source.quantities):
            swapped = next((m for m in moved if quantity.means(m)), None)
            if swapped is None or _content(slice_of(claim, segment.claimed)):
                continue  # added from elsewhere in the source
            found.append(Reason("number", f"“{said(claim, quantity)}” stands in another place in the source"))
            continue
        kind: Kind = "unit" if other and other.value == quantity.value else "number"
        found.append(Reason.of(kind, said(claim, quantity), said(source, other) if other else ""))
    ours, theirs = (
        [t for t in slice_of(a, bounds) if t.kind in ("unit", "sign")]
        for a, bounds in ((claim, segment.claimed), (source, segment.stated))
    )
    if not claimed and ours and theirs and ours[0].kind == theirs[0].kind and ours[0].key != theirs[0].key:
        kind = "unit" if ours[0].kind == "unit" else "number"
        found.append(Reason.of(kind, _with_number(claim, ours[0]), _with_number(source, theirs[0])))
    return found


def _direction(claim: Analysis, source: Analysis, segment: Segment) -> list[Reason]:
    ours = [t for t in slice_of(claim, segment.claimed) if t.kind != "sign"]
    theirs = [t for t in slice_of(source, segment.stated) if t.kind != "sign"]
    for kind, counts in _COUNTS:
        one, other = ([t for t in some if t.text.lower() in counts] for some in (ours, theirs))
        if one and other and one[0].key != other[0].key:
            return [Reason.of(kind, one[0].text, other[0].text)]
    if pair := polarity.opposed(ours, theirs):
        return [Reason.of("direction", pair[0].text, pair[1].text)]
    if pair := polarity.affix_opposed(ours, theirs):
        return [Reason.of("direction", pair[0].text, pair[1].text)]
    if denied := polarity.affix_negated(ours, {t.text.lower() for t in theirs}):
        return [Reason.of("negation", denied[0].text, denied[1])]
    return []


def _unmatched_direction(claim: Analysis, source: Analysis, segment: Segment) -> list[Reason]:
    """A direction where the source has another word, or another word where the source has a direction."""
    ours, theirs = _words(slice_of(claim, segment.claimed)), _words(slice_of(source, segment.stated))
    claimed, stated = ([t for t in some if polarity.change(t.text)] for some in (ours, theirs))
    other = _content(ours) or [token for token in ours if token.text.lower() in _CAUSES]
    if stated and not claimed and other:
        return [Reason.of("direction", other[0].text, stated[0].text)]
    if claimed and not stated and theirs:
        return [Reason.of("direction", claimed[0].text, theirs[0].text)]
    return []


def _negation(claim: Analysis, source: Analysis, twin: Twin) -> list[Reason]:
    ours = [t for s in twin.segments for t in polarity.negations(slice_of(claim, s.claimed))]
    theirs = [t for s in twin.segments for t in _denials_near(slice_of(source, s.stated))]
    theirs += polarity.negations([*slice_of(source, twin.lead), *slice_of(source, twin.tail)])
    if bool(ours) == bool(theirs):
        return []
    if any(_turns(claim, source, segment) for segment in twin.segments):
        return []  # “did not fall” where the source says “rose”
    return [Reason.of("negation", ours[0].text if ours else "", theirs[0].text if theirs else "")]


def _turns(claim: Analysis, source: Analysis, segment: Segment) -> bool:
    ours, theirs = slice_of(claim, segment.claimed), slice_of(source, segment.stated)
    signs = [{polarity.change(t.text) for t in some} - {0} for some in (ours, theirs)]
    denied = bool(polarity.negations(ours)) != bool(polarity.negations(theirs))
    return denied and len(signs[0]) == len(signs[1]) == 1 and signs[0] != signs[1]


def _denials_near(tokens: Sequence[Token]) -> list[Token]:
    """Denials at the end of a stretch, where they bear on what follows; one in a parenthesis left out does not."""
    return polarity.negations(tokens[-_NEAR:])


def _entities(claim: Analysis, source: Analysis, segment: Segment, other_form: dict[int, int]) -> list[Reason]:
    stated = slice_of(source, segment.stated)
    ours = [
        token
        for n, token in enumerate(slice_of(claim, segment.claimed), start=segment.claimed[0])
        if token in _content([token])
        and n not in other_form
        and not any(token.key == t.key or entities.akin(token.text, t.text) for t in stated)
    ]
    theirs = [t for t in _words(stated) if not any(t.key == o.key for o in slice_of(claim, segment.claimed))]
    elsewhere = not theirs or _set_apart(claim, segment.claimed)
    if not ours or (elsewhere and all(source.places(token)[0] for token in ours)):
        return []
    return [Reason.of("entity", _phrase(claim, ours), _phrase(source, theirs) if theirs else "")]


def _set_apart(claim: Analysis, bounds: tuple[int, int]) -> bool:
    """Whether a semicolon parts these tokens from the rest, as the cells of a table's row: nothing was put in their place."""
    tokens, (first, behind) = claim.tokens, bounds
    before = claim.text[tokens[first - 1].end : tokens[first].start] if first else ""
    after = claim.text[tokens[behind - 1].end : tokens[behind].start] if behind < len(tokens) else ""
    return ";" in before + after


def _content(tokens: Iterable[Token]) -> list[Token]:
    """Words that name something: none of direction or denial, none that any abstract may use for another."""
    return [
        t
        for t in _words(tokens)
        if not polarity.change(t.text)
        and (entities.is_name(t) or not (entities.general(t.text) or t.text.endswith("ly")))
    ]


def _words(tokens: Iterable[Token]) -> list[Token]:
    """Words with a meaning of their own, longer than a letter; no denial."""
    return [
        t
        for t in tokens
        if t.kind in ("word", "name", "han", "letters")
        and (len(t.text) > (t.kind == "word") or t.text in _LETTERS)
        and not polarity.negates(t.text)
    ]


def _within(all_of: Sequence[Quantity], bounds: tuple[int, int]) -> list[Quantity]:
    return [q for q in all_of if q.first < bounds[1] and q.last >= bounds[0]]


def said(analysis: Analysis, quantity: Quantity) -> str:
    """A quantity as it is written."""
    return analysis.text[quantity.token.start : analysis.tokens[quantity.last].end]


def _with_number(analysis: Analysis, token: Token) -> str:
    n = analysis.tokens.index(token)
    first, last = (n, min(n + 1, len(analysis.tokens) - 1)) if token.kind == "sign" else (max(0, n - 1), n)
    return analysis.text[analysis.tokens[first].start : analysis.tokens[last].end]


def _joined(analysis: Analysis, bounds: tuple[int, int]) -> str:
    return "".join(token.text for token in slice_of(analysis, bounds)).casefold()


def _phrase(analysis: Analysis, tokens: Sequence[Token]) -> str:
    return analysis.text[tokens[0].start : tokens[-1].end]
