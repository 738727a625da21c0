"""Dates: March 5, 2020 and 2020-03-05 are read as 5 March 2020."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.answering.support.text import Token

_IN_ORDER = "january february march april may june july august september october november december"
MONTHS = _IN_ORDER.split()
_BY_NAME = {name: n for n, month in enumerate(MONTHS, start=1) for name in (month, month[:3])} | {"sept": 9}
# Sets, since most tokens have no value or a fraction, which a range would be searched for from end to end.
_YEARS, _NUMBERS, _DAYS = frozenset(range(1800, 2200)), frozenset(range(1, 13)), frozenset(range(1, 32))
_APART = 2  # characters between the parts: “5, 2020”, “Mar. 5”


def in_order(tokens: list[Token]) -> list[Token]:
    """The tokens, with those of a whole date as day, month by its name, year; places in the text stay in order."""
    n = 0
    while n + 2 < len(tokens):
        run = tokens[n : n + 3]
        if _years(run[0], run[2]) and (parts := _parts(run)) is not None:
            tokens[n : n + 3] = [part._replace(start=at.start, end=at.end) for part, at in zip(parts, run, strict=True)]
            n += 2
        n += 1
    return tokens


def _years(*tokens: Token) -> bool:
    return any(token.value in _YEARS and len(token.text) == 4 for token in tokens)


def _parts(run: list[Token]) -> list[Token] | None:
    """Day, month and year of three tokens that are a date; None where they are none."""
    one, two, three = run
    gaps = [two.start - one.end, three.start - two.end]
    if max(gaps) > _APART:
        return None
    if _years(one):
        numeric = gaps == [1, 1] and len(two.text) == len(three.text) == 2 and two.value in _NUMBERS
        return [three, _month(two, int(two.value or 0)), one] if numeric and _is_day(three) else None
    if _is_day(one) and (month := _BY_NAME.get(two.text.lower())):
        return [one, _month(two, month), three]
    if _is_day(two) and (month := _BY_NAME.get(one.text.lower())):
        return [two, _month(one, month), three]
    return None


def _is_day(token: Token) -> bool:
    return token.value in _DAYS


def _month(token: Token, number: int) -> Token:
    # Imported here: text reads dates.
    from assistant.answering.support.text import stem

    name = MONTHS[number - 1].capitalize()
    return token._replace(text=name, key=stem(name)[0], kind="word", value=None)
