"""Does a question seem to name a patient, and would it leave this machine?

Patterns find what identifies: the kinds of HIPAA's safe-harbour list (45 CFR 164.514(b)(2)) that a line of text
can show, and their Chinese counterparts. They find the usual forms, not every form: a warning, no guarantee.
What was found is never repeated, only its kind.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from configs.errors import PrivacyBlocked
from configs.settings import Settings

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = rf"(?:\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH},?\s+\d{{4}}|{_MONTH}\s+\d{{1,2}},?\s+\d{{4}})"
_NAME = r"[A-Z][\w'’-]+(?:\s+[A-Z]\.)?(?:\s+[A-Z][\w'’-]+)+"
_PATTERNS = {
    "an e-mail address": r"(?i:\b[\w.+-]+@[\w-]+\.[a-z]{2,}\b)",
    "a telephone number": (
        r"(?i:\b(?:tel|phone|mobile|cell|call|fax)\b[^\d+]{0,15}\+?\d[\d ()./-]{6,}\d)"
        r"|(?<![\d.-])(?:\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\d-])"
        r"|(?<![\d.])\+\d{1,3}[ .-]?\d[\d ().-]{6,}\d|(?<!\d)1[3-9]\d{9}(?!\d)"
    ),
    "a date of birth": (
        rf"(?i:\b(?:d\.?o\.?b\.?|date of birth|birth ?date|born(?: on)?)\b[\s:=]*(?:on\s+)?{_DATE})"
        r"|(?:出生日期|出生于|生日)[\s:：为是]*\d{4}\s*[-年/.]\s*\d{1,2}\s*[-月/.]\s*\d{1,2}"
        r"|\d{4}\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*日\s*(?:出?生)"
    ),
    "a record or insurance number": (
        r"(?i:\b(?:mrn|medical record|hospital|patient|chart|case|record|insurance|policy|member|medicare|medicaid|account)"
        r"\s*(?:id|no\.?|number|num|nr\.?|#)?\s*[:#=]?\s*(?=[a-z-]{0,4}\d)[a-z]{0,4}-?\d[\d-]{4,}\w*)"
        r"|(?:住院号|门诊号|病历号|病案号|医保号|医保卡号|就诊卡号|就诊号)[\s:：为是]*\w*\d{4,}"
    ),
    "a name": (
        rf"\b(?:[Pp]atient(?:'s)? name|[Nn]ame|[Nn]amed|[Cc]alled|[Pp]atient\s*:)\s*(?:is|was|:|=)?\s*{_NAME}"
        rf"|\b[Pp]atient\s+{_NAME}(?=\s*(?:[,;(.]|$|(?:is|has|was|had|with|who|born|aged|DOB|\d)\b))"
        rf"|\b(?:Mr|Mrs|Ms|Miss|Mx)\.?\s+[A-Z][\w'’-]+|\b(?i:my name is|i am called)\s+[A-Z][\w'’-]+"
        r"|(?:姓名|患者名|病人名|患者叫|病人叫|名叫|我叫)[\s:：为是]*[\u4e00-\u9fff]{2,4}"
    ),
    "an address": (
        r"(?i:\b\d{1,5}\s+(?:[a-z]+\s+){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|court|terrace)\b\.?)"
        r"|(?:家住|住址|地址)[\s:：为是]*[\u4e00-\u9fff]{2,}?(?:[省市区县镇村路街]|\d)|[\u4e00-\u9fff]{2,}(?:路|街|巷|弄)\d+\s*号"
    ),
    "a social security number": r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])",
}
_TEN_DIGITS = re.compile(r"(?<![\d.])(\d{3})[ -]?(\d{3})[ -]?(\d{4})(?![\d.])")
_CHINESE_ID = re.compile(r"(?<!\d)[1-9]\d{5}(?:19|20)\d{9}[\dXx](?![\dXx])")


@dataclass(frozen=True, slots=True)
class Concern:
    """What a question seems to hold of a patient's identity, and to which hosts it would be sent."""

    kinds: tuple[str, ...]
    hosts: tuple[str, ...]

    def __str__(self) -> str:
        return f"the question seems to hold {_listed(self.kinds)} and would be sent to {_listed(self.hosts)}"


def concern(question: str, settings: Settings) -> Concern | None:
    """What speaks against sending this question; None where nothing does, it stays here, or `privacy` is `off`."""
    if settings.privacy == "off" or not (hosts := remote_hosts(settings)):
        return None
    kinds = identifiers(question)
    return Concern(kinds, hosts) if kinds else None


def checked(question: str, settings: Settings) -> Concern | None:
    """As `concern`, where that is a warning.

    Raises:
        PrivacyBlocked: `privacy` is `block`, and there is a concern.
    """
    found = concern(question, settings)
    if found is not None and settings.privacy == "block":
        raise PrivacyBlocked(
            f"{found}; nothing was sent",
            fix="Take it out of the question, or use servers on this machine.",
        )
    return found


def remote_hosts(settings: Settings) -> tuple[str, ...]:
    """The hosts beyond this machine that a question's words go to: embedder, model, reranker, verifier."""
    urls = [settings.generation.url]
    if settings.verification.enabled:
        urls.append(settings.verification.url)
    if settings.embedding.provider == "openai":
        urls.append(settings.embedding.url)
    if settings.rerank.provider == "server":
        urls.append(settings.rerank.url)
    return tuple(dict.fromkeys(host for url in urls if url and not _is_local(host := urlsplit(url).hostname or url)))


def identifiers(text: str) -> tuple[str, ...]:
    """The kinds of identifiers that seem to be in a text, each once."""
    text = unicodedata.normalize("NFKC", text)
    kinds = [kind for kind, pattern in _patterns().items() if pattern.search(text)]
    if any(_is_nhs("".join(match.groups())) for match in _TEN_DIGITS.finditer(text)):
        kinds.append("an NHS number")
    if any(_is_chinese_id(match[0]) for match in _CHINESE_ID.finditer(text)):
        kinds.append("a Chinese identity number")
    return tuple(kinds)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_nhs(digits: str) -> bool:
    """Modulus 11, as the NHS Data Dictionary has it."""
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return len(set(digits)) > 1 and check % 11 == int(digits[9]) and check != 10


def _is_chinese_id(number: str) -> bool:
    """The check character of GB 11643-1999."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
