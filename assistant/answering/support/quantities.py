"""Quantities: a number with its unit, and whether a source has that very quantity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assistant.answering.support import units
from assistant.answering.support.text import Token

_TOLERANCE = 0.015  # 52 weeks are a year, 26 weeks six months
_WORDS_OF_ONE = frozenset({"one", "One", "half", "Half"})
_HALVES = frozenset({"half", "halved", "一半", "半数"})
_BETWEEN = frozenset({"vs", "versus", "to"})  # figures on both sides share the unit behind the second
_SPREAD = 5  # characters of “ +/- ”: figures so near share it as well


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value, in the base unit of what it measures; `first` … `last` are its tokens."""

    value: float
    dimension: tuple[str, ...]
    """What is measured, then per what; empty for a bare number."""
    size: float
    """Its unit in base units."""
    token: Token
    first: int
    last: int
    implied: bool = False
    """Whether the unit stands behind a later figure only: the 38.4 of `38.4 ± 1.2 vs. 39.4 ± 1.3 weeks`."""

    def means(self, other: Quantity) -> bool:
        """Whether the two are the same where one stands in the other's place: a unit may not be lost."""
        if self._share is not None and self._share == other._share:
            return True
        return self.same(other) and (self.implied or other.implied or bool(self.dimension) == bool(other.dimension))

    def same(self, other: Quantity, *, rounded: bool = False) -> bool:
        """Whether `other`, a source's, is the same amount.

        One without a unit of its own matches any unit, `rounded` forgives rounding. What a source's figures imply
        counts; what the claim's own do is too uncertain to be held against it.
        """
        if self._share is not None and self._share == other._share:
            return True
        if self._bare or not other.dimension or self.dimension == other.dimension:
            return self._equal(other, rounded=rounded)
        return False

    @property
    def _bare(self) -> bool:
        return self.implied or not self.dimension

    @property
    def _share(self) -> float | None:
        """As a part of one: half and 50 % are the same."""
        if self.dimension == ("%",):
            return self.value / 100
        return self.value if self.token.text.lower() in _HALVES else None

    def _equal(self, other: Quantity, *, rounded: bool) -> bool:
        if self._bare or not other.dimension or self.size == other.size:
            ours, theirs = self.value, other.value
            if ours == theirs:
                return True
            return rounded and (abs(ours) == abs(theirs) or _rounds_to(abs(theirs), abs(ours)))
        ours, theirs = self.value * self.size, other.value * other.size
        return abs(ours - theirs) <= _TOLERANCE * max(abs(ours), abs(theirs))


def read(tokens: Sequence[Token]) -> list[Quantity]:
    """The quantities of a text, in order: `5 mg/dl` is one of mass per volume."""
    found = []
    for n, token in enumerate(tokens):
        if token.value is None:
            continue
        measured = [units.named(t.key[2:]) for t in _units_behind(tokens, n)]
        dimension = tuple(unit.dimension for unit in measured)
        size = measured[0].size if measured else 1.0
        for unit in measured[1:]:
            size /= unit.size
        if not measured and token.text.startswith("百分之"):
            dimension = ("%",)
        found.append(Quantity(token.value, dimension, size, token, n, n + len(measured)))
    return _carried(found, tokens)


def _carried(found: list[Quantity], tokens: Sequence[Token]) -> list[Quantity]:
    """The quantities, those before `±`, `vs.` and `to` with the unit that follows once for all."""
    for n in range(len(found) - 2, -1, -1):
        one, other = found[n], found[n + 1]
        if not one.dimension and other.dimension and _share_unit(one, other, tokens):
            found[n] = replace(one, dimension=other.dimension, size=other.size, implied=True)
    return found


def _share_unit(one: Quantity, other: Quantity, tokens: Sequence[Token]) -> bool:
    between = other.first - one.last
    if between == 1:
        return other.token.start - one.token.end in (1, 3, _SPREAD)  # -, ±, +/-: not “, ” and “) ”
    return between == 2 and tokens[one.last + 1].text.lower() in _BETWEEN


def lacking(claimed: Iterable[Quantity], stated: Sequence[Quantity]) -> list[tuple[Quantity, Quantity | None]]:
    """The claimed quantities that a source nowhere states, each with the one there of the same figure in another unit."""
    ratios = _ratios(stated)
    missing = []
    for quantity in claimed:
        if quantity.token.text in _WORDS_OF_ONE or any(quantity.same(other, rounded=True) for other in stated):
            continue
        if any(abs(ratio - quantity.value * _as_share(quantity)) <= 0.006 for ratio in ratios):
            continue
        same_figure = (other for other in stated if other.value == quantity.value)
        missing.append((quantity, next(same_figure, None)))
    return missing


def _units_behind(tokens: Sequence[Token], n: int) -> list[Token]:
    found: list[Token] = []
    for token in tokens[n + 1 : n + 3]:
        near = token.start - (found[-1] if found else tokens[n]).end <= 1
        if token.kind != "unit" or not near or token.key == "u:°" or (found and found[0].key == "u:%"):
            break
        found.append(token)
    return found


def _as_share(quantity: Quantity) -> float:
    return 0.01 if quantity.dimension == ("%",) else 1.0


def _ratios(stated: Sequence[Quantity]) -> list[float]:
    """Shares a source states in another form: 35 %, or two numbers side by side (81/395, one in five)."""
    shares = [quantity.value / 100 for quantity in stated if quantity.dimension == ("%",)]
    for one, other in pairwise(stated):
        if 0 < one.value < other.value and other.first - one.first <= 3:
            shares.append(one.value / other.value)
    return shares


def _rounds_to(exact: float, given: float) -> bool:
    digits = f"{given:.10g}"
    decimals = len(digits.partition(".")[2])
    if decimals == 0 and given >= 10 and given % 10 == 0:
        return abs(exact - given) <= 0.03 * given
    return round(exact, decimals) == given and abs(exact - given) <= 0.1 * given
