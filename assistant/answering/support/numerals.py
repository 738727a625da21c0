"""Numbers as they are written: digits with separators, English and Chinese words, fractions and multiples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.answering.support.text import Token

_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "千": 1e3, "万": 1e4, "亿": 1e8}
_PLAIN = r"(?:\d{1,3}(?:[,  ]\d{3})+(?!\d)(?:\.\d+)?|\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|\.\d+)"
DIGITS = rf"(?:(?<![\w.)%\]])-|(?<![A-Za-z0-9]))?{_PLAIN}(?:\s?(?:thousand|million|billion)\b|[万亿千])?"
_HAN_DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_HAN_TENS = {"十": 10, "百": 100, "千": 1000}
_HAN = "零〇一二两三四五六七八九十百千万亿"
_COUNTED = "个名例位天周月年日岁次倍片粒种组项期级度小分秒毫克公厘升成人"
CHINESE = rf"一半|半数|百分之[{_HAN}点\d.]+|[{_HAN}]+(?=[{_COUNTED}])"

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: float(n) for n, word in enumerate(_UNITS.split())}
_WORDS |= {word: 10.0 * n for n, word in enumerate(_TENS.split(), start=2)}
_MULTIPLES = {"half": 0.5, "halved": 0.5, "twice": 2.0, "doubled": 2.0, "thrice": 3.0, "tripled": 3.0, "dozen": 12.0}
_FOLD = re.compile(r"(\w+?)-?fold$")


def value(text: str) -> float:
    """The value of a numeral matched by `DIGITS` or `CHINESE`; a percentage in Chinese words is its number of per cent."""
    if text in ("一半", "半数"):
        return 0.5
    text = text.replace("百分之", "")
    if text[0] in _HAN:
        return _chinese(text)
    scale = 1.0
    if match := re.search(r"\s?(thousand|million|billion|[万亿千])$", text):
        scale, text = _SCALES[match[1]], text[: match.start()]
    if re.fullmatch(r"-?\d+,\d{1,2}", text):
        text = text.replace(",", ".")
    return float(re.sub("[, ]", "", text)) * scale


def word(text: str) -> float | None:
    """The value of an English number word (two, twofold, twice, half); None for other words."""
    lower = text.lower()
    if (found := _WORDS.get(lower, _MULTIPLES.get(lower))) is not None:
        return found
    fold = _FOLD.match(lower)
    return _WORDS.get(fold[1]) if fold else None


def key(value: float) -> str:
    """Two numbers are the same where their keys are."""
    return f"#{value:.10g}"


def merged(tokens: list[Token]) -> list[Token]:
    """Number words that make one number (seventy-one, two hundred and five) as one token."""
    if not any(token.kind == "number" and token.text[0].isalpha() for token in tokens):
        return tokens
    found: list[Token] = []
    for token in tokens:
        last = found[-1] if found else None
        if last and last.value is not None and last.text[0].isalpha() and token.start - last.end <= 1:
            total = _joined(last.value, token)
            if total is not None:
                found[-1] = _number(last, token, total)
                continue
        found.append(token)
    return found


def _joined(before: float, token: Token) -> float | None:
    scale = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}.get(token.text.lower())
    if scale and before < scale:
        return before * scale
    small = token.value is not None and token.text[0].isalpha() and 0 < token.value < 10
    return before + float(token.value or 0) if small and before >= 20 and before % 10 == 0 else None


def _number(first: Token, last: Token, total: float) -> Token:
    from assistant.answering.support.text import Token

    return Token(f"{first.text} {last.text}", key(total), "number", first.start, last.end, total)


def _chinese(text: str) -> float:
    whole, _, decimals = text.partition("点")
    total = section = digit = 0.0
    for character in whole:
        if character in _HAN_DIGITS:
            digit = float(_HAN_DIGITS[character])
        elif character in _HAN_TENS:
            section += (digit or 1.0) * _HAN_TENS[character]
            digit = 0.0
        elif character in _SCALES:
            total = (total + section + digit) * _SCALES[character]
            section = digit = 0.0
    fraction = "".join(str(_HAN_DIGITS.get(c, c)) for c in decimals)
    return total + section + digit + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
