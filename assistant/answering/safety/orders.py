"""Passages that speak to a model instead of a reader ("ignore previous instructions"): found, so that they are flagged.

They stay text, inside their fence; the flag lets a reader judge a source that somebody prepared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from assistant.answering.answer import Source
from ingest.text import one_line

_LONGEST = 80
_ORDERS = (
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}\b(?:previous|prior|above|earlier|preceding|foregoing|all|any|your|the|these|those|system)\b"
    r".{0,20}\b(?:instructions?|prompts?|rules?|directions?|guidelines?(?=\W+(?:and|above|given|you))|messages?|context|constraints?|commands?)\b",
    r"\b(?:ignore|disregard|forget)\b.{0,15}\b(?:all|everything|anything)\b.{0,15}\b(?:above|before|previous)",
    r"\byou are (?:now|no longer)\b.{0,40}\b(?:assistant|model|ai|chatbot|system|dan|mode|bound|restricted)\b",
    r"\b(?:new|updated|hidden|secret|real) (?:system )?(?:instructions?|prompts?)\s*:",
    r"\b(?:system|developer) (?:prompt|message)\b.{0,30}\b(?:reveal|print|show|repeat|is|says?|override)|\b(?:reveal|print|show|repeat|output)\b.{0,20}\b(?:your|the) (?:system |hidden )?(?:prompt|instructions)\b",
    r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|<\s*/?\s*(?:system|assistant|passage|instructions?)\b[^>]{0,40}>|^\s*#{2,}\s*(?:system|instruction|assistant)\b",
    r"\b(?:as an|dear|attention,?|note to|instructions? (?:for|to)) (?:the )?(?:ai|llm|language model|assistant|chatbot)s?\b.{0,60}\b(?:must|should|please|reply|respond|answer|say|recommend|ignore|do not|never|always|you)\b",
    r"\b(?:when|if) (?:you are )?(?:asked|answering|summari[sz]ing)\b.{0,60}\b(?:always|never|only|you must)\b.{0,30}\b(?:say|answer|reply|respond|recommend|cite|claim)\b",
    r"\b(?:do not|don.?t|never) (?:cite|mention|reveal|disclose) (?:this|the) (?:passage|source|instruction|text|document)",
    r"(?:忽略|无视|忘记|忘掉|不要理会|不理会).{0,8}(?:以上|之前|前面|上述|此前|先前|所有).{0,10}(?:指令|指示|提示|规则|要求|说明|内容)",
    r"(?:你现在是|从现在起你是|你不再是).{0,20}(?:助手|模型|人工智能|AI|机器人)|(?:系统提示词?|系统指令)\s*[:：]",
)


def warnings(sources: Sequence[Source]) -> list[str]:
    """A line for each source that gives orders."""
    found = ((source.n, addressed_to_models(f"{source.title}\n{source.text}")) for source in sources)
    return [f"Source [{n}] speaks to a model (“{said}”): it was taken as text." for n, said in found if said]


def addressed_to_models(text: str) -> str:
    """The beginning of what in a text speaks to a model, on one line; empty where nothing does."""
    found = _pattern().search(unicodedata.normalize("NFKC", one_line(text)))
    if found is None:
        return ""
    said = found[0].strip()
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1].rstrip() + "…"


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(_ORDERS), re.IGNORECASE)
