"""Negation and direction: which words deny, which say more or less, and what two readings of them disagree on."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache

from assistant.answering.support.text import Token

_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "nor",
        "neither",
        "never",
        "none",
        "without",
        "cannot",
        "nothing",
        "nobody",
        "nowhere",
        "lack",
        "lacks",
        "lacked",
        "lacking",
        "absence",
        "absent",
        "unable",
        "hardly",
        "fail",
        "fails",
        "failed",
        "failing",
        "rarely",
        "barely",
        "不",
        "没",
        "无",
        "未",
        "非",
        "否",
        "勿",
    ]
)
_REACH = 5  # tokens from a word of direction to the words it is about
_SCOPE = 4  # tokens behind a denial that it turns round
_TELLING = 0.6  # least weight of a word that can have a direction

# Stems of change and amount: what is claimed of a quantity. `…` ends a stem, other words are whole.
_UP = (
    "increas… elevat… high higher highest rais… rise rises rising risen rose more most greater greatest larger largest upregulat… up "
    "enhanc… augment… accelerat… promot… stimulat… activat… induc… facilitat… amplif… potentiat… boost… strengthen… stronger "
    "gain gains gained expan… grow grew grows growth improv… better best longer longest faster fastest above upper over exceed… "
    "exceeding maximum maximal max abundant exacerbat… encourag… trigger… heighten… doubl… tripl… majority often frequent… common… "
    "overexpress… many much excess… exten… prolong… additional superior… rapid… large 增 升 高 多 加 强 促 激 长 大 快 好"
)
_DOWN = (
    "decreas… reduc… low lower lowest lowered lowers lowering less least fewer fewest small smaller smallest diminish… declin… drop… "
    "fall falls fell fallen falling downregulat… down attenuat… suppress… inhibit… block… repress… impair… abrogat… abolish… prevent… "
    "impede… impedes slow… weak… loss lost lose loses worse… worst deteriorat… shorter shortest short below lesser under minimum minimal "
    "min deplet… minimi… mitigat… discourag… hinder… disrupt… restrict… limit… curb… halv… minority seldom rare infrequent… scarce… "
    "deficien… inactivat… deactivat… underexpress… few little shrink… shrunk dampen… blunt… eliminat… inferior… lessen… alleviat… "
    "ameliorat… narrow… delay… 减 降 低 少 弱 抑 阻 短 小 慢 差 缓"
)
# Opposites that say nothing of an amount: they count only where one stands in the other's place.
_FOR = (
    "positive… benefi… effective… efficac… safe… favor… favour… success… advantage… agonist… presence present with before early "
    "earlier first sensitive… responsive… likely able significant… includ… protect… surviv… alive always all both "
    "normal… stable similar… equal… identical… same known acceptable adequate… sufficient… appropriate… useful accept… "
    "independent… direct… start… initiat… begin… began prior pre preoperative… since allow… permit… enable… support… confirm… agree… strong… "
    "gained healthy strict… consistent… tolera… complet… well good high maximal full… active feasible possible prosper… win acute… "
    "superior… necessary required essential male men boys man old… elderly adult… major short simple easy easier left "
    "upstream excitatory bilateral open remission internal anterior proximal inner primary systolic hot warm heavy heavier wet thick deep strengthen mild milder mildly benign acquired maternal dominant 阳 有 能 前 早 是"
)
_AGAINST = (
    "negative… inverse… harm… ineffective… inefficac… unsafe dangerous adverse… unfavor… unfavour… fail… disadvantage… antagonist… absence "
    "absent without after late later last resistan… refractory unresponsive… insensitive… unlikely unable insignificant… "
    "nonsignificant… exclud… risk… threat… die died dies dead death… mortality never none neither abnormal… unstable differ… "
    "distinct… unequal… unknown unacceptable inadequate… insufficient… inappropriate… useless reject… dependent… indirect… stop… discontinu… "
    "cease… end ended following post postoperative… until forbid… preclude… disable… oppose… refut… disagree… contradict… weak… "
    "unhealthy inconsistent… intoleran… partial… incomplet… poor… bad inactive infeasible impossible lose chronic… "
    "unnecessary redundant dispensable optional female… women girls woman young… child… minor long complex difficult harder right "
    "downstream inhibitory unilateral closed relapse… external posterior distal outer secondary diastolic cold cool light lighter dry thin shallow severe… malignan… congenital paternal recessive hazard… toxic… protection 阴 后 晚"
)
_DENYING = ("un", "in", "im", "ir", "non", "dis", "a", "anti")
_AFFIX = re.compile(rf"^(?:{'|'.join(_DENYING)})(?=\w{{4,}})")


_OPPOSITE_AFFIXES = (
    ("hyper", "hypo"),
    ("over", "under"),
    ("pre", "post"),
    ("intra", "extra"),
    ("tachy", "brady"),
    ("up", "down"),
)


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile("|".join(w.replace("…", r"\w*") for w in words.split()))


_CHANGE = ((_pattern(_UP), 1), (_pattern(_DOWN), -1))
_VALUE = ((_pattern(_FOR), 1), (_pattern(_AGAINST), -1))


@lru_cache(maxsize=65_536)
def change(word: str) -> int:
    """1 for a word of increase (or >), -1 for one of decrease (or <), else 0."""
    if word in "<>≤≥":
        return 1 if word in ">≥" else -1
    return next((sign for pattern, sign in _CHANGE if pattern.fullmatch(word.lower())), 0)


@lru_cache(maxsize=65_536)
def value(word: str) -> int:
    """1 or -1 for the sides of opposites such as positive/negative, before/after; else 0."""
    return next((sign for pattern, sign in _VALUE if pattern.fullmatch(word.lower())), 0)


@lru_cache(maxsize=65_536)
def negates(word: str) -> bool:
    """Whether a word denies what stands near it."""
    lower = "" if word == "NO" else word.lower().replace("’", "'")  # NO is nitric oxide
    return lower in _NEGATIONS or lower.endswith("n't")


def negations(tokens: Iterable[Token]) -> list[Token]:
    """The tokens that deny something."""
    return [token for token in tokens if negates(token.text)]


def opposed(claimed: Sequence[Token], stated: Sequence[Token]) -> tuple[Token, Token] | None:
    """A word of `claimed` and the one of opposite direction that `stated` has in its place; None where they agree.

    A negation beside a word of change turns it round: “did not fall” and “rose” agree.
    """
    for reading in (change, value):
        ours = [(token, reading(token.text)) for token in claimed if reading(token.text)]
        theirs = [(token, reading(token.text)) for token in stated if reading(token.text)]
        ours, theirs = _without_common(ours, theirs), _without_common(theirs, ours)
        if ours and theirs:
            turned = reading is change and bool(negations(claimed)) != bool(negations(stated))
            if ours[0][1] != theirs[0][1] and not turned:
                return ours[0][0], theirs[0][0]
            return None
    return None


def affix_negated(claimed: Iterable[Token], stated: Container[str]) -> tuple[Token, str] | None:
    """A word and that of `stated` (lower case) of which one is the other denied by its beginning: significant, nonsignificant."""
    for token in claimed:
        word = token.text.lower()
        bare = _AFFIX.sub("", word)
        for other in (bare, *(affix + word for affix in _DENYING)):
            if len(word) > 3 and other != word and other in stated:
                return token, other
    return None


def affix_opposed(claimed: Sequence[Token], stated: Sequence[Token]) -> tuple[Token, Token] | None:
    """Two words that differ by a beginning of opposite direction: hypertensive, hypotensive."""
    for ours in claimed:
        for theirs in stated:
            one, other = ours.text.lower(), theirs.text.lower()
            for up, down in _OPPOSITE_AFFIXES:
                if {one, other} in (
                    {up + one.removeprefix(up), down + one.removeprefix(up)},
                    {up + one.removeprefix(down), down + one.removeprefix(down)},
                ):
                    return ours, theirs
    return None


def _without_common(some: list[tuple[Token, int]], others: list[tuple[Token, int]]) -> list[tuple[Token, int]]:
    keys = {token.key for token, _ in others}
    return [pair for pair in some if pair[0].key not in keys]


def leanings(
    tokens: Sequence[Token], weights: Sequence[float], sentence_of: Sequence[int]
) -> dict[str, tuple[float, Token]]:
    """Telling word → the sum of the directions around it, nearer ones counting more, and the first word that gives one."""
    found: dict[str, tuple[float, Token]] = {}
    for n, sign in _signed(tokens):
        for near in range(max(0, n - _REACH), min(len(tokens), n + _REACH + 1)):
            if (
                near == n
                or weights[near] <= _TELLING
                or sentence_of[near] != sentence_of[n]
                or change(tokens[near].text)
            ):
                continue
            total, witness = found.get(tokens[near].key, (0.0, tokens[n]))
            found[tokens[near].key] = total + sign * weights[near] / (1 + abs(near - n)), witness
    return found


def _signed(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The words of direction, each with its sign, turned round where it is denied."""
    for n, token in enumerate(tokens):
        if token.kind != "sign" and (sign := change(token.text)):
            denied = any(negates(before.text) for before in tokens[max(0, n - _SCOPE) : n])
            yield n, -sign if denied else sign
