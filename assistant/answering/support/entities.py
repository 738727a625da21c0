"""Names of things: drugs, conditions, genes, abbreviations; which words are one, and which are the same in other letters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from assistant.answering.support import text
from assistant.answering.support.text import Token

if TYPE_CHECKING:
    from assistant.answering.support.analysis import Analysis

_AKIN = 0.7
# Words that any abstract may use for any other: putting one for another changes no fact.
_GENERAL = """
    patient subject participant individual person people case control group cohort sample study trial analysis analyze investigate
    investigation examine examination evaluate evaluation assess assessment measure measurement determine observe observation show
    shown demonstrate indicate suggest reveal report find found result conclude conclusion method objective background aim purpose
    data evidence effect affect impact influence role associate association correlate correlation relate relationship link cause lead
    led contribute involve play act function occur happen exist appear seem become perform conduct use utilize employ treat treatment
    therapy administer administration receive give given level rate amount number degree value concentration express expression
    process mechanism pathway factor system model type form kind part portion proportion percentage compare comparison versus vs
    respectively significant significantly important importance major key main potential possible specific general overall certain
    various different several other new novel recent recently current currently previous previously provide require need allow
    produce generate create develop development identify detect describe consider confirm support mediate regulate regulation modulate
    follow throughout among within via through per also thus therefore however furthermore moreover finally approximately nearly almost
    about mainly mostly primarily likely total mean median average time outcome response difference change crucial essential considerable marked collect obtain carry remain include child pediatric
    adult participate introduce apply adopt estimate calculate define establish discuss address explore aim attempt seek hypothesis
"""
_CAPITALS = re.compile(r"(?:[A-Z].*){2}|.*[a-z][A-Z]")


@lru_cache(maxsize=65_536)
def general(word: str) -> bool:
    """Whether a word is the common stock of every abstract (patients, showed, levels)."""
    return text.stem(word)[0] in _general_stems()


@lru_cache(maxsize=1)
def _general_stems() -> frozenset[str]:
    return frozenset(text.stem(word)[0] for word in _GENERAL.split())


def is_name(token: Token) -> bool:
    """Whether a token looks like a gene, a drug code or an abbreviation: capitals inside, or digits."""
    return token.kind == "name" or (token.kind == "word" and len(token.text) > 1 and bool(_CAPITALS.match(token.text)))


def weight(token: Token) -> float:
    """How much a token says: names most, long words more than short, words of every abstract little, function words nothing."""
    if token.kind in ("function", "sign"):
        return 0.0
    if token.kind in ("unit", "han"):
        return 0.4
    if token.kind == "number":
        return 1.0
    if is_name(token):
        return 2.0
    if general(token.text):
        return 0.5
    return 0.5 + min(len(token.text), 12) / 8


@lru_cache(maxsize=65_536)
def akin(one: str, other: str) -> bool:
    """Whether two words are forms of one: phosphorylates, phosphorylation."""
    one, other = one.lower(), other.lower()
    common = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return common >= 5 and common >= _AKIN * max(len(one), len(other))


def abbreviated(claim: Analysis, source: Analysis) -> dict[int, int]:
    """Tokens of `claim` that `source` has in the other form: index in `claim` → index in `source`.

    An abbreviation stands for a run of words with its letters as initials (CKD, chronic kidney disease),
    defined or not, in either text; each word of a run stands for the abbreviation.
    """
    found = {}
    for n, short in claim.abbreviations:
        if claim.tokens[n].key not in source.positions and (at := source.initials.find(short)) >= 0:
            found[n] = at
    for n, short in source.abbreviations:
        spelt_out = short in source.initials  # then other words with its letters are another thing
        if not spelt_out and source.tokens[n].key not in claim.positions and (at := claim.initials.find(short)) >= 0:
            found |= {at + k: n for k in range(len(short)) if claim.tokens[at + k].key not in source.positions}
    return found


def letters(token: Token) -> str:
    """The letters of an abbreviation of three to six capitals, in lower case; else nothing."""
    short = token.text.removesuffix("s")
    return short.lower() if 3 <= len(short) <= 6 and short.isupper() and short.isalpha() else ""
